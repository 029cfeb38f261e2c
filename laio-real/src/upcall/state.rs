//! The state word: who may continue the loop.
//!
//! One 64-bit word per engine, `(call << 2) | phase`, where `call` numbers the system calls
//! issued. It is the only thing that the loop, the call's carrier and the thieves agree on:
//!
//! ```text
//!            loop             call's carrier
//! Idle ----------> Entering ----------------> InSyscall ---+--> Idle   by the carrier: done inline
//!   |  ^            |                                      `--> Idle   by a thief: stolen
//!   |  |`-----------'  by the loop: not this way, or not yet
//!   |  `------------------.
//!   `-----> Asleep -------'  by the loop, or by whoever wakes it
//! ```
//!
//! Both ways out of `InSyscall` are a compare-and-swap from the same value, so exactly one wins; a
//! later call has another number, so a late thief or carrier can never mistake it for its own.
//!
//! Back from `Entering`, the loop may announce a call of the same number anew: nobody swaps from
//! `Entering` or `Idle`.
//!
//! `Asleep` only tells the watcher that it may park. What wakes a sleeping loop is the list of
//! finished calls (`finished.rs`), which knows nothing of this word: so it may sleep anywhere.
//!
//! `cargo test` checks the word step by step in every order that it comes upon, and loom
//! (`state/loom_models.rs`) all orders, and all that the memory model allows, of a few steps.

use super::sync::{AtomicU64, Ordering};

/// What the loop is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Running its own code.
    Idle,
    /// About to make a call; not yet stealable.
    Entering,
    /// In a call; whoever finds the loop off the CPU may steal.
    InSyscall,
    /// Waiting for work in [`poll`](crate::Laio::poll) or [`wait`](crate::Laio::wait).
    Asleep,
}

/// One value of the state word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

const PHASE_BITS: u32 = 2;

impl Word {
    pub(crate) fn new(call: u64, phase: Phase) -> Self {
        Self(call << PHASE_BITS | phase as u64)
    }

    pub(crate) fn call(self) -> u64 {
        self.0 >> PHASE_BITS
    }

    pub(crate) fn phase(self) -> Phase {
        match self.0 & 3 {
            0 => Phase::Idle,
            1 => Phase::Entering,
            2 => Phase::InSyscall,
            _ => Phase::Asleep,
        }
    }

    fn with(self, phase: Phase) -> Self {
        Self::new(self.call(), phase)
    }
}

/// The shared word itself. The step from `Entering` to `InSyscall` and the carrier's way back to
/// `Idle` are in assembly (`switch.rs`), which stores and swaps the raw value.
#[repr(transparent)]
pub(crate) struct StateWord(AtomicU64);

impl StateWord {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn load(&self) -> Word {
        Word(self.0.load(Ordering::Acquire))
    }

    /// Loop: announces call number `call` and returns the value that stands for being inside it.
    /// A plain store: a watcher on another CPU makes the barrier that the loop spares itself.
    #[inline]
    pub(crate) fn enter(&self, call: u64) -> Word {
        self.0
            .store(Word::new(call, Phase::Entering).0, Ordering::Release);
        Word::new(call, Phase::InSyscall)
    }

    /// Loop: it does not make the call that it has announced, or not yet.
    pub(crate) fn withdraw(&self) {
        let word = self.load();
        debug_assert_eq!(word.phase(), Phase::Entering);
        self.0.store(word.with(Phase::Idle).0, Ordering::Release);
    }

    /// Thief: takes the loop out of the call seen in `word`. False if it was not in a call, or has
    /// left it since.
    pub(crate) fn steal(&self, word: Word) -> bool {
        word.phase() == Phase::InSyscall && self.swap(word, word.with(Phase::Idle))
    }

    /// Loop: announces that it is about to sleep.
    pub(crate) fn sleep(&self) {
        let word = self.load();
        self.0.store(word.with(Phase::Asleep).0, Ordering::SeqCst);
    }

    /// Loop: it is awake. Or anyone: it is about to be, and needs a watcher that stays.
    pub(crate) fn wake(&self) {
        let word = self.load();
        if word.phase() == Phase::Asleep {
            // If it fails, the loop has gone on.
            self.swap(word, word.with(Phase::Idle));
        }
    }

    fn swap(&self, from: Word, to: Word) -> bool {
        self.0
            .compare_exchange(from.0, to.0, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
    }
}

#[cfg(all(test, loom))]
mod loom_models;
#[cfg(test)]
mod steps;
#[cfg(all(test, not(loom)))]
mod tests;
