//! What a server does to the process that it is.

use std::os::fd::{FromRawFd, OwnedFd};
use std::{fs, mem, ptr};

use super::error::{Attempting, ServeError, check};

/// The signals that tell a server to stop.
const STOPPING: [libc::c_int; 2] = [libc::SIGTERM, libc::SIGINT];

/// Refuses a process with several threads.
///
/// # Errors
/// [`ServeError::Threads`].
pub(crate) fn check_single_thread() -> Result<(), ServeError> {
    let threads = fs::read_dir("/proc/self/task")
        .attempting("list the threads of this process")?
        .count();
    if threads > 1 {
        return Err(ServeError::Threads(threads));
    }
    Ok(())
}

/// Blocks the signals that tell a server to stop, here and in what is forked from here, and
/// returns a descriptor that becomes readable when one comes.
pub(crate) fn stop_signals() -> Result<OwnedFd, ServeError> {
    // SAFETY: a signal set is plain data, initialised by `sigemptyset`; all pointers are valid.
    unsafe {
        let mut set: libc::sigset_t = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in STOPPING {
            libc::sigaddset(&raw mut set, signal);
        }
        check(libc::sigprocmask(
            libc::SIG_BLOCK,
            &raw const set,
            ptr::null_mut(),
        ))
        .attempting("block signals")?;
        let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        Ok(OwnedFd::from_raw_fd(
            check(fd).attempting("make a signalfd")?,
        ))
    }
}

/// This process gets `signal` when the thread that made it ends.
pub(crate) fn die_with_parent(signal: libc::c_int) -> Result<(), ServeError> {
    // SAFETY: takes no memory.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) })
        .attempting("ask for a signal at the parent's death")
        .map(drop)
}
