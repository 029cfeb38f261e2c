//! Options of an engine.

use crate::{Error, Laio};

/// Carriers by default: ours. Each costs a kernel thread and about 12 KiB once it has run.
const DEFAULT_CARRIERS: usize = 256;

/// How an engine is to be started. Made by [`Laio::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) cpu: Option<usize>,
    pub(crate) max_carriers: usize,
    pub(crate) swap_fs_base: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            cpu: None,
            max_carriers: DEFAULT_CARRIERS,
            swap_fs_base: true,
        }
    }

    /// Pins the loop and its carriers to this processor; by default to the one that the loop is on
    /// at the start.
    #[must_use]
    pub fn cpu(mut self, cpu: usize) -> Self {
        self.cpu = Some(cpu);
        self
    }

    /// The most kernel threads that the loop and its background calls may use, at least 2: with
    /// `n`, `n - 1` calls can be in the background. Beyond, a call that blocks stalls the loop,
    /// and is counted as [`at_limit`](crate::CallCounters::at_limit). 256 by default.
    #[must_use]
    pub fn max_carriers(mut self, carriers: usize) -> Self {
        self.max_carriers = carriers;
        self
    }

    /// Whether a carrier in a call has an FS base of its own; on by default. Off, a call is some
    /// 25 ns faster, and a signal handler that runs on a carrier in a background call (which takes
    /// a synchronous signal, or one unblocked there by hand) would use the loop's thread-local
    /// storage at the same time as the loop.
    #[must_use]
    pub fn swap_fs_base(mut self, swap: bool) -> Self {
        self.swap_fs_base = swap;
        self
    }

    /// Starts the engine; the calling thread is the loop.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start(self) -> Result<Laio, Error> {
        Laio::start(self)
    }
}
