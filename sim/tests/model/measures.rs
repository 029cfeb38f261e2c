//! What the tests look at in a run.

use sim::engine::Nanos;
use sim::run::Measured;

/// Mean response time in nanoseconds.
pub(crate) fn mean_response(run: &Measured) -> f64 {
    total_response(run) as f64 / run.responses.len() as f64
}

pub(crate) fn total_response(run: &Measured) -> u128 {
    run.responses.iter().map(|time| u128::from(time.0)).sum()
}

pub(crate) fn cpu_time(run: &Measured) -> Nanos {
    run.server_cpu.iter().copied().sum()
}

/// Everything measured, as text; the number of events is left out, because running ahead of them
/// is what saves them.
pub(crate) fn fingerprint(run: &Measured) -> String {
    let mut run = run.clone();
    run.counters.events = 0;
    format!("{run:?}")
}
