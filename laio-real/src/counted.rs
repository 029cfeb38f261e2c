//! Counting in the engines that do all of it on the loop's thread.

use crate::{CallCounters, Counters};

/// System call numbers with a row of their own; higher ones share the last row. Linux 6.18 numbers
/// its calls up to 470.
pub(crate) const ROWS: usize = 512;

/// What has been counted, in one row per call number.
pub(crate) struct Counted {
    rows: Box<[CallCounters; ROWS]>,
    pub(crate) passed_through: u64,
    in_flight: usize,
}

impl Counted {
    pub(crate) fn new() -> Self {
        Self {
            rows: Box::new([CallCounters::default(); ROWS]),
            passed_through: 0,
            in_flight: 0,
        }
    }

    pub(crate) fn of(&mut self, number: i64) -> &mut CallCounters {
        &mut self.rows[row(number as usize)]
    }

    pub(crate) fn read(&self, number: i64) -> CallCounters {
        self.rows[row(number as usize)]
    }

    /// A call has gone to the background.
    pub(crate) fn left(&mut self, number: i64) {
        let counters = self.of(number);
        counters.issued += 1;
        counters.stolen += 1;
        self.in_flight += 1;
    }

    /// A call has come back from there.
    pub(crate) fn came_back(&mut self, number: i64, blocked: bool) {
        self.of(number).false_steals += u64::from(!blocked);
        self.in_flight -= 1;
    }

    /// So many calls have come back of which it cannot be seen whether they blocked: all count as
    /// having.
    pub(crate) fn came_back_from_ring(&mut self, calls: usize) {
        self.in_flight -= calls;
    }

    /// All of it, of an engine with so many kernel threads.
    pub(crate) fn all(&self, carriers: usize) -> Counters {
        let mut calls = CallCounters::default();
        for &row in self.rows.iter() {
            calls += row;
        }
        Counters {
            calls,
            passed_through: self.passed_through,
            carriers,
            in_flight: self.in_flight,
        }
    }
}

/// The row of a call number. A negative one is a high one here.
#[inline]
pub(crate) fn row(number: usize) -> usize {
    number.min(ROWS - 1)
}
