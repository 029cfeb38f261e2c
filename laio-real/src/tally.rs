//! Counting, on the loop and on the carriers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::counted::{ROWS, row};
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
    /// Whether the next call is to be timed. True as long as none has been issued, so always for
    /// those numbers whose calls are passed through.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.issued.get().is_multiple_of(TIMED_EVERY)
    }

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

/// An engine's tallies, one row per number.
pub(crate) struct Tally([Row; ROWS]);

impl Tally {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Row::default()))
    }

    #[inline]
    pub(crate) fn of(&self, number: usize) -> &Row {
        &self.0[row(number)]
    }

    pub(crate) fn read(&self, number: usize) -> CallCounters {
        self.of(number).read()
    }

    pub(crate) fn sum(&self) -> CallCounters {
        let mut sum = CallCounters::default();
        for row in &self.0 {
            sum += row.read();
        }
        sum
    }
}
