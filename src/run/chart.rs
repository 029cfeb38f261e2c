//! Throughput as a bar chart.

use output::number::Unit;
use output::plot::{Bar, bars};
use sim::stats::Metric;

use super::results::PointResults;
use super::table;
use crate::screen;

/// A bar per server.
pub(crate) fn throughput(point: &PointResults) -> String {
    let bar = |of: &super::results::ServerResults| {
        let estimate = of.estimate(Metric::Throughput);
        Bar {
            label: of.server.name().to_owned(),
            value: estimate.map(|estimate| estimate.mean),
            half_width: estimate.and_then(|estimate| estimate.half_width),
            text: table::text(estimate, 1.0, Unit::PerSecond),
        }
    };
    let rows: Vec<Bar> = point.servers.iter().map(bar).collect();
    let width = screen::page().width.unwrap_or(screen::COLUMNS);
    bars(&rows, width.into())
}
