//! How long a sampled call takes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::sys;
use crate::os;

/// When a carrier's call was issued, if it is timed. Read by the loop and by the carrier. It stands
/// unless the carrier is in a timed call, or has not run the loop since one.
pub(crate) struct Stopwatch(AtomicU64);

impl Stopwatch {
    pub(crate) const fn stopped() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Loop, before a timed call on this carrier.
    pub(crate) fn start(&self) {
        self.0.store(os::monotonic_ns(), Ordering::Relaxed);
    }

    /// Loop, after a timed call that was not stolen; carrier, when it takes the loop.
    pub(crate) fn stop(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// The time since the start, or `None` if stopped.
    pub(crate) fn elapsed_ns(&self) -> Option<u64> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            start_ns => Some(sys::monotonic_ns() - start_ns),
        }
    }
}
