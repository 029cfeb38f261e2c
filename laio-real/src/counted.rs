//! Counting in the engines whose calls are all issued, and taken, by the loop's thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::report;
use crate::tally::Tally;
use crate::{CallCounters, Counters, EngineKind};

/// System call numbers with a row of their own; higher ones share the last row. Linux 6.18 numbers
/// its calls up to 470.
pub(crate) const ROWS: usize = 512;

/// What has been counted, in one row per call number.
pub(crate) struct Counted {
    /// Shared with the report at the process's exit only.
    tally: Arc<Tally>,
    pub(crate) passed_through: u64,
    in_flight: usize,
}

impl Counted {
    /// The counts of a new engine, which are reported in the end if that is wanted.
    pub(crate) fn new(engine: EngineKind) -> Self {
        let tally = Arc::new(Tally::new());
        report::register(&tally, report::Engine::Other(engine));
        Self {
            tally,
            passed_through: 0,
            in_flight: 0,
        }
    }

    pub(crate) fn read(&self, number: i64) -> CallCounters {
        self.tally.read(number as usize)
    }

    /// A call is about to be made: now, if it is to be timed.
    pub(crate) fn start(&self, number: i64) -> Option<Instant> {
        let is_due = self.tally.of(number as usize).issued.is_due();
        is_due.then(Instant::now)
    }

    /// A call has ended inline.
    pub(crate) fn ended_inline(&self, number: i64) {
        self.tally.of(number as usize).issued.increment();
    }

    /// A call that was `started`, if it is timed, is in the background, and the loop has control.
    pub(crate) fn left(&mut self, number: i64, started: Option<Instant>) {
        let counters = self.tally.of(number as usize);
        counters.issued.increment();
        counters.stolen.increment();
        if let Some(started) = started {
            counters.control_back.add(nanoseconds(started.elapsed()));
        }
        self.in_flight += 1;
    }

    /// A call has ended there. It took so long, if it was timed.
    pub(crate) fn ended(&self, number: i64, blocked: bool, took: Option<Duration>) {
        let counters = self.tally.of(number as usize);
        if !blocked {
            counters.false_steals.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(took) = took {
            counters.completion.add(nanoseconds(took));
        }
    }

    /// The loop takes so many that have ended there.
    pub(crate) fn taken(&mut self, calls: usize) {
        self.in_flight -= calls;
    }

    /// All of it, of an engine with so many kernel threads.
    pub(crate) fn all(&self, carriers: usize) -> Counters {
        Counters {
            calls: self.tally.sum(),
            passed_through: self.passed_through,
            carriers,
            in_flight: self.in_flight,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        report::report(&self.tally);
    }
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// The row of a call number. A negative one is a high one here.
#[inline]
pub(crate) fn row(number: usize) -> usize {
    number.min(ROWS - 1)
}
