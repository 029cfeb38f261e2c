//! Holds the simulator's predictions against real servers on this machine.
//!
//! For every replication and server: the real server in its memory group, the real load generator,
//! the emulated disk; then the simulator on the same trace, assignment of sequences to clients,
//! placement of files, memory and disk. Each quantity's error is judged with its interval
//! ([`verdict`]). Around every real run the machine's pace is measured apart, on the calibration's
//! own requests, and the prediction is made for a machine of that pace. No parameter is fitted to these runs: the machine profile is calibrated apart.

pub mod limits;
pub mod measure;
pub mod verdict;

pub use measure::Real;
pub use verdict::{Judged, Quantity, Tolerance, Verdict};

use std::path::Path;
use std::sync::Arc;

use sim::run::{Keep, Measured};
use sim::scenario::Server;
use sim::scenario::build::run_placed;
use sim::scenario::load::{Point, Workload};
use sim::stats::{METRICS, Metric, metrics_of};

use crate::calibrate::CalibrateError;
use crate::calibrate::pace::{Pacer, calibrated_request_ns};
use crate::emulate::EmulateError;
use crate::process::{Load, ProcessError};

/// Runs beyond this share of CPU time that is not ours are repeated (on a shared
/// machine other tenants can double system-call times for minutes). Ours.
pub const MOST_NOT_OURS: f64 = 0.10;

/// How often a disturbed run is repeated before it is taken as it is.
const REPEATS: u32 = 2;

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// The rig could not be set up, or failed.
    #[error(transparent)]
    Emulate(#[from] EmulateError),
    /// A server or the load generator failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The machine's pace could not be measured.
    #[error(transparent)]
    Pace(#[from] CalibrateError),
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// One server's replications.
#[derive(Clone, Debug)]
pub struct ServerRuns {
    /// Which server.
    pub server: Server,
    /// Its measured runs.
    pub real: Vec<Real>,
    /// The predictions of the same replications.
    pub predicted: Vec<Measured>,
    /// The machine's pace around each measured run.
    pub paces: Vec<Pace>,
}

/// CPU time of the calibration's requests in proportion to the profile's: above one, the machine
/// is slower than when it was calibrated.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Before the run.
    pub before: f64,
    /// After it.
    pub after: f64,
}

impl Pace {
    /// Of the run in between.
    pub fn mean(self) -> f64 {
        f64::midpoint(self.before, self.after)
    }
}

/// How long to go on.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Replications to begin with.
    pub replications: u32,
    /// Replications at most, while a verdict is undecided.
    pub most: u32,
}

/// Runs everything. `model` is the point that the simulator is given; it differs from `point` only
/// where the user asks for a deliberately different model. `progress` is told what comes next.
///
/// # Errors
/// If the machine cannot run the servers, or one of them fails.
///
/// # Panics
/// If `point` asks for what [`limits::check`] refuses.
pub fn compare(
    point: &Point,
    model: &Point,
    workload: &Workload,
    trace: &Path,
    effort: Effort,
    progress: impl Fn(&str),
) -> Result<Vec<ServerRuns>, CompareError> {
    progress("building the file system and the emulated disk");
    let rig = measure::rig(point, workload)?;
    let placement = measure::placement(&rig)?;
    let servers = &point.scenario.servers;
    let mut runs: Vec<ServerRuns> = servers
        .iter()
        .map(|&server| ServerRuns {
            server,
            real: Vec::new(),
            predicted: Vec::new(),
            paces: Vec::new(),
        })
        .collect();
    let pacer = Pacer::start()?;
    let costs = point.profile.costs();
    let calibrated = calibrated_request_ns(&costs.call);
    let pace = || pacer.request_ns().map(|request| request / calibrated);
    for replication in 0..effort.most {
        if replication >= effort.replications && !any_undecided(&runs) {
            break;
        }
        let load = load_of(point, trace, replication);
        // Another server is first in every replication, so that none profits from its place.
        for turn in 0..runs.len() {
            let index = (turn + replication as usize) % runs.len();
            let server = runs[index].server;
            progress(&format!("replication {replication}: {}", server.name()));
            // Ctrl-C also reaches the servers: their failure is then its consequence.
            let before = pace()?;
            let real = quiet_run(&rig, point, &load, server).map_err(|error| {
                match rig.is_interrupted() {
                    true => CompareError::Interrupted,
                    false => error,
                }
            })?;
            runs[index].real.push(real);
            let after = pace()?;
            let pace = Pace { before, after };
            runs[index].paces.push(pace);
            let mut model = model.clone();
            model.profile = Arc::new(model.profile.at_pace(pace.mean()));
            let keep = Keep::default();
            let predicted = run_placed(&model, workload, &placement, server, replication, keep);
            runs[index].predicted.push(predicted.measured(0, &model));
        }
    }
    Ok(runs)
}

fn load_of(point: &Point, trace: &Path, replication: u32) -> Load {
    let keys = &point.scenario.workload;
    Load {
        trace: trace.to_owned(),
        clients: keys.clients.expect("the clients are closed"),
        gap: format!("{} ns", keys.gap().0),
        requests: keys.requests,
        seed: point.scenario.run.seed,
        replication,
    }
}

/// A run that the rest of the machine disturbed little, or the least disturbed of several.
fn quiet_run(
    rig: &crate::emulate::Rig,
    point: &Point,
    load: &Load,
    server: Server,
) -> Result<Real, CompareError> {
    let mut best = measure::run(rig, point, load, server)?;
    for _ in 0..REPEATS {
        if best.not_ours <= MOST_NOT_OURS {
            break;
        }
        let again = measure::run(rig, point, load, server)?;
        if again.not_ours < best.not_ours {
            best = again;
        }
    }
    Ok(best)
}

fn any_undecided(runs: &[ServerRuns]) -> bool {
    runs.iter()
        .flat_map(ServerRuns::judge)
        .any(|judged| judged.verdict == Verdict::Undecided)
}

impl ServerRuns {
    /// Every quantity's verdict.
    pub fn judge(&self) -> Vec<Judged> {
        Quantity::ALL
            .into_iter()
            .enumerate()
            .filter_map(|(index, quantity)| {
                let measured: Vec<f64> = self.real.iter().map(|real| real.values[index]).collect();
                let predicted: Vec<f64> = self
                    .predicted
                    .iter()
                    .filter_map(|run| predicted_value(quantity, run))
                    .collect();
                (measured.len() == predicted.len())
                    .then(|| verdict::judge(quantity, &measured, &predicted))?
            })
            .collect()
    }
}

fn predicted_value(quantity: Quantity, run: &Measured) -> Option<f64> {
    let wanted = match quantity {
        Quantity::BlockRate => Metric::DiskBlockRate,
        Quantity::DiskRequests => Metric::DiskRequests,
        Quantity::CpuPerRequest => Metric::CpuPerRequest,
        Quantity::Throughput => Metric::Throughput,
        Quantity::ResponseP50 => Metric::ResponseQuantile(50),
        Quantity::DiskUtilization => Metric::DiskUtilization,
    };
    let index = METRICS.iter().position(|&metric| metric == wanted)?;
    metrics_of(run)[index]
}
