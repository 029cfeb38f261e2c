//! What can go wrong in the real server.

use std::io;
use std::path::PathBuf;

use sim::scenario::Server;
use sim::server::script::Errno;

/// Why the server could not start, or had to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The folder to serve, or the file for the counters, cannot be used.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file is not one that a server made for its counters.
    #[error("{path} holds no counters: it has {bytes} bytes")]
    NoCounters {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// A system call failed without which the server cannot go on.
    #[error("cannot {action}: {source}")]
    System {
        /// What was being done.
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// Helpers are forked, and signals blocked, before any thread is started.
    #[error("the server must be started by a process with one thread; this one has {0}")]
    Threads(usize),
    /// A helper process ended, or said something that is no answer.
    #[error("helper process {0} ended unexpectedly")]
    HelperEnded(libc::pid_t),
    /// The server exists in the simulator only.
    #[error("there is no real {0}, only a simulated one")]
    NotReal(Server),
    /// This machine cannot run LAIO.
    #[error("cannot start LAIO: {0}")]
    Laio(#[from] laio::Error),
}

/// Adds to an [`io::Error`] what was being attempted.
pub(crate) trait Attempting<T> {
    /// `action` completes the sentence "cannot ...".
    fn attempting(self, action: &'static str) -> Result<T, ServeError>;
}

impl<T> Attempting<T> for io::Result<T> {
    fn attempting(self, action: &'static str) -> Result<T, ServeError> {
        self.map_err(|source| ServeError::System { action, source })
    }
}

/// The simulator's word for a failure.
pub(crate) fn errno(error: &io::Error) -> Errno {
    match error.raw_os_error() {
        Some(libc::ENOENT) => Errno::NotFound,
        Some(libc::EIO) => Errno::Io,
        Some(libc::ECONNRESET | libc::EPIPE) => Errno::Reset,
        _ => Errno::Other,
    }
}

/// The result of a system call that reports failure as -1.
pub(crate) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}
