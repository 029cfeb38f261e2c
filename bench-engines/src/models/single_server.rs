use super::{Agenda, Area, Model, Report, SEED, delay};
use serde::{Deserialize, Serialize};
use sim::engine::Nanos;
use sim::engine::random::{Stream, stream};

/// M/M/1 at a utilization of 0.8; its mean is the number in the system, 4 in
/// the long run. At most two events are pending.
#[derive(Serialize, Deserialize)]
pub struct SingleServer {
    arrivals: Stream,
    services: Stream,
    customers: Area,
    events: u64,
}

impl SingleServer {
    const ARRIVAL: u32 = 0;
    const DEPARTURE: u32 = 1;
    const MEAN_INTERARRIVAL_NS: f64 = 1e6;
    const MEAN_SERVICE_NS: f64 = 0.8e6;

    fn schedule_arrival(&mut self, now: Nanos, agenda: &mut impl Agenda) {
        let after = delay(&mut self.arrivals, Self::MEAN_INTERARRIVAL_NS);
        agenda.schedule(now + after, Self::ARRIVAL);
    }

    fn schedule_departure(&mut self, now: Nanos, agenda: &mut impl Agenda) {
        let after = delay(&mut self.services, Self::MEAN_SERVICE_NS);
        agenda.schedule(now + after, Self::DEPARTURE);
    }
}

impl Model for SingleServer {
    const EVENTS_PER_NS: f64 = 2.0 / Self::MEAN_INTERARRIVAL_NS;

    fn new() -> Self {
        Self {
            arrivals: stream(SEED, "arrivals", 0, 0),
            services: stream(SEED, "services", 0, 0),
            customers: Area::default(),
            events: 0,
        }
    }

    fn ids(&self) -> usize {
        2
    }

    fn start(&mut self, agenda: &mut impl Agenda) {
        self.schedule_arrival(Nanos::ZERO, agenda);
    }

    fn handle(&mut self, now: Nanos, id: u32, agenda: &mut impl Agenda) {
        self.events += 1;
        let number = self.customers.number;
        if id == Self::ARRIVAL {
            self.customers.change(now, number + 1);
            if number == 0 {
                self.schedule_departure(now, agenda);
            }
            self.schedule_arrival(now, agenda);
        } else {
            self.customers.change(now, number - 1);
            if number > 1 {
                self.schedule_departure(now, agenda);
            }
        }
    }

    fn report(&self) -> Report {
        Report {
            events: self.events,
            mean: self.customers.mean(),
        }
    }
}
