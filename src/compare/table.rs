//! The changes at a point as a table.

use output::number::{ABSENT, Unit, value, with_interval};
use output::table::Table;

use super::change::{By, Change, MAIN, PointChanges};
use sim::stats::Metric;

/// Figures as rows, server by server.
pub(super) fn of(point: &PointChanges) -> Table {
    let headers = ["server", "figure", "A", "B", "change", ""];
    let mut table = Table::new(headers).align_right([2, 3, 4]);
    if !point.values.is_empty() {
        let values = point.values.iter();
        let values: Vec<String> = values
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        table = table.title(values.join(", "));
    }
    for server in &point.servers {
        for (index, (metric, change)) in MAIN.iter().zip(&server.figures).enumerate() {
            let name = if index == 0 {
                server.server.as_str()
            } else {
                ""
            };
            table = table.row(row(name, *metric, change));
        }
    }
    table
}

fn row(server: &str, metric: Metric, change: &Change) -> [String; 6] {
    let (label, unit) = label(metric);
    let mark = if change.is_beyond() { "*" } else { "" };
    [
        server.to_owned(),
        label.to_owned(),
        value(change.before, unit),
        value(change.after, unit),
        by(change, unit),
        mark.to_owned(),
    ]
}

fn by(change: &Change, unit: Unit) -> String {
    let Some(by) = change.by else {
        return ABSENT.to_owned();
    };
    let estimate = by.estimate();
    if estimate.mean == 0.0 && estimate.half_width == Some(0.0) {
        return "same".to_owned();
    }
    let unit = match by {
        By::Share(_) => Unit::Share,
        By::Difference(_) => unit,
    };
    let sign = if estimate.mean > 0.0 { "+" } else { "" };
    format!(
        "{sign}{}",
        with_interval(Some(estimate.mean), estimate.half_width, unit)
    )
}

fn label(metric: Metric) -> (&'static str, Unit) {
    match metric {
        Metric::Throughput => ("requests/s", Unit::None),
        Metric::ResponseMean => ("response mean, ms", Unit::None),
        Metric::ResponseQuantile(50) => ("- p50, ms", Unit::None),
        Metric::ResponseQuantile(99) => ("- p99, ms", Unit::None),
        Metric::BlockRate => ("block rate", Unit::Share),
        Metric::DiskRequests => ("disk reads/request", Unit::None),
        Metric::CpuPerRequest => ("CPU us/request", Unit::None),
        other => unreachable!("{other:?} is none of the compared ones"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compared_figure_has_a_label() {
        let labels: std::collections::BTreeSet<&str> = MAIN.map(|metric| label(metric).0).into();
        assert_eq!(labels.len(), MAIN.len());
    }
}
