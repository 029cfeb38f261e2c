//! Results as tidy tables: a row for each run, and a row for each server and metric.

use sim::scenario::Server;
use sim::scenario::experiment::{PointRuns, ServerRuns};
use sim::scenario::load::Point;
use sim::stats::{Estimate, Level, METRICS, Metric};

/// Levels of the quantiles beside those of single runs: p99.9.
pub(crate) const FINEST: Level = match Level::from_ppm(999_000) {
    Some(level) => level,
    None => panic!("a share between 0 and 1"),
};

/// Headers of the rows of [`results_rows`]: the axes, server and replication, every metric.
pub(crate) fn results_headers(axes: &[String]) -> Vec<String> {
    let run = ["server", "replication"].map(str::to_owned);
    let metrics = METRICS.iter().map(|metric| metric.name());
    axes.iter().cloned().chain(run).chain(metrics).collect()
}

/// A row per replication and server that was run, replication by replication.
pub(crate) fn results_rows(point: &Point, runs: &PointRuns) -> Vec<Vec<String>> {
    let replications = runs.servers.iter().map(|of| of.runs.len()).max();
    let mut rows = Vec::new();
    for replication in 0..replications.unwrap_or(0) {
        for of in &runs.servers {
            let Some(Some(run)) = of.runs.get(replication) else {
                continue;
            };
            let head = [of.server.name(), replication.to_string()];
            let metrics = run.metrics.iter().map(|value| number(*value));
            rows.push(axes_of(point).chain(head).chain(metrics).collect());
        }
    }
    rows
}

/// Headers of the rows of [`summary_rows`].
pub(crate) fn summary_headers(axes: &[String]) -> Vec<String> {
    let columns = [
        "server",
        "metric",
        "mean",
        "half_width_95",
        "replications",
        "complete",
        "difference_to_best",
        "difference_half_width_95",
    ];
    let columns = columns.map(str::to_owned);
    axes.iter().cloned().chain(columns).collect()
}

/// A row per server and metric.
pub(crate) fn summary_rows(point: &Point, runs: &PointRuns) -> Vec<Vec<String>> {
    rows_of(point, &summaries(runs))
}

/// The rows of `summaries` of `point`.
pub(crate) fn rows_of(point: &Point, summaries: &[Summary]) -> Vec<Vec<String>> {
    let row = |summary: &Summary| axes_of(point).chain(summary.cells()).collect();
    summaries.iter().map(row).collect()
}

/// What is known of one metric of one server.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    /// The server.
    pub(crate) server: Server,
    /// The metric's name in files.
    pub(crate) metric: String,
    /// Its mean over the replications with its interval; of a quantile that of all replications'
    /// requests together.
    pub(crate) estimate: Option<Estimate>,
    /// Replications in it.
    pub(crate) replications: usize,
    /// Whether these are all that were planned.
    pub(crate) complete: bool,
    /// What the server has more than the one of the highest throughput, paired by replications;
    /// of that one itself, and of pooled quantiles, there is none.
    pub(crate) difference: Option<Estimate>,
}

impl Summary {
    /// The cells below the headers that follow the axes.
    fn cells(&self) -> [String; 8] {
        let mean = |of: Option<Estimate>| number(of.map(|estimate| estimate.mean));
        let half = |of: Option<Estimate>| number(of.and_then(|estimate| estimate.half_width));
        [
            self.server.name(),
            self.metric.clone(),
            mean(self.estimate),
            half(self.estimate),
            self.replications.to_string(),
            self.complete.to_string(),
            mean(self.difference),
            half(self.difference),
        ]
    }
}

/// Every metric of every server.
pub(crate) fn summaries(runs: &PointRuns) -> Vec<Summary> {
    let best = runs.ranked().first().map(|best| best.server);
    let best = runs.servers.iter().find(|of| Some(of.server) == best);
    let servers = runs.servers.iter();
    let each = servers.flat_map(|of| {
        let best = best.filter(|best| best.server != of.server);
        let of_metrics = METRICS.map(|metric| of_metric(of, metric, best));
        let name = format!("response_{FINEST}_ms");
        of_metrics
            .into_iter()
            .chain([of_quantile(of, name, FINEST)])
    });
    each.collect()
}

fn of_metric(of: &ServerRuns, metric: Metric, best: Option<&ServerRuns>) -> Summary {
    if let Metric::ResponseQuantile(percent) = metric {
        return of_quantile(of, metric.name(), Level::percent(percent));
    }
    let samples = of.samples(metric);
    Summary {
        server: of.server,
        metric: metric.name(),
        estimate: Estimate::of(&samples),
        replications: samples.len(),
        complete: is_complete(of),
        difference: best.and_then(|best| of.difference(best, metric)),
    }
}

fn is_complete(of: &ServerRuns) -> bool {
    !of.runs.is_empty() && of.done() == of.runs.len()
}

fn of_quantile(of: &ServerRuns, metric: String, level: Level) -> Summary {
    let estimate = of.quantile_ms(level).ok();
    Summary {
        server: of.server,
        metric,
        estimate,
        replications: estimate.map_or(0, |_| of.done()),
        complete: is_complete(of),
        difference: None,
    }
}

/// The axes' values at `point`.
pub(crate) fn axes_of(point: &Point) -> impl Iterator<Item = String> {
    point.values.iter().map(|(_, value)| value.clone())
}

/// The shortest text that reads back as the same number; nothing for none.
pub(crate) fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
