//! Rounds: every contender runs the same stretch of simulated time, one after
//! the other, so that whatever else the machine does meets them all.

use crate::engines::{
    Contender, desru::Desru, heap::Heap, nexosim::Nexosim, ours::Ours, simu::Simu,
};
use crate::models::Model;
use sim::engine::Nanos;
use std::time::Instant;

pub const CONTENDERS: [&str; 5] = ["ours", "BinaryHeap", "nexosim", "desru", "simu-des"];
pub const OURS: usize = 0;
pub const HEAP: usize = 1;
pub const NEXOSIM: usize = 2;
pub const DESRU: usize = 3;

#[derive(Clone, Copy)]
pub struct Plan {
    /// Measured rounds; one more goes before them to warm up.
    pub rounds: usize,
    /// Events in a round, on average.
    pub events: f64,
}

pub struct Measured {
    pub model: &'static str,
    /// Nanoseconds per event in each round, per contender.
    pub ns: [Vec<f64>; CONTENDERS.len()],
    /// Memory of our pending-event set, in bytes, and events in it.
    pub memory: (usize, usize),
}

impl Measured {
    pub fn median_ns(&self, contender: usize) -> f64 {
        median(self.ns[contender].clone())
    }

    /// The median over the rounds of a contender's time in ours.
    pub fn median_ratio(&self, contender: usize) -> f64 {
        let rounds = self.ns[contender].iter().zip(&self.ns[OURS]);
        median(rounds.map(|(theirs, ours)| theirs / ours).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs a model on every contender.
///
/// # Panics
///
/// If they do not agree on it, after any round.
pub fn measure<M: Model>(name: &'static str, plan: Plan) -> Measured {
    eprintln!("{name} ...");
    let mut contenders: [Box<dyn Contender>; CONTENDERS.len()] = [
        Box::new(Ours::new(M::new())),
        Box::new(Heap::new(M::new())),
        Box::new(Nexosim::new(M::new())),
        Box::new(Desru::new(M::new())),
        Box::new(Simu::new(M::new())),
    ];
    let mut ns = [const { Vec::new() }; CONTENDERS.len()];
    let mut events_before = 0;
    for round in 0..=plan.rounds {
        let until = Nanos((plan.events / M::EVENTS_PER_NS * (round + 1) as f64) as u64);
        let mut took = [0.0; CONTENDERS.len()];
        for turn in 0..CONTENDERS.len() {
            let contender = (turn + round) % CONTENDERS.len();
            let start = Instant::now();
            contenders[contender].advance(until);
            took[contender] = start.elapsed().as_nanos() as f64;
        }
        let events = agreed_events(name, &mut contenders);
        if round > 0 {
            for (ns, took) in ns.iter_mut().zip(took) {
                ns.push(took / (events - events_before) as f64);
            }
        }
        events_before = events;
    }
    let memory = contenders[OURS].memory().expect("ours tells");
    Measured {
        model: name,
        ns,
        memory,
    }
}

fn agreed_events(name: &str, contenders: &mut [Box<dyn Contender>]) -> u64 {
    let reports = contenders.iter_mut().map(|contender| contender.report());
    let reports: Vec<_> = reports.collect();
    for (contender, report) in CONTENDERS.iter().zip(&reports) {
        assert_eq!(*report, reports[OURS], "{contender} disagrees on {name}");
    }
    reports[OURS].events
}
