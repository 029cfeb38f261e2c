//! The functions of `laio_api.h`, which documents them.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::os::fd::BorrowedFd;
use std::ptr;
use std::slice;
use std::time::Duration;

use laio::EngineKind;

use crate::engine::Engine;
use crate::errno::{self, Errno, Outcome};
use crate::slot::{Narrow, Slot, Wide, narrow};
use crate::{plain, thread};

/// The most events that one `laio_wait` returns: ours. The array is cleared before it is used as a
/// Rust slice; more cost more than they save.
const MOST_EVENTS: usize = 1024;

/// The header's `struct laio_counters`.
#[repr(C)]
pub(crate) struct Counters {
    issued: u64,
    background: u64,
    late: u64,
    false_steals: u64,
    at_limit: u64,
    passed_through: u64,
    in_flight: u64,
    carriers: u64,
}

/// Makes a system call.
///
/// # Safety
/// As for the call itself, and its memory stays until it has ended, in the background too.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn laio_syscall(
    number: c_int,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_int {
    let errno = Errno::now();
    // SAFETY: the caller's promise.
    let outcome = unsafe { syscall(number.into(), [a, b, c, d, e, f]) };
    errno.returns(outcome.and_then(narrow), -1)
}

/// As [`laio_syscall`], for results of any size.
///
/// # Safety
/// As [`laio_syscall`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn laio_syscall_long(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    let errno = Errno::now();
    // SAFETY: the caller's promise.
    let outcome = unsafe { syscall(number, [a, b, c, d, e, f]) };
    errno.returns(outcome, -1)
}

/// The handle of the thread's last call, or null.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn laio_gethandle() -> *mut c_void {
    thread::with_started_engine(|engine| engine.last_handle()).unwrap_or(ptr::null_mut())
}

/// Stores operations that have ended.
///
/// # Safety
/// `completions` has room for `ncompletions`, and `timeout` is valid, or they are null.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn laio_poll(
    completions: *mut Narrow,
    ncompletions: c_int,
    timeout: *const libc::timespec,
) -> c_int {
    let errno = Errno::now();
    // SAFETY: the caller's promise.
    errno.returns(unsafe { poll(completions, ncompletions, timeout) }, -1)
}

/// As [`laio_poll`], for results of any size.
///
/// # Safety
/// As [`laio_poll`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn laio_poll_long(
    completions: *mut Wide,
    ncompletions: c_int,
    timeout: *const libc::timespec,
) -> c_int {
    let errno = Errno::now();
    // SAFETY: the caller's promise.
    errno.returns(unsafe { poll(completions, ncompletions, timeout) }, -1)
}

/// Waits for events and for operations to end.
///
/// # Safety
/// `events` has room for `maxevents`, and `timeout` is valid or null. `epfd` stays open meanwhile.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn laio_wait(
    epfd: c_int,
    events: *mut libc::epoll_event,
    maxevents: c_int,
    timeout: *const libc::timespec,
) -> c_int {
    let errno = Errno::now();
    // SAFETY: the caller's promise.
    errno.returns(unsafe { wait(epfd, events, maxevents, timeout) }, -1)
}

/// The descriptor that ends a wait.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn laio_completion_fd() -> c_int {
    let errno = Errno::now();
    let outcome = thread::with_engine(|engine| match engine {
        Some(engine) => Ok(engine.completion_fd()),
        None => plain::completion_fd(),
    });
    errno.returns(outcome, -1)
}

/// The name of what makes the thread's calls.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn laio_engine() -> *const c_char {
    let errno = Errno::now();
    let outcome = thread::with_engine(|engine| {
        Ok(match engine.map(|engine| engine.kind()) {
            None => c"plain",
            Some(EngineKind::Upcall) => c"upcall",
            Some(EngineKind::Uring) => c"uring",
            Some(EngineKind::Pool) => c"pool",
            Some(_) => c"other",
        }
        .as_ptr())
    });
    errno.returns(outcome, ptr::null())
}

/// What the thread's engine has counted.
///
/// # Safety
/// `counters` is writable or null.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn laio_counters(counters: *mut Counters) -> c_int {
    let errno = Errno::now();
    let outcome = thread::with_engine(|engine| {
        if counters.is_null() {
            return Err(libc::EINVAL);
        }
        // SAFETY: the caller's promise.
        unsafe { counters.write(Counters::of(engine)) };
        Ok(0)
    });
    errno.returns(outcome, -1)
}

