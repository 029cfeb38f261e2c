//! What comes of operations.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use crate::Handle;

/// What became of an operation.
#[derive(Debug)]
#[must_use = "it holds the output, with the buffer, or the handle under which that will come"]
pub enum Started<T> {
    /// It has ended: its output.
    Done(T),
    /// It blocked and continues in the background.
    /// [`Operations::poll`](super::Operations::poll) will return its output.
    Background(Handle),
}

/// The end of an operation that went to the background.
#[derive(Debug)]
#[must_use = "dropping it frees the buffer and closes a new descriptor"]
pub struct Ended {
    /// The handle that [`Started::Background`] held.
    pub handle: Handle,
    /// What the operation would have returned in [`Started::Done`].
    pub output: Output,
}

/// The output of any operation. Every output converts into it, so that one function can handle
/// those of inline operations and of background ones, and back with `try_into`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// Of operations with a buffer: `read`, `write`, `getdents`, `recv`, ...
    Transfer(Transfer),
    /// Of operations with several buffers: `readv`, `writev`, ...
    Vectored(VectoredTransfer),
    /// Bytes moved without a buffer: `sendfile`.
    Count(io::Result<usize>),
    /// Of operations that only succeed or fail: `fsync`, `unlinkat`, `connect`, `nanosleep`, ...
    Unit(io::Result<()>),
    /// Of `openat`.
    Opened(io::Result<OwnedFd>),
    /// Of `accept`.
    Accepted(io::Result<Accepted>),
    /// Of `statx`.
    Stat(io::Result<Box<libc::statx>>),
    /// Of calls by [`Operations::syscall`](super::Operations::syscall).
    Raw(io::Result<i64>),
}

/// A result and the buffer that was given with the operation.
#[derive(Debug)]
#[must_use = "it holds the buffer, and a transfer may be short"]
pub struct Transfer {
    /// Bytes read or written, which may be fewer than asked for.
    pub result: io::Result<usize>,
    /// After writing: as it was. After reading: what was read, and empty if that failed.
    pub buffer: Vec<u8>,
}

/// A result and the buffers that were given with the operation, in their order.
#[derive(Debug)]
#[must_use = "it holds the buffers, and a transfer may be short"]
pub struct VectoredTransfer {
    /// Bytes read or written in all, which may be fewer than the buffers have.
    pub result: io::Result<usize>,
    /// After writing: as they were. After reading: what was read, and empty if that failed.
    pub buffers: Vec<Vec<u8>>,
}

/// A new connection.
#[derive(Debug)]
pub struct Accepted {
    /// Its socket, closed on `exec`.
    pub socket: OwnedFd,
    /// Who connected, if that is an IPv4 or IPv6 address.
    pub peer: Option<SocketAddr>,
}

/// Conversions of an output into [`Output`] and, if it is of that kind, back.
macro_rules! output {
    ($($variant:ident($type:ty)),* $(,)?) => {$(
        impl From<$type> for Output {
            fn from(output: $type) -> Self {
                Self::$variant(output)
            }
        }

        /// Gives back an output of another kind.
        impl TryFrom<Output> for $type {
            type Error = Output;

            fn try_from(output: Output) -> Result<Self, Output> {
                match output {
                    Output::$variant(output) => Ok(output),
                    other => Err(other),
                }
            }
        }
    )*};
}

output! {
    Transfer(Transfer),
    Vectored(VectoredTransfer),
    Count(io::Result<usize>),
    Unit(io::Result<()>),
    Opened(io::Result<OwnedFd>),
    Accepted(io::Result<Accepted>),
    Raw(io::Result<i64>),
}

impl From<io::Result<libc::statx>> for Output {
    fn from(output: io::Result<libc::statx>) -> Self {
        Self::Stat(output.map(Box::new))
    }
}

/// Gives back an output of another kind.
impl TryFrom<Output> for io::Result<libc::statx> {
    type Error = Output;

    fn try_from(output: Output) -> Result<Self, Output> {
        match output {
            Output::Stat(output) => Ok(output.map(|stat| *stat)),
            other => Err(other),
        }
    }
}
