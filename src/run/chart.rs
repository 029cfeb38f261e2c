//! Throughput as a bar chart.

use output::number::Unit;
use output::plot::{Bar, bars};
use sim::scenario::experiment::{PointRuns, ServerRuns};
use sim::stats::Metric;

use super::cells;
use crate::screen;

/// A bar per server, the longest first.
pub(super) fn throughput(runs: &PointRuns) -> String {
    let bar = |of: &&ServerRuns| {
        let estimate = of.estimate(Metric::Throughput);
        Bar {
            label: of.server.name(),
            value: estimate.map(|estimate| estimate.mean),
            half_width: estimate.and_then(|estimate| estimate.half_width),
            text: cells::text(estimate, 1.0, Unit::PerSecond),
        }
    };
    let rows: Vec<Bar> = runs.ranked().iter().map(bar).collect();
    let width = screen::page().width.unwrap_or(screen::COLUMNS);
    bars(&rows, width.into())
}
