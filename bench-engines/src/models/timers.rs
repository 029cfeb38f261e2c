use super::{Agenda, Model, Report, SEED, delay};
use serde::{Deserialize, Serialize};
use sim::engine::Nanos;
use sim::engine::random::{Stream, stream, uniform_below};

/// Hold with timers: 10,000 of them, each running for 1 us or 10 ms on average
/// with equal chances. Whatever is due schedules its next and, one time in
/// four, restarts another timer: of five timers scheduled one is cancelled.
/// Cancelled timers are no events. Its mean is the mean time of the events, in
/// ns.
#[derive(Serialize, Deserialize)]
pub struct Timers {
    rngs: Vec<Stream>,
    events: u64,
    times: u128,
}

impl Timers {
    const TIMERS: u64 = 10_000;
    const SHORT_NS: f64 = 1e3;
    const LONG_NS: f64 = 1e7;

    fn schedule(&mut self, now: Nanos, id: u32, agenda: &mut impl Agenda) {
        let rng = &mut self.rngs[id as usize];
        let mean_ns = [Self::SHORT_NS, Self::LONG_NS][uniform_below(rng, 2) as usize];
        agenda.schedule(now + delay(rng, mean_ns), id);
    }
}

impl Model for Timers {
    const CANCELS: bool = true;
    /// Measured.
    const EVENTS_PER_NS: f64 = 2.67e-3;

    fn new() -> Self {
        let rng = |index| stream(SEED, "timer", 0, index);
        Self {
            rngs: (0..Self::TIMERS).map(rng).collect(),
            events: 0,
            times: 0,
        }
    }

    fn ids(&self) -> usize {
        self.rngs.len()
    }

    fn start(&mut self, agenda: &mut impl Agenda) {
        (0..Self::TIMERS as u32).for_each(|id| self.schedule(Nanos::ZERO, id, agenda));
    }

    fn handle(&mut self, now: Nanos, id: u32, agenda: &mut impl Agenda) {
        self.events += 1;
        self.times += u128::from(now.0);
        self.schedule(now, id, agenda);
        let rng = &mut self.rngs[id as usize];
        if uniform_below(rng, 4) == 0 {
            let other = uniform_below(rng, Self::TIMERS) as u32;
            agenda.cancel(other);
            self.schedule(now, other, agenda);
        }
    }

    fn report(&self) -> Report {
        Report {
            events: self.events,
            mean: self.times as f64 / self.events as f64,
        }
    }
}
