//! What can go wrong in the load generator.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use sim::workload::trace::TraceError;

/// Why the load could not be played to its end. Nothing that was measured until then counts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// There is nobody to play it.
    #[error("the number of clients must be more than zero")]
    NoClients,
    /// A client could not connect.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The server.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// A system call failed.
    #[error("cannot {action}: {source}")]
    System {
        /// What was being done.
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The server closed the connection, or answered something else than the trace says.
    #[error("object {object}: expected {expected}, got {got}")]
    WrongAnswer {
        /// What was asked for.
        object: u32,
        /// The answer that the trace says.
        expected: String,
        /// The answer.
        got: String,
    },
    /// No response for too long.
    #[error("no response for {} s, with {answered} requests answered", .seconds)]
    Silence {
        /// How long.
        seconds: u64,
        /// Requests answered before.
        answered: usize,
    },
    /// A result could not be written or read.
    #[error("cannot use the result {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Adds to an [`io::Error`] what was being attempted.
pub(crate) trait Attempting<T> {
    /// `action` completes the sentence "cannot ...".
    fn attempting(self, action: &'static str) -> Result<T, LoadError>;
}

impl<T> Attempting<T> for io::Result<T> {
    fn attempting(self, action: &'static str) -> Result<T, LoadError> {
        self.map_err(|source| LoadError::System { action, source })
    }
}
