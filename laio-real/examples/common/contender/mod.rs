//! Ways to make the same system calls: plainly, lazily, through io_uring, on a thread pool.

mod lazy;
mod plain;
mod pool;
mod uring;

use std::{fmt, io};

use clap::ValueEnum;

use super::job::Call;
use super::loops::Share;

/// A call that was in flight has ended.
pub(crate) struct Ended {
    pub(crate) slot: usize,
    pub(crate) result: io::Result<i64>,
}

/// A way to make system calls.
pub(crate) trait Caller {
    /// Makes a call; or `None`, and it is in flight under the name of `slot`.
    ///
    /// # Safety
    /// As for the call; and its memory must stay valid, and be left alone, until it has ended.
    unsafe fn call(&mut self, slot: usize, call: Call) -> Option<io::Result<i64>>;

    /// Appends calls in flight that have ended, of which there must be some; waits for one.
    fn wait(&mut self, ended: &mut Vec<Ended>) -> io::Result<()>;

    /// How many of the calls have blocked, where it is known.
    fn blocked(&self) -> Option<u64> {
        None
    }
}

/// The contenders by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contender {
    /// One call after the other; the loop blocks.
    Plain,
    /// Through this crate.
    Laio,
    /// io_uring, a submission per turn of the loop; calls without an opcode are made plainly.
    Uring,
    /// Each call is handed to a pool of threads, a batch per turn of the loop.
    Pool,
}

impl Contender {
    /// Starts it for a loop, on the loop's thread.
    ///
    /// # Errors
    /// Why it cannot run here.
    pub(crate) fn start(self, share: &Share) -> io::Result<Box<dyn Caller>> {
        Ok(match self {
            Self::Plain => Box::new(plain::Plain),
            Self::Laio => {
                Box::new(lazy::Lazy::start(share.in_flight, share.cpu).map_err(io::Error::other)?)
            }
            Self::Uring => Box::new(uring::Uring::start(share.in_flight)?),
            Self::Pool => Box::new(pool::Pool::start(share.threads)),
        })
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plain => "plain",
            Self::Laio => "laio",
            Self::Uring => "io_uring",
            Self::Pool => "pool",
        })
    }
}
