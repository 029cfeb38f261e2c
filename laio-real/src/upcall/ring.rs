//! A kernel thread's context switches, as the kernel tells them without being asked.
//!
//! A dummy perf event with `context_switch` writes a record of 8 bytes into a ring in memory
//! whenever its thread leaves or gets the CPU. The last record tells whether the thread runs, was
//! preempted, or blocked. The ring is mapped read-only, so the kernel overwrites it. Users without
//! privilege may open such an event on their own threads up to `perf_event_paranoid` 2.

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering};

use super::sys;

/// The kernel's `struct perf_event_attr`, first version.
#[repr(C)]
struct Attributes {
    kind: u32,
    bytes: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_watermark_bytes: u32,
    breakpoint: u32,
    config1: u64,
}

// From the kernel's `perf_event.h`.
const PERF_TYPE_SOFTWARE: u32 = 1;
const PERF_COUNT_SW_DUMMY: u64 = 9;
const PERF_FLAG_FD_CLOEXEC: usize = 8;
const PERF_EVENT_IOC_ENABLE: usize = 0x2400;
const DISABLED: u64 = 1 << 0;
const EXCLUDE_KERNEL: u64 = 1 << 5;
const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
const WATERMARK: u64 = 1 << 14;
const CONTEXT_SWITCH: u64 = 1 << 26;
const SWITCH_OUT: u64 = 1 << 13;
const SWITCH_OUT_PREEMPT: u64 = 1 << 14;
/// Where the mapping's first page keeps the number of bytes written so far.
const DATA_HEAD_OFFSET: usize = 1024;

const PAGE_BYTES: usize = 4096;
/// One page of bookkeeping, one of records.
const MAP_BYTES: usize = 2 * PAGE_BYTES;
const RECORD_BYTES: u64 = 8;
const ANY_CPU: usize = usize::MAX;

/// The kernel wakes whoever polls when more than this has been written since the last time: at
/// every second record, the third being the first. A thread's first record is of leaving the CPU,
/// so the third is too, and every one that wakes.
const WAKE_ON_LEAVING_BYTES: u32 = 2 * RECORD_BYTES as u32;
/// Never reached.
const WAKE_NEVER_BYTES: u32 = i32::MAX as u32;

/// Where a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Running,
    Preempted,
    Blocked,
    /// There is no ring.
    Unknown,
}

/// A kernel thread's ring, if it could be had.
pub(crate) struct Ring {
    fd: AtomicI32,
    map: AtomicPtr<u8>,
}

impl Ring {
    pub(crate) const fn none() -> Self {
        Self {
            fd: AtomicI32::new(-1),
            map: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Opens the ring of the calling kernel thread, which may be a carrier. `wakes`: polling it
    /// tells when the thread leaves the CPU, after the first time. On failure there is no ring, and
    /// nothing stays open.
    pub(crate) fn open(&self, wakes: bool) -> io::Result<()> {
        let attributes = Attributes {
            kind: PERF_TYPE_SOFTWARE,
            bytes: size_of::<Attributes>() as u32,
            config: PERF_COUNT_SW_DUMMY,
            sample_period: 0,
            sample_type: 0,
            read_format: 0,
            flags: DISABLED | EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR | WATERMARK | CONTEXT_SWITCH,
            wakeup_watermark_bytes: if wakes {
                WAKE_ON_LEAVING_BYTES
            } else {
                WAKE_NEVER_BYTES
            },
            breakpoint: 0,
            config1: 0,
        };
        let address = &raw const attributes as usize;
        let no_group = usize::MAX;
        let args = [address, 0, ANY_CPU, no_group, PERF_FLAG_FD_CLOEXEC, 0];
        // SAFETY: valid attributes; 0 is the calling thread.
        let fd = check(unsafe { sys::raw6(libc::SYS_perf_event_open, args) })?;
        match enabled(fd) {
            Ok(map) => {
                self.fd.store(fd as i32, Ordering::Relaxed);
                self.map.store(map, Ordering::Release);
                Ok(())
            }
            Err(error) => {
                // SAFETY: opened above, and told to nobody. A carrier must not use the C library.
                unsafe { sys::raw(libc::SYS_close, [fd, 0, 0, 0]) };
                Err(error)
            }
        }
    }

    /// What [`poll`](libc::poll) takes, or a negative number if there is no ring.
    pub(crate) fn fd(&self) -> i32 {
        self.fd.load(Ordering::Relaxed)
    }

    /// Records so far.
    pub(crate) fn records(&self) -> u64 {
        let map = self.map.load(Ordering::Acquire);
        if map.is_null() {
            return 0;
        }
        // SAFETY: an aligned word of the mapping, which the kernel writes in one piece.
        let head = unsafe { &*map.add(DATA_HEAD_OFFSET).cast::<AtomicU64>() };
        head.load(Ordering::Acquire) / RECORD_BYTES
    }

    /// Where the thread is.
    pub(crate) fn standing(&self) -> Standing {
        let map = self.map.load(Ordering::Acquire);
        if map.is_null() {
            return Standing::Unknown;
        }
        let records = self.records();
        if records == 0 {
            return Standing::Running;
        }
        let offset = ((records - 1) * RECORD_BYTES) as usize % PAGE_BYTES;
        // SAFETY: an aligned word of the page of records; what the kernel may write to it at the
        // same time is another record, whole.
        let record = unsafe { &*map.add(PAGE_BYTES + offset).cast::<AtomicU64>() };
        // A 32-bit type, a 16-bit set of flags, a 16-bit size.
        let flags = record.load(Ordering::Relaxed) >> 32;
        if flags & SWITCH_OUT == 0 {
            Standing::Running
        } else if flags & SWITCH_OUT_PREEMPT != 0 {
            Standing::Preempted
        } else {
            Standing::Blocked
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let (map, fd) = (*self.map.get_mut(), *self.fd.get_mut());
        // SAFETY: both are this ring's, and its users have gone.
        unsafe {
            if !map.is_null() {
                libc::munmap(map.cast(), MAP_BYTES);
            }
            if fd >= 0 {
                libc::close(fd);
            }
        }
    }
}

/// Maps an event's ring, has the kernel write to it, and returns its address.
fn enabled(fd: usize) -> io::Result<*mut u8> {
    let (read, shared) = (libc::PROT_READ as usize, libc::MAP_SHARED as usize);
    // SAFETY: a new mapping, wherever the kernel likes.
    let map = check(unsafe { sys::raw6(libc::SYS_mmap, [0, MAP_BYTES, read, shared, fd, 0]) })?;
    // SAFETY: takes no memory.
    match check(unsafe { sys::raw(libc::SYS_ioctl, [fd, PERF_EVENT_IOC_ENABLE, 0, 0]) }) {
        Ok(_) => Ok(map as *mut u8),
        Err(error) => {
            // SAFETY: mapped above, and told to nobody.
            unsafe { sys::raw(libc::SYS_munmap, [map, MAP_BYTES, 0, 0]) };
            Err(error)
        }
    }
}

/// A system call's return value as a result.
fn check(value: i64) -> io::Result<usize> {
    super::finished::result(value).map(|value| value as usize)
}
