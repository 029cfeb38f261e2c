//! The loop's turns: how many of its next calls will block, as far as the past tells.
//!
//! A turn is what the loop does between two waits. A loop that has just had ten calls block is
//! likely to do so again: then its next steal needs another standby, and so on. They are woken
//! together, by the first thief of the turn that finds none. That is one system call for all, and
//! each of them runs when the one before has blocked, without preempting anybody. A loop of which
//! one call at a time blocks needs none of that: that call's carrier is free again before the next.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Changed by the loop and by the thief that has just taken it over only; only a guess, so that
/// nothing depends on when others see it.
pub(crate) struct Turn {
    /// The last call before it.
    after_call: AtomicU64,
    steals: AtomicU32,
    steals_in_last: AtomicU32,
}

impl Turn {
    pub(crate) const fn first() -> Self {
        Self {
            after_call: AtomicU64::new(0),
            steals: AtomicU32::new(0),
            steals_in_last: AtomicU32::new(0),
        }
    }

    /// Loop, about to wait, with `call` its last one: ends the turn, if it has made a call in it.
    pub(crate) fn end(&self, call: u64) {
        if self.after_call.swap(call, Ordering::Relaxed) != call {
            let steals = self.steals.swap(0, Ordering::Relaxed);
            self.steals_in_last.store(steals, Ordering::Relaxed);
        }
    }

    /// Thief: it has stolen.
    pub(crate) fn count_steal(&self) {
        self.steals.fetch_add(1, Ordering::Relaxed);
    }

    /// Watcher, about to steal: how many more steals to expect in this turn.
    pub(crate) fn steals_to_come(&self) -> u32 {
        let with_this = self.steals.load(Ordering::Relaxed) + 1;
        self.steals_in_last
            .load(Ordering::Relaxed)
            .saturating_sub(with_this)
    }
}
