//! Counting, on the loop and on the carriers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::counted::{ROWS, row};
#[cfg(target_arch = "x86_64")]
use crate::passthrough;
use crate::{CallCounters, Times};

/// Of the calls of one number, the first and every 64th are timed: ours. That costs some 40 ns.
const TIMED_EVERY: u64 = 64;

/// A count that only the loop adds to.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Adds one, without the price of an atomic addition.
    #[inline]
    pub(crate) fn increment(&self) {
        self.0.store(self.get() + 1, Ordering::Relaxed);
    }

    /// Whether the next one is to be timed.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.get().is_multiple_of(TIMED_EVERY)
    }

    #[inline]
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A sum of times that the loop and carriers add to.
#[derive(Default)]
pub(crate) struct Sum {
    samples: AtomicU64,
    total_ns: AtomicU64,
}

impl Sum {
    pub(crate) fn add(&self, ns: u64) {
        self.samples.fetch_add(1, Ordering::Relaxed);
        self.total_ns.fetch_add(ns, Ordering::Relaxed);
    }

    fn read(&self) -> Times {
        Times {
            samples: self.samples.load(Ordering::Relaxed),
            total: Duration::from_nanos(self.total_ns.load(Ordering::Relaxed)),
        }
    }
}

/// What has been counted of the calls of one number.
#[derive(Default)]
pub(crate) struct Row {
    pub(crate) issued: Count,
    pub(crate) stolen: Count,
    pub(crate) parked: Count,
    pub(crate) late: Count,
    pub(crate) at_limit: Count,
    /// Only the call's carrier learns of these, when the call ends.
    pub(crate) false_steals: AtomicU64,
    pub(crate) control_back: Sum,
    pub(crate) completion: Sum,
}

impl Row {
    fn read(&self) -> CallCounters {
        CallCounters {
            issued: self.issued.get(),
            stolen: self.stolen.get(),
            parked: self.parked.get(),
            late: self.late.get(),
            at_limit: self.at_limit.get(),
            false_steals: self.false_steals.load(Ordering::Relaxed),
            control_back: self.control_back.read(),
            completion: self.completion.read(),
        }
    }
}

/// An engine's tallies.
pub(crate) struct Tally {
    /// One per number.
    rows: [Row; ROWS],
    /// See [`count_of`](Self::count_of). Not in the rows: with larger ones, calls that do not block
    /// were 5-10 ns slower.
    judged: [Count; ROWS],
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            rows: std::array::from_fn(|_| Row::default()),
            judged: std::array::from_fn(|_| Count::default()),
        }
    }

    #[inline]
    pub(crate) fn of(&self, number: usize) -> &Row {
        &self.rows[row(number)]
    }

    /// What counts the calls of `number` in the upcall engine. There, `issued` stays 0, and so is
    /// always due, for all numbers whose calls may be passed through, so that one test of it tells
    /// every call that has to be looked at.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn count_of(&self, number: usize) -> &Count {
        if passthrough::is_judged(number) {
            &self.judged[row(number)]
        } else {
            &self.of(number).issued
        }
    }

    pub(crate) fn read(&self, number: usize) -> CallCounters {
        let judged = self.judged[row(number)].get();
        let mut counters = self.of(number).read();
        counters.issued += judged;
        counters
    }

    pub(crate) fn sum(&self) -> CallCounters {
        let mut sum = CallCounters::default();
        for number in 0..ROWS {
            sum += self.read(number);
        }
        sum
    }
}
