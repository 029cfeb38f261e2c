//! What the kernel makes of the futex: a number and a queue under a lock. Who sleeps for ever makes
//! loom fail.

use std::collections::VecDeque;
use std::time::Duration;

use loom::sync::{Condvar, Mutex};

#[derive(Default)]
struct State {
    rung: u32,
    /// How many have fallen asleep so far; numbers the sleepers.
    slept: u64,
    /// A wake-up is for one that sleeps already, and nobody who falls asleep later can take it away.
    sleepers: VecDeque<u64>,
}

/// See [above](super).
pub(in super::super) struct Bell {
    state: Mutex<State>,
    rings: Condvar,
}

impl Bell {
    pub(in super::super) fn new() -> Self {
        Self {
            state: Mutex::new(State::default()),
            rings: Condvar::new(),
        }
    }

    pub(in super::super) fn rung(&self) -> u32 {
        self.state.lock().unwrap().rung
    }

    pub(in super::super) fn ring(&self, count: u32) -> u32 {
        let mut state = self.state.lock().unwrap();
        state.rung += 1;
        let woken = state.sleepers.len().min(count as usize);
        state.sleepers.drain(..woken);
        self.rings.notify_all();
        woken as u32
    }

    /// Who sleeps for a time only sleeps no time.
    pub(in super::super) fn sleep(&self, rung: u32, longest: Option<Duration>) -> bool {
        let mut state = self.state.lock().unwrap();
        if state.rung != rung || longest.is_some() {
            return false;
        }
        state.slept += 1;
        let sleeper = state.slept;
        state.sleepers.push_back(sleeper);
        while state.sleepers.contains(&sleeper) {
            state = self.rings.wait(state).unwrap();
        }
        true
    }
}
