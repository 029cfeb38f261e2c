//! The comparison as a table: figures as rows, servers as columns.

use output::number::{ABSENT, Unit, value, with_interval};
use output::table::Table;
use sim::machine::cpu::Activity;
use sim::server::OpKind;
use sim::stats::{Estimate, Metric};

use super::figure::Figure;
use super::results::{PointResults, ServerResults};

/// A row: its name, its figure, and what the figure is multiplied by.
type Row = (String, Figure, f64);

/// The table of one point, with every figure if `full`.
pub(crate) fn comparison(point: &PointResults, full: bool) -> Table {
    let headers = point.servers.iter().map(header);
    let mut table = Table::new(std::iter::once(String::new()).chain(headers))
        .align_right(1..=point.servers.len());
    let mut rows = main_rows().into_iter();
    let throughput = rows.next().expect("throughput is the first");
    table = add(table, point, throughput);
    table = table.row(cells("- against best", point, |of| difference(point, of)));
    table = table.row(cells("bottleneck", point, |of| {
        of.bottleneck().name().into()
    }));
    table = rows.fold(table, |table, row| add(table, point, row));
    if full {
        return full_rows()
            .into_iter()
            .fold(table, |table, row| add(table, point, row));
    }
    table.note(calls(point))
}

fn header(of: &ServerResults) -> String {
    match (of.done(), of.runs.len()) {
        (done, planned) if done == planned => of.server.name().into(),
        (done, planned) => format!("{} (cut: {done} of {planned})", of.server.name()),
    }
}

/// What matters most, first.
fn main_rows() -> Vec<Row> {
    vec![
        row("requests/s", Metric::Throughput),
        row("response mean, ms", Metric::ResponseMean),
        row("- p50, ms", Metric::ResponseQuantile(50)),
        row("- p95, ms", Metric::ResponseQuantile(95)),
        row("- p99, ms", Metric::ResponseQuantile(99)),
        share("loop stalled, %", Metric::StallShare),
        share("block rate, %", Metric::BlockRate),
        share("- disk calls, %", Metric::DiskBlockRate),
        share("- open, %", Metric::KindBlockRate(OpKind::Open)),
        share("- stat, %", Metric::KindBlockRate(OpKind::Stat)),
        share("- read, %", Metric::KindBlockRate(OpKind::Read)),
        share("- send, %", Metric::KindBlockRate(OpKind::Send)),
        share("CPU busy, %", Metric::CpuUtilization),
        row("CPU us/request", Metric::CpuPerRequest),
        share("disk busy, %", Metric::DiskUtilization),
        row("disk queue", Metric::DiskQueue),
        share("hit ratio, %", Metric::HitRatio),
    ]
}

/// What the main rows leave out.
fn full_rows() -> Vec<Row> {
    let mut rows = vec![
        row("loop stalls/request", Metric::LoopStalls),
        share("- socket calls, %", Metric::SocketBlockRate),
        share("- accept, %", Metric::KindBlockRate(OpKind::Accept)),
        share("- recv, %", Metric::KindBlockRate(OpKind::Recv)),
        row("continuations/request", Metric::Continuations),
        row("switches/request", Metric::Switches),
        row("disk reads/request", Metric::DiskRequests),
        row("disk service, ms", Metric::DiskService),
        ("link busy, %".into(), Figure::LinkUtilization, 100.0),
        share("load generator busy, %", Metric::ClientUtilization),
    ];
    let per_request = |kind: OpKind| format!("{}s/request", kind.name());
    rows.extend(OpKind::ALL.map(|kind| row(&per_request(kind), Metric::KindCalls(kind))));
    let of_cpu = |activity: Activity| format!("CPU us, {}", activity.name());
    let metrics = Activity::ALL.map(|it| row(&of_cpu(it), Metric::ActivityPerRequest(it)));
    rows.extend(metrics);
    rows
}

fn row(name: &str, metric: Metric) -> Row {
    (name.to_owned(), metric.into(), 1.0)
}

fn share(name: &str, metric: Metric) -> Row {
    (name.to_owned(), metric.into(), 100.0)
}

fn add(table: Table, point: &PointResults, (name, figure, factor): Row) -> Table {
    table.row(cells(&name, point, |of| {
        text(of.estimate(figure), factor, Unit::None)
    }))
}

fn cells(name: &str, point: &PointResults, cell: impl Fn(&ServerResults) -> String) -> Vec<String> {
    let figures = point.servers.iter().map(cell);
    std::iter::once(name.to_owned()).chain(figures).collect()
}

/// An estimate times `factor`.
pub(crate) fn text(estimate: Option<Estimate>, factor: f64, unit: Unit) -> String {
    let mean = estimate.map(|estimate| estimate.mean * factor);
    let half_width = estimate.and_then(|estimate| Some(estimate.half_width? * factor));
    with_interval(mean, half_width, unit)
}

fn difference(point: &PointResults, of: &ServerResults) -> String {
    match point.ranked().first() {
        None => ABSENT.to_owned(),
        Some(best) if best.server == of.server => "best".to_owned(),
        Some(best) => {
            let paired = of.paired(best, Metric::Throughput, |a, b| a - b);
            text(paired, 1.0, Unit::None)
        }
    }
}

/// How often the operations are called: without it a block rate says little.
fn calls(point: &PointResults) -> String {
    let kinds = [OpKind::Open, OpKind::Stat, OpKind::Read, OpKind::Send];
    let of_kind = |kind: OpKind| {
        let calls = |of: &ServerResults| value(of.mean(Metric::KindCalls(kind)), Unit::None);
        let mut each: Vec<String> = point.servers.iter().map(calls).collect();
        if each.iter().all(|calls| *calls == each[0]) {
            each.truncate(1);
        }
        format!("{} {}", kind.name(), each.join(", "))
    };
    let [open, stat, read, send] = kinds.map(of_kind);
    format!(
        "Calls per request, for each server where they differ:\n{open}; {stat};\n{read}; {send}."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_has_a_row() {
        let rows = main_rows().into_iter().chain(full_rows());
        let shown: Vec<Figure> = rows.map(|(_, figure, _)| figure).collect();
        for figure in Figure::all() {
            assert!(shown.contains(&figure), "{figure:?}");
        }
    }
}
