use super::{Agenda, Area, Model, Report, SEED, delay};
use serde::{Deserialize, Serialize};
use sim::engine::Nanos;
use sim::engine::random::{Stream, stream, uniform_below};

/// A closed network: 64 customers move between 8 single-server stations,
/// chosen with equal chances. Its mean is the number at the first station, 8
/// in the long run. An event is a departure.
#[derive(Serialize, Deserialize)]
pub struct ClosedNetwork {
    stations: Vec<Station>,
    events: u64,
}

#[derive(Serialize, Deserialize)]
struct Station {
    customers: Area,
    rng: Stream,
}

impl ClosedNetwork {
    const STATIONS: u32 = 8;
    const CUSTOMERS: u64 = 64;
    const MEAN_SERVICE_NS: f64 = 1e6;

    fn schedule_departure(&mut self, now: Nanos, id: u32, agenda: &mut impl Agenda) {
        let rng = &mut self.stations[id as usize].rng;
        agenda.schedule(now + delay(rng, Self::MEAN_SERVICE_NS), id);
    }

    fn arrive(&mut self, now: Nanos, id: u32, agenda: &mut impl Agenda) {
        let customers = &mut self.stations[id as usize].customers;
        let number = customers.number + 1;
        customers.change(now, number);
        if number == 1 {
            self.schedule_departure(now, id, agenda);
        }
    }
}

impl Model for ClosedNetwork {
    /// Each station is busy for N / (N + M - 1) of the time: product form,
    /// M stations of equal demand, N customers.
    const EVENTS_PER_NS: f64 = Self::STATIONS as f64 / Self::MEAN_SERVICE_NS
        * Self::CUSTOMERS as f64
        / (Self::CUSTOMERS + Self::STATIONS as u64 - 1) as f64;

    fn new() -> Self {
        let station = |index| Station {
            customers: Area::default(),
            rng: stream(SEED, "station", 0, index),
        };
        Self {
            stations: (0..u64::from(Self::STATIONS)).map(station).collect(),
            events: 0,
        }
    }

    fn ids(&self) -> usize {
        self.stations.len()
    }

    fn start(&mut self, agenda: &mut impl Agenda) {
        for customer in 0..Self::CUSTOMERS {
            self.arrive(Nanos::ZERO, customer as u32 % Self::STATIONS, agenda);
        }
    }

    fn handle(&mut self, now: Nanos, id: u32, agenda: &mut impl Agenda) {
        self.events += 1;
        let station = &mut self.stations[id as usize];
        let left = station.customers.number - 1;
        station.customers.change(now, left);
        let next = uniform_below(&mut station.rng, u64::from(Self::STATIONS)) as u32;
        if left > 0 {
            self.schedule_departure(now, id, agenda);
        }
        self.arrive(now, next, agenda);
    }

    fn report(&self) -> Report {
        Report {
            events: self.events,
            mean: self.stations[0].customers.mean(),
        }
    }
}
