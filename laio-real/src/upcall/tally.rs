//! Counting, on the loop and on the carriers.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::CallCounters;

/// System call numbers with a row of their own; higher ones share the last row. x86-64 Linux 6.18
/// numbers its calls up to 470.
const ROWS: usize = 512;

/// The loop's own tallies, one row per number.
pub(crate) struct Tally {
    rows: Box<[CallCounters; ROWS]>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            rows: Box::new([CallCounters::default(); ROWS]),
        }
    }

    #[inline]
    pub(crate) fn of(&mut self, number: usize) -> &mut CallCounters {
        &mut self.rows[row(number)]
    }

    /// The row of `number`, with the carriers' share.
    pub(crate) fn read(&self, number: usize, false_steals: &FalseSteals) -> CallCounters {
        CallCounters {
            false_steals: false_steals.of(number),
            ..self.rows[row(number)]
        }
    }

    pub(crate) fn sum(&self, false_steals: &FalseSteals) -> CallCounters {
        let mut sum = CallCounters::default();
        for number in 0..ROWS {
            sum += self.read(number, false_steals);
        }
        sum
    }
}

/// False steals per number: only the call's carrier learns of them, when the call ends.
pub(crate) struct FalseSteals([AtomicU64; ROWS]);

impl FalseSteals {
    pub(crate) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; ROWS])
    }

    pub(crate) fn add(&self, number: usize) {
        self.0[row(number)].fetch_add(1, Ordering::Relaxed);
    }

    fn of(&self, number: usize) -> u64 {
        self.0[row(number)].load(Ordering::Relaxed)
    }
}

#[inline]
fn row(number: usize) -> usize {
    number.min(ROWS - 1)
}
