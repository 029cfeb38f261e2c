//! How long the loop has run at a stretch, and what that says about why it has left the CPU.
//!
//! The yield detector's watcher runs when the loop does not. Mostly that has blocked; but every few
//! milliseconds the scheduler takes the CPU from a loop that never blocks too. To steal that one is
//! safe, yet its carrier is left behind in the call, runnable but due only after all others have had
//! as much time. A loop that summed up a warm tree for 150 ms had 35 calls stolen like that, each of
//! which ended 11 ticks, 44 ms, later, and 16 carriers (`LAIO_STATS=1 du`, 250 ticks a second).
//!
//! So a watcher that finds a loop which has run for long asks the kernel whether that is runnable. If
//! so it yields until the scheduler holds it to be the loop's turn again: some 40 times, 24 us in each
//! tick, with the asking 31. After a short stretch it does not ask: then the loop has not used up its
//! slice.

use std::arch::x86_64::_rdtsc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A stretch that the scheduler may have ended, as cycles of the time stamp counter: ours. Half a
/// millisecond to two, on processors of 1 to 4 GHz: asking, which takes some 7 us, costs at most 1.4 %.
const LONG_CYCLES: u64 = 1 << 21;
/// In less, nobody is taken to have had the CPU between two looks: ours; 3 us at 2.7 GHz. A yield that
/// nobody answers takes some 0.5 us, and 1.2 under a tracer. A loop that is switched to and blocks
/// in less is noticed when the watcher asks again.
const SHORT_CYCLES: u64 = 1 << 13;
/// How often a watcher looks without asking again: ours; some 40 us.
const LOOKS_BEFORE_ASKING: u32 = 64;

/// When the last stretch ended or this one began.
pub(crate) struct Stretch(AtomicU64);

impl Stretch {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(now()))
    }

    /// The loop begins to run: it has slept, where no watcher looks.
    pub(crate) fn begin(&self) {
        self.0.store(now(), Ordering::Relaxed);
    }

    /// Watcher, in each look: how long the loop can have run since the one before.
    pub(crate) fn end(&self) -> Ran {
        let end = now();
        // Not as one step: where it matters, only the CPU that the loop is pinned to writes it.
        let begin = self.0.load(Ordering::Relaxed);
        self.0.store(end, Ordering::Relaxed);
        Ran {
            cycles: end.saturating_sub(begin),
        }
    }
}

/// A stretch that has ended.
#[derive(Clone, Copy)]
pub(crate) struct Ran {
    cycles: u64,
}

impl Ran {
    /// Whether a loop that is off the CPU, seen in the same call in `looks` looks before this one and
    /// not taken, has not blocked: it was preempted. `is_runnable` asks the kernel.
    pub(crate) fn into_preemption(self, looks: u32, is_runnable: impl FnOnce() -> bool) -> bool {
        let has_waited = looks > 0 && looks.is_multiple_of(LOOKS_BEFORE_ASKING);
        if self.cycles >= LONG_CYCLES || has_waited {
            return is_runnable();
        }
        // As in the look before, since when it has not run.
        looks > 0 && self.cycles < SHORT_CYCLES
    }
}

fn now() -> u64 {
    // SAFETY: every x86-64 processor has the counter.
    unsafe { _rdtsc() }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn preempted(cycles: u64, looks: u32, runnable: bool) -> bool {
        Ran { cycles }.into_preemption(looks, || runnable)
    }

    #[test]
    fn short_stretch_ends_by_blocking() {
        assert!(!preempted(LONG_CYCLES - 1, 0, true));
    }

    #[test]
    fn kernel_is_asked_after_a_long_stretch() {
        assert!(preempted(LONG_CYCLES, 0, true));
        assert!(!preempted(LONG_CYCLES, 0, false));
        assert!(preempted(LONG_CYCLES, 7, true));
    }

    #[test]
    fn preempted_loop_stays_so_until_it_has_run() {
        assert!(preempted(SHORT_CYCLES - 1, 1, false));
        assert!(!preempted(SHORT_CYCLES, 1, true));
    }

    #[test]
    fn kernel_is_asked_again_now_and_then() {
        assert!(!preempted(0, LOOKS_BEFORE_ASKING, false));
        assert!(preempted(0, LOOKS_BEFORE_ASKING, true));
    }
}
