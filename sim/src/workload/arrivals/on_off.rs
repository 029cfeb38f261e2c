//! Bursts: a Poisson process that is switched on and off.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{after, mean_gap_ns};
use crate::engine::Nanos;
use crate::engine::random::{Stream, exponential};

/// How long periods last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PeriodLaw {
    /// Exponential periods: an interrupted Poisson process.
    #[default]
    Exponential,
    /// All periods of a kind are of the same length.
    Fixed,
}

/// Arrivals while on, none while off. The first on period starts at 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnOff {
    /// Sessions per second while on.
    pub rate: f64,
    /// Mean length of an on period; at least 1 us, so that the process gets ahead.
    pub on: Nanos,
    /// Mean length of an off period.
    pub off: Nanos,
    /// The law of both.
    pub periods: PeriodLaw,
}

impl OnOff {
    /// Sessions per second in the long run.
    pub fn mean_rate(&self) -> f64 {
        self.rate * self.on.0 as f64 / (self.on.0 as f64 + self.off.0 as f64)
    }

    fn period(&self, mean: Nanos, rng: &mut Stream) -> Nanos {
        match self.periods {
            PeriodLaw::Exponential => exponential(rng, mean.0 as f64),
            PeriodLaw::Fixed => mean,
        }
    }
}

/// The instants of an [`OnOff`] law. A gap is drawn in time that is on; the off periods that fall
/// into it are added, which is exact, because the exponential law has no memory. Periods have a
/// stream of their own, so that another rate meets the same ones.
#[derive(Clone, Debug)]
pub struct OnOffArrivals {
    law: OnOff,
    rng: Stream,
    periods: Stream,
    /// The clock: at or before the latest arrival, in an on period.
    now: Nanos,
    /// What is left of the on period.
    on_left: Nanos,
    last: Nanos,
}

impl OnOffArrivals {
    pub(super) fn new(law: OnOff, rng: Stream, mut periods: Stream) -> Self {
        assert!(law.on >= Nanos::from_micros(1), "on periods are too short");
        Self {
            law,
            rng,
            now: Nanos::ZERO,
            on_left: law.period(law.on, &mut periods),
            periods,
            last: Nanos::ZERO,
        }
    }
}

impl Iterator for OnOffArrivals {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        let mut gap = exponential(&mut self.rng, mean_gap_ns(self.law.rate));
        while gap > self.on_left {
            gap -= self.on_left;
            self.now += self.on_left + self.law.period(self.law.off, &mut self.periods);
            self.on_left = self.law.period(self.law.on, &mut self.periods);
        }
        self.now += gap;
        self.on_left -= gap;
        self.last = after(self.last, self.now);
        Some(self.last)
    }
}