impl Counters {
    fn of(engine: Option<&mut Engine>) -> Self {
        let in_flight = engine.as_ref().map_or(0, |engine| engine.in_flight());
        let counters = engine.map_or_else(Default::default, |engine| engine.counters());
        Self {
            issued: counters.calls.issued,
            background: counters.calls.stolen,
            late: counters.calls.late,
            false_steals: counters.calls.false_steals,
            at_limit: counters.calls.at_limit,
            passed_through: counters.passed_through,
            in_flight: in_flight as u64,
            carriers: counters.carriers as u64,
        }
    }
}

/// # Safety
/// As [`laio_syscall`].
#[inline]
unsafe fn syscall(number: c_long, args: [c_long; 6]) -> Outcome<i64> {
    let args = args.map(|word| word as usize);
    thread::with_engine(|engine| {
        // SAFETY: the caller's promise.
        unsafe {
            match engine {
                Some(engine) => engine.syscall(number, args),
                None => plain::syscall(number, args),
            }
        }
    })
}

/// # Safety
/// As [`laio_poll`].
unsafe fn poll<S: Slot>(
    slots: *mut S,
    count: c_int,
    timeout: *const libc::timespec,
) -> Outcome<c_int> {
    let room = usize::try_from(count).map_err(|_| libc::EINVAL)?;
    // SAFETY: the caller's promise.
    let timeout = unsafe { duration(timeout) }?;
    if slots.is_null() && room > 0 {
        return Err(libc::EINVAL);
    }
    thread::with_engine(|engine| {
        if room == 0 {
            return Ok(0);
        }
        let Some(engine) = engine else {
            plain::poll(timeout);
            return Ok(0);
        };
        let ended = engine.poll(room, timeout)?;
        let stored = ended.len();
        for (index, ended) in ended.enumerate() {
            // SAFETY: there is room for `room`, and no more than that have been taken.
            unsafe { slots.add(index).write(S::of(ended)) };
        }
        // No more than `count`.
        Ok(stored as c_int)
    })
}

/// # Safety
/// As [`laio_wait`].
unsafe fn wait(
    epfd: c_int,
    events: *mut libc::epoll_event,
    count: c_int,
    timeout: *const libc::timespec,
) -> Outcome<c_int> {
    let room = usize::try_from(count).map_err(|_| libc::EINVAL)?;
    // SAFETY: the caller's promise.
    let timeout = unsafe { duration(timeout) }?;
    if epfd < 0 {
        return Err(libc::EBADF);
    }
    if events.is_null() || room == 0 {
        return Err(libc::EINVAL);
    }
    let room = room.min(MOST_EVENTS);
    // SAFETY: there is room for as many, all zeroes are valid events, and the caller leaves them
    // alone meanwhile. The descriptor is not -1.
    let (events, epoll) = unsafe {
        events.write_bytes(0, room);
        (
            slice::from_raw_parts_mut(events, room),
            BorrowedFd::borrow_raw(epfd),
        )
    };
    thread::with_engine(|engine| {
        let ready = match engine {
            Some(engine) => engine.wait(epoll, events, timeout),
            None => plain::wait(epoll, events, timeout),
        };
        // No more than `count`.
        ready
            .map(|ready| ready as c_int)
            .map_err(|error| errno::number(&error))
    })
}

/// A timeout; null is for ever.
///
/// # Safety
/// `timeout` is valid or null.
unsafe fn duration(timeout: *const libc::timespec) -> Outcome<Option<Duration>> {
    // SAFETY: the caller's promise.
    let Some(timeout) = (unsafe { timeout.as_ref() }) else {
        return Ok(None);
    };
    let seconds = u64::try_from(timeout.tv_sec).map_err(|_| libc::EINVAL)?;
    match u32::try_from(timeout.tv_nsec) {
        Ok(nanoseconds) if nanoseconds < 1_000_000_000 => {
            Ok(Some(Duration::new(seconds, nanoseconds)))
        }
        _ => Err(libc::EINVAL),
    }
}
