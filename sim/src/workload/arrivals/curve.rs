//! A rate that changes with time.

use super::after;
use crate::engine::Nanos;
use crate::engine::random::{Stream, unit};

/// Sessions per second over time: straight lines between points. After the last point the curve
/// begins again, so that a steady run of any length has arrivals; a run that is to see it once
/// ends by its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    points: Vec<(Nanos, f64)>,
}

impl Curve {
    /// The curve through `points` (time, sessions per second). Two points of the same time are a
    /// step.
    ///
    /// # Errors
    ///
    /// In words: fewer than two points, a first one not at 0, times that fall, a rate that is
    /// negative or not finite, or fewer than one session in all, on average.
    pub fn new(points: Vec<(Nanos, f64)>) -> Result<Self, String> {
        let [first, .., last] = points.as_slice() else {
            return Err(format!(
                "a curve needs 2 points or more, not {}",
                points.len()
            ));
        };
        if first.0 > Nanos::ZERO {
            return Err("the first point must be at 0 s".to_owned());
        }
        if last.0 == Nanos::ZERO || points.windows(2).any(|pair| pair[1].0 < pair[0].0) {
            return Err("the points' times must rise".to_owned());
        }
        if let Some((_, rate)) = points.iter().find(|(_, r)| *r < 0.0 || !r.is_finite()) {
            return Err(format!("a rate cannot be {rate}"));
        }
        let curve = Self { points };
        // Less would be a search for the next arrival over many repetitions.
        if curve.sessions() < 1.0 {
            return Err("the curve must bring at least one session on average".to_owned());
        }
        Ok(curve)
    }

    /// From 0 to the last point.
    pub fn length(&self) -> Nanos {
        self.points[self.points.len() - 1].0
    }

    /// The highest rate in sessions per second.
    pub fn peak_rate(&self) -> f64 {
        self.points
            .iter()
            .map(|(_, rate)| *rate)
            .fold(0.0, f64::max)
    }

    /// Sessions per second in the long run.
    pub fn mean_rate(&self) -> f64 {
        self.sessions() / self.length().as_secs_f64()
    }

    /// Mean number of sessions from 0 to the last point.
    fn sessions(&self) -> f64 {
        (0..self.points.len() - 1)
            .map(|index| self.segment(index).sessions())
            .sum()
    }

    fn segment(&self, index: usize) -> Segment {
        let ((start, rate), (end, end_rate)) = (self.points[index], self.points[index + 1]);
        Segment {
            start,
            seconds: (end - start).as_secs_f64(),
            rate,
            end_rate,
        }
    }
}

/// A straight stretch of a curve.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: Nanos,
    seconds: f64,
    rate: f64,
    end_rate: f64,
}

impl Segment {
    /// Mean number of sessions in it.
    fn sessions(&self) -> f64 {
        (self.rate + self.end_rate) / 2.0 * self.seconds
    }

    /// How far into it `sessions` have come on average, at most all of it. With rate r and slope
    /// s it is the root of r x + s x^2 / 2 = sessions, in the form that does not cancel.
    fn time_of(&self, sessions: f64) -> Nanos {
        if sessions <= 0.0 {
            return Nanos::ZERO;
        }
        let slope = (self.end_rate - self.rate) / self.seconds;
        let root = (self.rate * self.rate + 2.0 * slope * sessions)
            .max(0.0)
            .sqrt();
        Nanos::from_secs_f64((2.0 * sessions / (self.rate + root)).min(self.seconds))
    }
}

/// The instants of a [`Curve`]: the integral of the rate, inverted at the points of a Poisson
/// process of rate 1. Exact, with one draw per arrival (thinning takes two or more).
#[derive(Clone, Debug)]
pub struct CurveArrivals {
    curve: Curve,
    rng: Stream,
    /// When the present repetition began.
    began: Nanos,
    /// The present stretch, and the mean number of sessions before the clock in it.
    index: usize,
    segment: Segment,
    done: f64,
    last: Nanos,
}

impl CurveArrivals {
    pub(super) fn new(curve: Curve, rng: Stream) -> Self {
        Self {
            segment: curve.segment(0),
            curve,
            rng,
            began: Nanos::ZERO,
            index: 0,
            done: 0.0,
            last: Nanos::ZERO,
        }
    }

    fn next_segment(&mut self) {
        self.index += 1;
        if self.index + 1 == self.curve.points.len() {
            self.index = 0;
            self.began += self.curve.length();
        }
        self.segment = self.curve.segment(self.index);
        self.done = 0.0;
    }
}

impl Iterator for CurveArrivals {
    type Item = Nanos;

    fn next(&mut self) -> Option<Nanos> {
        let mut needed = -libm::log(unit(&mut self.rng));
        while needed > self.segment.sessions() - self.done {
            needed -= self.segment.sessions() - self.done;
            self.next_segment();
        }
        self.done += needed;
        let instant = self.began + self.segment.start + self.segment.time_of(self.done);
        self.last = after(self.last, instant);
        Some(self.last)
    }
}
