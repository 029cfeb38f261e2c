//! System calls that the engines share, for code that runs on threads of the C library.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;
use std::{io, ptr};

use crate::Error;

/// Makes a plain call.
///
/// # Safety
/// As for the call itself.
pub(crate) unsafe fn plain_call(number: i64, args: &[usize; 6]) -> io::Result<i64> {
    let [a, b, c, d, e, f] = *args;
    // SAFETY: the caller's promise.
    let value = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if value == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(value)
    }
}

/// A new eventfd, which is never waited for and not inherited by programs.
pub(crate) fn eventfd() -> Result<OwnedFd, Error> {
    // SAFETY: takes no memory.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(os_error("eventfd"));
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The monotonic clock, in nanoseconds: that of [`time`](std::time), as the kernel's calls tell it.
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "for the upcall engine")
)]
pub(crate) fn monotonic_ns() -> u64 {
    let mut time = timespec(Duration::ZERO);
    // SAFETY: the call fills the structure; this clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Makes an eventfd readable.
pub(crate) fn signal_eventfd(fd: BorrowedFd<'_>) {
    let one = 1u64;
    // SAFETY: eight readable bytes. It fails only if it is readable 2^64 times over.
    unsafe { libc::write(fd.as_raw_fd(), (&raw const one).cast(), 8) };
}

/// Makes an eventfd unreadable; how often it had been made readable.
pub(crate) fn empty_eventfd(fd: BorrowedFd<'_>) -> u64 {
    let mut value = 0u64;
    // SAFETY: eight writable bytes. If there is nothing to read, `value` stays 0.
    unsafe { libc::read(fd.as_raw_fd(), (&raw mut value).cast(), 8) };
    value
}

/// Waits until `fd` is readable, a signal has been handled or the time is over.
pub(crate) fn wait_readable(fd: BorrowedFd<'_>, timeout: Option<Duration>) -> io::Result<()> {
    let timeout = timeout.map(timespec);
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid pollfd, the timeout is valid or null, no mask is given.
    let ready = unsafe { libc::ppoll(&raw mut poll, 1, pointer(timeout.as_ref()), ptr::null()) };
    unless_interrupted(ready.into()).map(|_| ())
}

/// The last failure, of `call`, on this thread.
pub(crate) fn os_error(call: &'static str) -> Error {
    let source = io::Error::last_os_error();
    Error::Os { call, source }
}

/// A time as the kernel takes it.
pub(crate) fn timespec(duration: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: duration.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

/// Where an optional value is; null if it is not there.
pub(crate) fn pointer<T>(value: Option<&T>) -> *const T {
    value.map_or(ptr::null(), ptr::from_ref)
}

/// What a wait returned, with `EINTR` as nothing.
pub(crate) fn unless_interrupted(ready: i64) -> io::Result<i64> {
    if ready >= 0 {
        return Ok(ready);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted {
        Ok(0)
    } else {
        Err(error)
    }
}
