//! Runs made by hand, for the tests of this folder.

use sim::scenario::experiment::{PointRuns, RunResult, ServerRuns, WarmUpCut};
use sim::scenario::{Server, Structure};
use sim::stats::{METRICS, Metric, Recorder};

/// A point with these servers.
pub(super) fn point(servers: Vec<ServerRuns>) -> PointRuns {
    let complete = servers.iter().all(|of| of.runs.iter().all(Option::is_some));
    PointRuns {
        point: 0,
        servers,
        warm_up: WarmUpCut::Nothing,
        precise: None,
        complete,
    }
}

/// A server with nothing but a throughput in each replication.
pub(super) fn server(structure: Structure, throughputs: &[f64]) -> ServerRuns {
    let run = |&throughput: &f64| Some(run(&[(Metric::Throughput, throughput)]));
    ServerRuns {
        server: Server::plain(structure),
        runs: throughputs.iter().map(run).collect(),
    }
}

/// A server with one replication that has these metrics alone.
pub(crate) fn with_metrics(metrics: &[(Metric, f64)]) -> ServerRuns {
    ServerRuns {
        server: Server::plain(Structure::NbB),
        runs: vec![Some(run(metrics))],
    }
}

fn run(metrics: &[(Metric, f64)]) -> RunResult {
    let value = |metric| metrics.iter().find(|(other, _)| *other == metric);
    RunResult {
        metrics: METRICS
            .iter()
            .map(|&metric| value(metric).map(|(_, value)| *value))
            .collect(),
        responses: Recorder::default(),
        records: None,
        timeline: None,
    }
}
