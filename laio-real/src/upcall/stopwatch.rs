//! How long a sampled call takes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::sys;

/// When a carrier's call was issued, if it is timed. Read by the loop and by the carrier.
pub(crate) struct Stopwatch(AtomicU64);

impl Stopwatch {
    pub(crate) const fn stopped() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Loop, before a call on this carrier: starts if the call `is_timed`, else stops.
    #[inline]
    pub(crate) fn start(&self, is_timed: bool) {
        let now_ns = if is_timed { sys::monotonic_ns() } else { 0 };
        self.0.store(now_ns, Ordering::Relaxed);
    }

    /// The time since the start, or `None` if stopped.
    pub(crate) fn elapsed_ns(&self) -> Option<u64> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            start_ns => Some(sys::monotonic_ns() - start_ns),
        }
    }
}
