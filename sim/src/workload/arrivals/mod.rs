//! Open arrivals: when sessions begin, whatever the server does.
//!
//! Three laws, each an iterator that never ends: Poisson; on-off bursts; a rate that follows a
//! curve. Each takes one draw per arrival, from a stream of its own. Instants are whole nanoseconds
//! and strictly increase: an arrival that would round to the instant of the one before comes 1 ns
//! later, which at the highest rate allowed (10^6 per second) moves one in a thousand.
//!
//! Left out: sessions that give up before they begin, and rates that react to the server.
//!
//! How it was checked: the law of the gaps by their moments and a chi-square test; counts' mean and
//! variance; the mean rate of bursts; the expected count in each stretch of a curve.

mod curve;
mod on_off;
#[cfg(test)]
mod tests;

pub use curve::{Curve, CurveArrivals};
pub use on_off::{OnOff, OnOffArrivals, PeriodLaw};

use crate::engine::Nanos;
use crate::engine::random::{Stream, exponential, stream};

/// When sessions arrive.
#[derive(Clone, Debug, PartialEq)]
pub enum ArrivalLaw {
    /// A Poisson process of this many sessions per second.
    Poisson(f64),
    /// A Poisson process that is interrupted.
    OnOff(OnOff),
    /// A Poisson process whose rate changes.
    Curve(Curve),
}

impl ArrivalLaw {
    /// The instants of one replication.
    ///
    /// # Panics
    ///
    /// If a rate is not above 0, or a mean period too short; a checked scenario has none.
    pub fn arrivals(&self, seed: u64, replication: u64) -> Arrivals {
        let rng = stream(seed, "arrivals", replication, 0);
        match self {
            Self::Poisson(rate) => Arrivals::Poisson(PoissonArrivals::new(*rate, rng)),
            Self::OnOff(law) => {
                let periods = stream(seed, "on-off periods", replication, 0);
                Arrivals::OnOff(OnOffArrivals::new(*law, rng, periods))
            }
            Self::Curve(curve) => Arrivals::Curve(CurveArrivals::new(curve.clone(), rng)),
        }
    }

    /// Sessions per second in the long run.
    pub fn mean_rate(&self) -> f64 {
        match self {
            Self::Poisson(rate) => *rate,
            Self::OnOff(law) => law.mean_rate(),
            Self::Curve(curve) => curve.mean_rate(),
        }
    }
}

/// The instants at which sessions begin: strictly increasing, without end.
#[derive(Clone, Debug)]
pub enum Arrivals {
    /// Poisson.
    Poisson(PoissonArrivals),
    /// Bursts.
    OnOff(OnOffArrivals),
    /// A curve.
    Curve(CurveArrivals),
}

impl Iterator for Arrivals {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        match self {
            Self::Poisson(arrivals) => arrivals.next(),
            Self::OnOff(arrivals) => arrivals.next(),
            Self::Curve(arrivals) => arrivals.next(),
        }
    }
}

/// A Poisson process.
#[derive(Clone, Debug)]
pub struct PoissonArrivals {
    mean_gap_ns: f64,
    rng: Stream,
    last: Nanos,
}

impl PoissonArrivals {
    fn new(rate: f64, rng: Stream) -> Self {
        Self {
            mean_gap_ns: mean_gap_ns(rate),
            rng,
            last: Nanos::ZERO,
        }
    }
}

impl Iterator for PoissonArrivals {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        let gap = exponential(&mut self.rng, self.mean_gap_ns);
        self.last = after(self.last, self.last + gap);
        Some(self.last)
    }
}

/// The mean gap in nanoseconds between arrivals at `rate` per second.
fn mean_gap_ns(rate: f64) -> f64 {
    assert!(rate > 0.0 && rate.is_finite(), "a rate is above 0");
    1e9 / rate
}

/// `instant`, or the first one after `last` if that is later.
fn after(last: Nanos, instant: Nanos) -> Nanos {
    instant.max(last + Nanos(1))
}
