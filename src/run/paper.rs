//! The comparison with the figures of the LAIO paper, for scenarios about one of its experiments.

use output::number::Unit;
use output::table::Table;
use serde_json::{Value, json};
use sim::scenario::Structure;
use sim::scenario::experiment::{PointRuns, ServerRuns};
use sim::scenario::load::Point;
use sim::stats::{Estimate, Metric};

use super::cells::text;

/// Below this utilization of the disk a point is called in memory: ours.
const IDLE: f64 = 0.01;

/// How a machine profile marks what was chosen to be what the paper says.
const BY_INPUT: &str = "by input";

/// One of the paper's figures beside ours.
#[derive(Clone, Debug)]
pub(super) struct Line {
    what: String,
    here: String,
    paper: &'static str,
}

impl Line {
    /// As JSON.
    pub(super) fn json(&self) -> Value {
        json!({ "what": self.what, "here": self.here, "paper": self.paper })
    }
}

/// What can be compared at a point; nothing where the scenario does not ask for it.
pub(super) fn lines(point: &Point, runs: &PointRuns) -> Vec<Line> {
    let wanted = point.scenario.paper.as_ref();
    if !wanted.is_some_and(|paper| paper.compare) {
        return Vec::new();
    }
    let mut lines: Vec<Line> = lead(runs).into_iter().collect();
    lines.extend(not_blocking(runs));
    lines.extend(aio(point, runs));
    lines
}

/// The lines as a table.
pub(super) fn table(lines: &[Line]) -> Table {
    let table = Table::new(["", "here", "the LAIO paper (USENIX ATC 2004)"]);
    lines.iter().fold(table, |table, line| {
        table.row([line.what.as_str(), line.here.as_str(), line.paper])
    })
}

fn has_laio(of: &ServerRuns) -> bool {
    matches!(of.server.structure, Structure::NbLaio | Structure::LaioLaio)
}

/// The best server with LAIO for its disk I/O, and the best without.
fn best(runs: &PointRuns) -> (Option<&ServerRuns>, Option<&ServerRuns>) {
    let ranked = runs.ranked();
    let first = |laio: bool| ranked.iter().copied().find(|of| has_laio(of) == laio);
    (first(true), first(false))
}

fn lead(runs: &PointRuns) -> Option<Line> {
    let (with, without) = best(runs);
    let (with, without) = (with?, without?);
    Some(Line {
        what: format!("throughput of {} above {}", with.server, without.server),
        here: share(with.lead(without, Metric::Throughput)),
        paper: "24 %: the peak, in one disk-bound case; comparable in memory",
    })
}

fn not_blocking(runs: &PointRuns) -> Option<Line> {
    let with = best(runs).0?;
    Some(Line {
        what: format!(
            "potentially blocking calls of {} that do not block",
            with.server
        ),
        here: share(with.estimate(Metric::NotBlocking)),
        paper: "73 to 86 % (web workloads)",
    })
}

/// How far AIO is behind in memory, and whether that is a result at all.
fn aio(point: &Point, runs: &PointRuns) -> Option<Line> {
    let aio = runs
        .ranked()
        .into_iter()
        .find(|of| of.server.structure == Structure::NbAio)?;
    let laio = best(runs).0?;
    let mut disks = [aio, laio]
        .into_iter()
        .filter_map(|of| of.mean(Metric::DiskUtilization));
    if disks.any(|busy| busy > IDLE) {
        return None;
    }
    let by_input = match is_by_input(point) {
        true => " (by input: the profile's cost of a call was chosen so)",
        false => "",
    };
    Some(Line {
        what: format!(
            "in memory: throughput of {} above {}",
            aio.server, laio.server
        ),
        here: format!("{}{by_input}", share(aio.lead(laio, Metric::Throughput))),
        paper: "a call that does not block takes AIO 3.2 times as long as LAIO",
    })
}

fn is_by_input(point: &Point) -> bool {
    let aio = point.profile.aio.as_ref();
    aio.is_some_and(|aio| aio.submit.source.starts_with(BY_INPUT))
}

fn share(estimate: Option<Estimate>) -> String {
    text(estimate, 1.0, Unit::Share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture::{point, server};

    #[test]
    fn the_lead_is_that_of_the_best_with_laio_over_the_best_without() {
        let runs = point(vec![
            server(Structure::NbB, &[50.0, 51.0]),
            server(Structure::NbAmped, &[100.0, 100.0]),
            server(Structure::NbLaio, &[110.0, 110.0]),
            server(Structure::LaioLaio, &[124.0, 124.0]),
        ]);
        let line = lead(&runs).expect("both kinds");
        assert_eq!(line.what, "throughput of laio-laio above nb-amped");
        assert_eq!(line.here, "24 %");
    }

    #[test]
    fn without_a_server_of_each_kind_there_is_no_lead() {
        let alone = point(vec![server(Structure::NbLaio, &[110.0, 110.0])]);
        assert!(lead(&alone).is_none());
    }
}
