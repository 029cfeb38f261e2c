//! Telling whether a call blocked, at the price of a load.
//!
//! `getrusage` counts a thread's voluntary context switches exactly, but takes some 300 ns. The
//! kernel offers a hint for free: whenever a thread that has left the CPU returns to user mode, it
//! clears the `rseq_cs` field of the thread's rseq area if that names a critical section the
//! thread is not in. So the sensor names one that nobody is ever in: while the field stands, the
//! thread has not been off the CPU, and `getrusage` is asked only when it has been cleared.
//!
//! Linux clears the field after every switch up to 6.18; later versions skip it for threads that
//! left the CPU inside a system call. [`Sensor::attach_first`] finds out, and where the hint is
//! silent `getrusage` is asked around every call: exact as well, some 600 ns slower per call.

use std::arch::global_asm;
use std::cell::{Cell, UnsafeCell};
use std::ffi::CStr;
use std::mem::offset_of;
use std::{io, ptr};

use super::{switch, sys};
use crate::Error;

/// The kernel's `struct rseq`, original size.
#[repr(C, align(32))]
struct RseqArea {
    cpu_id_start: u32,
    cpu_id: u32,
    rseq_cs: u64,
    flags: u32,
    node_id: u32,
    mm_cid: u32,
    padding: u32,
}

/// The kernel's `struct rseq_cs`.
#[repr(C, align(32))]
struct CriticalSection {
    version: u32,
    flags: u32,
    start_ip: unsafe extern "C" fn(),
    post_commit_offset: u64,
    abort_ip: unsafe extern "C" fn(),
}

/// What the kernel expects just before an abort handler: the value glibc uses on x86.
const SIGNATURE: u32 = 0x5305_3053;
const RSEQ_BYTES: usize = 32;
const RSEQ_FLAG_UNREGISTER: usize = 1;
/// `RSEQ_CPU_ID_REGISTRATION_FAILED` of the kernel's `rseq.h`.
const REGISTRATION_FAILED: u32 = -2i32 as u32;

global_asm!(
    ".pushsection .text.laio_rseq, \"ax\"",
    ".p2align 4",
    "laio_rseq_start:",
    "ud2",
    ".long {signature}",
    "laio_rseq_abort:",
    "ud2",
    ".popsection",
    signature = const SIGNATURE,
);

unsafe extern "C" {
    fn laio_rseq_start();
    fn laio_rseq_abort();
}

/// A critical section of no length: no thread is ever in it.
static NOWHERE: CriticalSection = CriticalSection {
    version: 0,
    flags: 0,
    start_ip: laio_rseq_start,
    post_commit_offset: 0,
    abort_ip: laio_rseq_abort,
};

/// One kernel thread's sensor. Only that thread uses it. The area comes first: see [`Carrier`].
///
/// [`Carrier`]: super::carrier::Carrier
#[repr(C)]
pub(crate) struct Sensor {
    area: UnsafeCell<RseqArea>,
    hints: Cell<bool>,
    switches: Cell<i64>,
}

impl Sensor {
    /// Where in it the hint is, for the assembly: an eight-byte word that is 0 if the thread may
    /// have been off the CPU.
    pub(crate) const HINT: usize = offset_of!(RseqArea, rseq_cs);

    pub(crate) fn new() -> Self {
        let area = RseqArea {
            cpu_id_start: 0,
            cpu_id: 0,
            rseq_cs: 0,
            flags: 0,
            node_id: 0,
            mm_cid: 0,
            padding: 0,
        };
        Self {
            area: UnsafeCell::new(area),
            hints: Cell::new(false),
            switches: Cell::new(0),
        }
    }

    /// Registers the area for the calling kernel thread, which must have no other. Where the kernel
    /// refuses, or `hints` says that it gives none, the sensor asks `getrusage` every time.
    pub(crate) fn attach(&self, hints: bool) {
        // SAFETY: a sensor outlives its thread, or is detached.
        let registered = unsafe { rseq(self.area.get(), RSEQ_BYTES, 0) } == 0;
        self.hints.set(registered && hints);
    }

    /// Whether this kernel, asked once, clears the field of a thread that slept in a system call.
    /// Registers the area for good, as [`attach`](Self::attach).
    pub(crate) fn attach_first(&self) -> bool {
        self.attach(true);
        self.arm();
        let nap = libc::timespec {
            tv_sec: 0,
            tv_nsec: 1000,
        };
        // SAFETY: `nap` is a valid timespec; the remainder is not asked for.
        unsafe { sys::raw(libc::SYS_nanosleep, [&raw const nap as usize, 0, 0, 0]) };
        self.hints.set(self.hints.get() && self.was_off_cpu());
        self.hints.get()
    }

