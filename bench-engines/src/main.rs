//! Compares the simulation engine with its peers: the same models on each, in
//! one run, and whether it is as much faster as it means to be.

mod engines;
mod measure;
mod models;
mod table;

use measure::{Plan, measure};
use models::{ClosedNetwork, Hold, SingleServer, Timers};
use std::process::ExitCode;

const PLAN: Plan = Plan {
    rounds: 9,
    events: 1e6,
};
/// A round of the largest model takes seconds.
const LARGE_PLAN: Plan = Plan { rounds: 5, ..PLAN };

fn main() -> ExitCode {
    let results = [
        measure::<SingleServer>("M/M/1", PLAN),
        measure::<ClosedNetwork>("closed network", PLAN),
        measure::<Hold<100>>("hold 100", PLAN),
        measure::<Hold<10_000>>("hold 10k", PLAN),
        measure::<Timers>("timers 10k", PLAN),
        measure::<Hold<1_000_000>>("hold 1M", LARGE_PLAN),
    ];
    table::print(&results);
    let missed = table::missed_goals(&results);
    for goal in &missed {
        eprintln!("MISSED: {goal}");
    }
    if missed.is_empty() {
        println!("Every goal is met.");
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
