//! The ways to make a call.

use std::io;
use std::mem::MaybeUninit;
use std::sync::mpsc;

use io_uring::IoUring;
use laio::{Builder, EngineKind, Laio, Submission};

use crate::operations::Call;
use crate::residency;

/// Makes a call, waits for its result, and returns what the kernel would: errors are negative.
pub(crate) type Make = Box<dyn FnMut(&Call) -> i64>;

pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Opens it for calls like this one; `None` if it cannot make them.
    pub(crate) open: fn(&Call) -> io::Result<Option<Make>>,
}

/// Indices of those about which the bench draws conclusions.
pub(crate) const BARE: usize = 0;
pub(crate) const UPCALL: usize = 2;
pub(crate) const UPCALL_NO_SWAP: usize = 3;
pub(crate) const AIO: usize = 10;

/// All; the first is what the others are compared with.
pub(crate) const CONTENDERS: &[Contender] = &[
    Contender {
        name: "bare `syscall`",
        open: |_| Ok(Some(Box::new(bare))),
    },
    Contender {
        name: "glibc `syscall()`",
        open: |_| Ok(Some(Box::new(plain))),
    },
    Contender {
        name: "**laio upcall**",
        open: |_| lazy(Laio::builder().engine(EngineKind::Upcall)),
    },
    Contender {
        name: "**laio upcall**, no FS swap",
        open: |_| {
            lazy(
                Laio::builder()
                    .engine(EngineKind::Upcall)
                    .swap_fs_base(false),
            )
        },
    },
    Contender {
        name: "**laio uring**",
        open: |_| lazy(Laio::builder().engine(EngineKind::Uring)),
    },
    Contender {
        name: "**laio pool**",
        open: |_| lazy(Laio::builder().engine(EngineKind::Pool)),
    },
    Contender {
        name: "io_uring, default",
        open: |call| ring(call, &mut IoUring::builder()),
    },
    Contender {
        name: "io_uring, COOP",
        open: |call| ring(call, IoUring::builder().setup_coop_taskrun()),
    },
    Contender {
        name: "io_uring, DEFER",
        open: |call| {
            let mut builder = IoUring::builder();
            ring(call, builder.setup_single_issuer().setup_defer_taskrun())
        },
    },
    Contender {
        name: "io_uring, DEFER, behind a plain attempt",
        open: attempt_or_ring,
    },
    Contender {
        name: "POSIX `aio_read`",
        open: posix_aio,
    },
    Contender {
        name: "libaio",
        open: linux_aio,
    },
    Contender {
        name: "std thread hand-off",
        open: |_| Ok(Some(hand_off())),
    },
    Contender {
        name: "hand-off behind a residency test",
        open: resident_or_hand_off,
    },
    Contender {
        name: "tokio `spawn_blocking`",
        open: |_| spawn_blocking(),
    },
];

/// The bare instruction.
#[cfg(target_arch = "x86_64")]
fn bare(call: &Call) -> i64 {
    let value;
    let [a, b, c, d, e, f] = call.args;
    // SAFETY: the instruction clobbers rax, rcx and r11 only; the subject outlives the call.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") call.number => value,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") f,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    value
}

#[cfg(not(target_arch = "x86_64"))]
fn bare(call: &Call) -> i64 {
    plain(call)
}

pub(crate) fn plain(call: &Call) -> i64 {
    let [a, b, c, d, e, f] = call.args;
    // SAFETY: the subject outlives the call.
    returned(unsafe { libc::syscall(call.number, a, b, c, d, e, f) })
}

/// -1 as the error number.
pub(crate) fn returned(value: i64) -> i64 {
    if value == -1 {
        -i64::from(io::Error::last_os_error().raw_os_error().unwrap_or(0))
    } else {
        value
    }
}

pub(crate) fn value(result: io::Result<i64>) -> i64 {
    result.unwrap_or_else(|error| -i64::from(error.raw_os_error().unwrap_or(0)))
}

fn lazy(builder: Builder) -> io::Result<Option<Make>> {
    let Ok(mut laio) = builder.start() else {
        return Ok(None);
    };
    let mut completions = Vec::new();
    Ok(Some(Box::new(move |call| {
        // SAFETY: the subject outlives the call.
        match unsafe { laio.syscall(call.number, call.args) } {
            Submission::Done(result) => value(result),
            Submission::Background(_) => match laio.poll(&mut completions, None) {
                Ok(_) => value(completions.remove(0).result),
                Err(error) => value(Err(error)),
            },
        }
    })))
}

fn ring(call: &Call, builder: &mut io_uring::Builder) -> io::Result<Option<Make>> {
    if call.in_ring().is_none() {
        return Ok(None);
    }
    let Ok(mut ring) = builder.build(8) else {
        return Ok(None);
    };
    Ok(Some(Box::new(move |call| {
        let Some(operation) = call.in_ring() else {
            return -i64::from(libc::ENOSYS);
        };
        // SAFETY: the subject outlives the call; the ring has room, because it is empty.
        let pushed = unsafe { ring.submission().push(&operation) };
        if pushed.is_err() || ring.submit_and_wait(1).is_err() {
            return -i64::from(libc::EIO);
        }
        let completed = ring.completion().next();
        completed.map_or(-i64::from(libc::EIO), |entry| entry.result().into())
    })))
}