    /// Undoes [`attach`](Self::attach).
    pub(crate) fn detach(&self) {
        self.hints.set(false);
        // SAFETY: only the area's own fields are written.
        unsafe { rseq(self.area.get(), RSEQ_BYTES, RSEQ_FLAG_UNREGISTER) };
    }

    /// Before a call: remembers the number of switches so far, if it may have changed.
    #[inline]
    pub(crate) fn before_call(&self) {
        if self.was_off_cpu() {
            self.count_switches();
        }
    }

    /// After a call: whether it blocked.
    pub(crate) fn call_blocked(&self) -> bool {
        self.was_off_cpu() && self.count_switches()
    }

    /// Reads the exact count and arms the hint; true if it has risen.
    #[cold]
    fn count_switches(&self) -> bool {
        self.arm();
        let before = self.switches.replace(sys::voluntary_switches());
        self.switches.get() > before
    }

    /// Whether the thread may have been off the CPU since [`arm`](Self::arm).
    #[inline]
    fn was_off_cpu(&self) -> bool {
        // SAFETY: the area is only written by this thread and, on its way to user mode, by the
        // kernel for this thread; volatile because the compiler cannot know of the latter.
        unsafe { ptr::read_volatile(&raw const (*self.area.get()).rseq_cs) == 0 }
    }

    /// Sets the field, if there is a kernel that will clear it.
    fn arm(&self) {
        if !self.hints.get() {
            return;
        }
        // SAFETY: as in `was_off_cpu`; the section named is valid and static.
        unsafe {
            ptr::write_volatile(
                &raw mut (*self.area.get()).rseq_cs,
                &raw const NOWHERE as u64,
            );
        }
    }
}

/// The C library's rseq area of the loop's logical thread, taken off its kernel thread while an
/// engine lives: the kernel would write to it from where the loop no longer is.
pub(crate) struct LibcRseq {
    area: *mut RseqArea,
    bytes: usize,
}

impl LibcRseq {
    /// Takes the calling thread's area off it; `Ok(None)` if there is none.
    pub(crate) fn detach() -> Result<Option<Self>, Error> {
        let Some((area, told)) = libc_area() else {
            return Ok(None);
        };
        // SAFETY: the auxiliary vector can always be asked.
        let feature_bytes = unsafe { libc::getauxval(AT_RSEQ_FEATURE_SIZE) } as usize;
        // The size must be the registered one, which the C library does not tell.
        let sizes = [RSEQ_BYTES, told, feature_bytes.next_multiple_of(RSEQ_BYTES)];
        let bytes = sizes.into_iter().find(|&bytes| {
            // SAFETY: unregistering writes to the area's own fields only.
            unsafe { rseq(area, bytes, RSEQ_FLAG_UNREGISTER) == 0 }
        });
        let bytes = bytes.ok_or_else(|| Error::Os {
            call: "rseq",
            source: io::Error::from_raw_os_error(libc::EINVAL),
        })?;
        // SAFETY: the area is this thread's own; the value tells `sched_getcpu` not to use it.
        unsafe { ptr::write_volatile(&raw mut (*area).cpu_id, REGISTRATION_FAILED) };
        Ok(Some(Self { area, bytes }))
    }

    /// Gives the area back to the calling thread, the one that it was taken off.
    pub(crate) fn attach(&self) {
        // SAFETY: the area is the calling thread's, which has no other now.
        unsafe { rseq(self.area, self.bytes, 0) };
    }
}

/// # Safety
/// `area` is valid for `bytes` bytes until the thread ends or unregisters it.
unsafe fn rseq(area: *mut RseqArea, bytes: usize, flags: usize) -> i64 {
    // SAFETY: the caller's promise.
    unsafe {
        sys::raw(
            libc::SYS_rseq,
            [area as usize, bytes, flags, SIGNATURE as usize],
        )
    }
}

/// Key of the auxiliary vector, from the kernel's `auxvec.h`.
const AT_RSEQ_FEATURE_SIZE: libc::c_ulong = 27;

/// Where glibc keeps the calling thread's area, and how long it says it is; `None` if it has not
/// registered one.
fn libc_area() -> Option<(*mut RseqArea, usize)> {
    let symbol = |name: &CStr| {
        // SAFETY: the name is a C string; the default scope is always valid.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
    };
    let (offset, size) = (symbol(c"__rseq_offset"), symbol(c"__rseq_size"));
    if offset.is_null() || size.is_null() {
        return None;
    }
    // SAFETY: glibc documents these as `const ptrdiff_t` and `const unsigned int`.
    let (offset, size) = unsafe { (*offset.cast::<isize>(), *size.cast::<u32>()) };
    let area = switch::fs_base().wrapping_add_signed(offset) as *mut RseqArea;
    // SAFETY: with a size other than 0 every thread has an area there.
    let registered = size > 0 && unsafe { (*area).cpu_id as i32 } >= 0;
    registered.then_some((area, size as usize))
}
