//! Plots along an axis whose values are quantities: clients, memory.

use std::collections::BTreeMap;

use output::number::Unit;
use output::svg::{Across, LineSeries, Lines, Point as Mark, Quantity, Scale};
use sim::scenario::experiment::PointRuns;
use sim::scenario::load::{Loaded, Point};
use sim::stats::Metric;

use super::{BARS, Figure, captions, drawn, label};

/// An axis that is drawn.
struct Axis {
    key: &'static str,
    /// In files' names.
    name: &'static str,
    title: &'static str,
    unit: Unit,
    scale: Scale,
    at: fn(&Point) -> Option<f64>,
}

const AXES: [Axis; 2] = [
    Axis {
        key: "workload.clients",
        name: "clients",
        title: "clients",
        unit: Unit::None,
        scale: Scale::Linear,
        at: |point| point.scenario.workload.clients.map(f64::from),
    },
    Axis {
        key: "cache.memory",
        name: "memory",
        title: "memory for cache and processes",
        unit: Unit::Bytes,
        scale: Scale::Log2,
        at: |point| Some(point.scenario.cache.memory.0 as f64),
    },
];

const MEASURES: [(Metric, &str, &str, &str); 2] = [
    (
        Metric::Throughput,
        "throughput",
        "Throughput",
        "throughput [requests/s]",
    ),
    (
        Metric::ResponseMean,
        "response",
        "Mean response time",
        "mean response time [ms]",
    ),
];

/// Throughput and mean response time against each axis that is a quantity, a line per server; a
/// plot for each combination of the other axes' values.
pub(crate) fn across(loaded: &Loaded, points: &[&PointRuns]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for axis in AXES {
        let groups = grouped(loaded, points, axis.key);
        let several = groups.len() > 1;
        for (index, (conditions, group)) in groups.iter().enumerate() {
            for measure in MEASURES {
                let lines = lines(loaded, &axis, conditions, group, measure);
                let which = if several {
                    format!("-{}", index + 1)
                } else {
                    String::new()
                };
                let file = format!("{}-by-{}{which}.svg", measure.1, axis.name);
                figures.extend(lines.render().ok().map(|svg| (file, svg)));
            }
        }
    }
    figures
}

/// The points that differ in `key` alone, two at least, in the order of the points.
fn grouped<'a>(
    loaded: &Loaded,
    points: &[&'a PointRuns],
    key: &str,
) -> Vec<(String, Vec<&'a PointRuns>)> {
    if !loaded.axes.iter().any(|axis| axis == key) {
        return Vec::new();
    }
    let mut order: Vec<(String, Vec<&PointRuns>)> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for &runs in points {
        let mut values = loaded.points[runs.point].values.clone();
        values.retain(|(axis, _)| axis != key);
        let others = label(&values);
        let index = *known.entry(others.clone()).or_insert_with(|| {
            order.push((others, Vec::new()));
            order.len() - 1
        });
        order[index].1.push(runs);
    }
    order.retain(|(_, group)| group.len() > 1);
    order
}

fn lines(
    loaded: &Loaded,
    axis: &Axis,
    conditions: &str,
    group: &[&PointRuns],
    (metric, _, title, quantity): (Metric, &str, &str, &str),
) -> Lines {
    Lines {
        captions: captions(title, loaded, conditions.to_owned(), group, BARS),
        x: Across::Measured {
            quantity: Quantity {
                title: axis.title.to_owned(),
                unit: axis.unit,
            },
            scale: axis.scale,
        },
        y: Quantity {
            title: quantity.to_owned(),
            unit: Unit::None,
        },
        series: series(loaded, axis, group, metric),
    }
}

fn series(loaded: &Loaded, axis: &Axis, group: &[&PointRuns], metric: Metric) -> Vec<LineSeries> {
    let mut series: Vec<LineSeries> = Vec::new();
    for runs in group {
        let Some(x) = (axis.at)(&loaded.points[runs.point]) else {
            continue;
        };
        for of in &runs.servers {
            let name = of.server.name();
            let y = drawn(of.estimate(metric));
            match series.iter_mut().find(|line| line.name == name) {
                Some(line) => line.points.push(Mark { x, y }),
                None => series.push(LineSeries {
                    name,
                    points: vec![Mark { x, y }],
                }),
            }
        }
    }
    for line in &mut series {
        line.points.sort_by(|a, b| a.x.total_cmp(&b.x));
    }
    series
}
