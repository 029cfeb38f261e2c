use super::{Agenda, Model, Report, SEED, delay};
use serde::{Deserialize, Serialize};
use sim::engine::Nanos;
use sim::engine::random::{Stream, stream};

/// The hold model (Jones, "An empirical comparison of priority-queue and
/// event-set implementations", CACM 29(4), 1986): every event schedules
/// another, exponentially later, so their number is constant. Its mean is the
/// mean time of the events, in ns.
#[derive(Serialize, Deserialize)]
pub struct Hold<const PENDING: u32> {
    rng: Stream,
    events: u64,
    times: u128,
}

impl<const PENDING: u32> Hold<PENDING> {
    const MEAN_DELAY_NS: f64 = 1e7;
}

impl<const PENDING: u32> Model for Hold<PENDING> {
    const EVENTS_PER_NS: f64 = PENDING as f64 / Self::MEAN_DELAY_NS;

    fn new() -> Self {
        Self {
            rng: stream(SEED, "hold", 0, 0),
            events: 0,
            times: 0,
        }
    }

    fn ids(&self) -> usize {
        PENDING as usize
    }

    fn start(&mut self, agenda: &mut impl Agenda) {
        for id in 0..PENDING {
            agenda.schedule(delay(&mut self.rng, Self::MEAN_DELAY_NS), id);
        }
    }

    fn handle(&mut self, now: Nanos, id: u32, agenda: &mut impl Agenda) {
        self.events += 1;
        self.times += u128::from(now.0);
        agenda.schedule(now + delay(&mut self.rng, Self::MEAN_DELAY_NS), id);
    }

    fn report(&self) -> Report {
        Report {
            events: self.events,
            mean: self.times as f64 / self.events as f64,
        }
    }
}
