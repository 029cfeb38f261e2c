//! Calls on a thread that has no engine: they block, so nothing is ever in the background.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use crate::errno::{self, Outcome};

/// # Safety
/// As for the call itself.
pub(crate) unsafe fn syscall(number: i64, args: [usize; 6]) -> Outcome<i64> {
    let [a, b, c, d, e, f] = args;
    // SAFETY: the caller's promise.
    let value = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if value == -1 {
        Err(errno::number(&io::Error::last_os_error()))
    } else {
        Ok(value)
    }
}

/// Nothing will end, so only the timeout ends this.
pub(crate) fn poll(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => thread::sleep(timeout),
        None => loop {
            thread::park();
        },
    }
}

/// `epoll_wait`, with `EINTR` as no event.
pub(crate) fn wait(
    epoll: BorrowedFd<'_>,
    events: &mut [libc::epoll_event],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let count = c_int::try_from(events.len()).unwrap_or(c_int::MAX);
    let timeout_ms = timeout.map_or(-1, |timeout| {
        c_int::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
    });
    // SAFETY: the buffer holds `count` events.
    let ready =
        unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), count, timeout_ms) };
    if ready >= 0 {
        return Ok(ready as usize);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted {
        Ok(0)
    } else {
        Err(error)
    }
}

/// An eventfd that never becomes readable, one for the process.
pub(crate) fn completion_fd() -> Outcome<c_int> {
    static NEVER: OnceLock<OwnedFd> = OnceLock::new();
    if let Some(fd) = NEVER.get() {
        return Ok(fd.as_raw_fd());
    }
    // SAFETY: takes no memory.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(errno::number(&io::Error::last_os_error()));
    }
    // SAFETY: the descriptor is new and nobody else's. Of two made at once, one is closed.
    Ok(NEVER
        .get_or_init(|| unsafe { OwnedFd::from_raw_fd(fd) })
        .as_raw_fd())
}
