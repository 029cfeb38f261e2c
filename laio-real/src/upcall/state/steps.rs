//! The two steps that `switch.rs` makes in assembly, for tests that have no carriers.

use super::{Ordering, Phase, StateWord, Word};

impl StateWord {
    /// The call's carrier: from here on the loop may be stolen. `mov`, which on x86-64 releases.
    pub(in super::super) fn publish(&self, word: Word) {
        self.0.store(word.0, Ordering::Release);
    }

    /// The call's carrier: its call has ended. `lock cmpxchg`; true if the loop is still its own.
    pub(in super::super) fn finish(&self, word: Word) -> bool {
        self.swap(word, word.with(Phase::Idle))
    }
}
