//! The plots of one point: throughput as bars, response times as distributions.

use output::number::Unit;
use output::svg::{BarSeries, Bars, Curve, CurveSeries, Distribution, Quantity};
use sim::scenario::experiment::{PointRuns, ServerRuns};
use sim::scenario::load::Loaded;
use sim::stats::{Metric, Recorder};

use super::{BARS, Figure, captions, drawn, label, number};

/// Throughput and response times of the servers at the point of `runs`. What has nothing to be
/// drawn is left out.
pub(crate) fn at_point(loaded: &Loaded, runs: &PointRuns) -> Vec<Figure> {
    let number = number(loaded, runs.point);
    let figures = [
        ("throughput", throughput(loaded, runs).render()),
        ("responses", responses(loaded, runs).render()),
    ];
    let drawn = |(name, svg): (&str, Result<String, _>)| {
        let file = format!("{name}{number}.svg");
        svg.ok().map(|svg| (file, svg))
    };
    figures.into_iter().filter_map(drawn).collect()
}

fn throughput(loaded: &Loaded, runs: &PointRuns) -> Bars {
    let point = &loaded.points[runs.point];
    let value = |of: &ServerRuns| drawn(of.estimate(Metric::Throughput));
    Bars {
        captions: captions("Throughput", loaded, label(&point.values), &[runs], BARS),
        x_title: "server".to_owned(),
        groups: runs.servers.iter().map(|of| of.server.name()).collect(),
        y: Quantity {
            title: "throughput [requests/s]".to_owned(),
            unit: Unit::None,
        },
        series: vec![BarSeries {
            name: "requests/s".to_owned(),
            values: runs.servers.iter().map(value).collect(),
        }],
    }
}

fn responses(loaded: &Loaded, runs: &PointRuns) -> Distribution {
    let point = &loaded.points[runs.point];
    let conditions = label(&point.values);
    let note = "All replications' requests together.";
    let curve = |of: &ServerRuns| CurveSeries {
        name: of.server.name(),
        points: cumulative(of),
    };
    Distribution {
        captions: captions("Response times", loaded, conditions, &[runs], note),
        x: Quantity {
            title: "response time".to_owned(),
            unit: Unit::Seconds,
        },
        of: "requests".to_owned(),
        curve: Curve::Complementary,
        series: runs.servers.iter().map(curve).collect(),
    }
}

fn cumulative(of: &ServerRuns) -> Vec<(f64, f64)> {
    let mut all = Recorder::default();
    let runs = of.runs.iter().flatten();
    runs.for_each(|run| all.merge(&run.responses));
    let steps = all.cumulative();
    steps
        .map(|(time, share)| (time.as_secs_f64(), share))
        .collect()
}