/// A plain attempt that does not wait, and the ring if it would have to.
fn attempt_or_ring(call: &Call) -> io::Result<Option<Make>> {
    if !residency::can_be_tried(call) {
        return Ok(None);
    }
    let mut builder = IoUring::builder();
    let ring = ring(call, builder.setup_single_issuer().setup_defer_taskrun())?;
    Ok(ring.map(|mut ring| -> Make {
        Box::new(move |call| residency::try_now(call).unwrap_or_else(|| ring(call)))
    }))
}

/// `aio_read` and `aio_suspend`.
fn posix_aio(call: &Call) -> io::Result<Option<Make>> {
    if call.number != libc::SYS_read && call.number != libc::SYS_pread64 {
        return Ok(None);
    }
    // SAFETY: all zeroes are a valid control block without notification of a signal's kind.
    let mut block = Box::new(unsafe { MaybeUninit::<libc::aiocb>::zeroed().assume_init() });
    block.aio_sigevent.sigev_notify = libc::SIGEV_NONE;
    Ok(Some(Box::new(move |call| {
        let [fd, buffer, bytes, offset, ..] = call.args;
        block.aio_fildes = fd as i32;
        block.aio_buf = buffer as *mut _;
        block.aio_nbytes = bytes;
        block.aio_offset = offset as i64;
        // SAFETY: the block and the subject outlive the operation, which has ended at the end.
        unsafe {
            if libc::aio_read(&raw mut *block) < 0 {
                return returned(-1);
            }
            let list = [&raw const *block];
            while libc::aio_error(&raw const *block) == libc::EINPROGRESS {
                libc::aio_suspend(list.as_ptr(), 1, std::ptr::null());
            }
            returned(libc::aio_return(&raw mut *block) as i64)
        }
    })))
}

/// The kernel's `io_submit` and `io_getevents`, which libaio wraps.
fn linux_aio(call: &Call) -> io::Result<Option<Make>> {
    if call.number != libc::SYS_pread64 {
        return Ok(None);
    }
    let mut context = 0usize;
    // SAFETY: the call writes the context, which was zero.
    if unsafe { libc::syscall(libc::SYS_io_setup, 8, &raw mut context) } < 0 {
        return Ok(None);
    }
    let context = AioContext(context);
    Ok(Some(Box::new(move |call| {
        // All of it belongs to the closure, not only its number.
        let AioContext(context) = &context;
        let [fd, buffer, bytes, offset, ..] = call.args;
        let block = IoControlBlock {
            descriptor: fd as u32,
            buffer: buffer as u64,
            bytes: bytes as u64,
            offset: offset as i64,
            ..Default::default()
        };
        let mut event = [0i64; 4];
        let blocks = [&raw const block];
        // SAFETY: the block and the subject outlive the operation, which has ended at the end.
        unsafe {
            if libc::syscall(libc::SYS_io_submit, *context, 1, blocks.as_ptr()) < 1 {
                return returned(-1);
            }
            let (events, forever) = (event.as_mut_ptr(), 0usize);
            libc::syscall(libc::SYS_io_getevents, *context, 1, 1, events, forever);
        }
        // data, object, result, second result
        event[2]
    })))
}

/// Ends with its owner.
struct AioContext(usize);

impl Drop for AioContext {
    fn drop(&mut self) {
        // SAFETY: nothing is in flight.
        unsafe { libc::syscall(libc::SYS_io_destroy, self.0) };
    }
}

/// `struct iocb` of linux/aio_abi.h on little-endian machines; operation 0 is `IOCB_CMD_PREAD`.
#[repr(C)]
#[derive(Default)]
struct IoControlBlock {
    data: u64,
    key: u32,
    flags: u32,
    operation: u16,
    priority: i16,
    descriptor: u32,
    buffer: u64,
    bytes: u64,
    offset: i64,
    reserved: u64,
    more_flags: u32,
    event_descriptor: u32,
}

/// One thread and two channels.
fn hand_off() -> Make {
    let (to_thread, calls) = mpsc::channel::<Call>();
    let (to_loop, results) = mpsc::channel();
    // It ends when its channel is dropped.
    std::thread::spawn(move || {
        for call in calls {
            if to_loop.send(plain(&call)).is_err() {
                break;
            }
        }
    });
    Box::new(move |call| {
        let gone = -i64::from(libc::ESRCH);
        if to_thread.send(*call).is_err() {
            return gone;
        }
        results.recv().unwrap_or(gone)
    })
}

/// A plain call if a cheap test says that it would not block, else a hand-off.
fn resident_or_hand_off(call: &Call) -> io::Result<Option<Make>> {
    if call.number != libc::SYS_pread64 && call.number != libc::SYS_openat {
        return Ok(None);
    }
    let mut hand_off = hand_off();
    Ok(Some(Box::new(move |call| match call.number {
        libc::SYS_pread64 if residency::is_cached(call) => plain(call),
        libc::SYS_openat => residency::open_cached(call).unwrap_or_else(|| hand_off(call)),
        _ => hand_off(call),
    })))
}

fn spawn_blocking() -> io::Result<Option<Make>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    Ok(Some(Box::new(move |call| {
        let call = *call;
        let made = runtime.block_on(runtime.spawn_blocking(move || plain(&call)));
        made.unwrap_or(-i64::from(libc::ESRCH))
    })))
}
