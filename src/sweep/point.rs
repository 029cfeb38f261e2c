//! A finished point: all that the tables, the figures and the report need of it.
//!
//! Its file has a line with a mark, the checksum and the length of what follows, then JSON. A file
//! that was cut off or changed is not read as a point, nor one of another sweep.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sim::scenario::experiment::{PointRuns, ServerRuns, WarmUpCut};
use sim::scenario::load::Point;
use sim::stats::{Estimate, Level, Metric, Recorder, pooled_ms};

use super::identity::checksum;
use crate::tidy;

/// The first word of a point's file, and the version of its form.
const MARK: &str = "laiosim-point-1";

/// The metrics that figures and report are made of; the tables have all.
const FIGURES: [Metric; 7] = [
    Metric::Throughput,
    Metric::ResponseMean,
    Metric::BlockRate,
    Metric::DiskUtilization,
    Metric::CpuUtilization,
    Metric::LinkUtilization,
    Metric::ClientUtilization,
];

/// A point whose runs are all made.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct Finished {
    /// Fingerprint of its sweep.
    sweep: String,
    /// Its index among the sweep's points.
    pub(super) index: usize,
    /// Its axes' keys and values.
    pub(super) values: Vec<(String, String)>,
    /// By server, in the scenario's order.
    pub(super) servers: Vec<Figures>,
    /// Share of steady runs that was left out as not yet steady.
    pub(super) warm_up: f64,
    /// Whether steady runs had become steady.
    pub(super) steady: bool,
    /// Whether the precision asked for was reached; `None`: none was.
    pub(super) precise: Option<bool>,
    /// Its rows of `results.csv`.
    pub(super) results: Vec<Vec<String>>,
    /// Its rows of `summary.csv`.
    pub(super) summary: Vec<Vec<String>>,
}

/// What is kept of one server at one point.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct Figures {
    /// The server's name.
    pub(super) server: String,
    /// By metric's name: its value in each replication.
    replications: BTreeMap<String, Vec<Option<f64>>>,
    /// The 99th percentile of all replications' response times together in milliseconds, with half
    /// the width of its interval; or why there is none.
    pub(super) p99_ms: Result<(f64, Option<f64>), String>,
}

impl Finished {
    /// What is kept of the runs of `point`, in the sweep of this fingerprint.
    pub(super) fn of(sweep: &str, point: &Point, runs: &PointRuns) -> Self {
        Self {
            sweep: sweep.to_owned(),
            index: runs.point,
            values: point.values.clone(),
            servers: runs.servers.iter().map(Figures::of).collect(),
            warm_up: match runs.warm_up {
                WarmUpCut::Nothing => 0.0,
                WarmUpCut::Share(share) => share,
                WarmUpCut::NotSteady => 0.5,
            },
            steady: runs.warm_up != WarmUpCut::NotSteady,
            precise: runs.precise,
            results: tidy::results_rows(point, runs),
            summary: tidy::summary_rows(point, runs),
        }
    }

    /// Its file's text.
    pub(super) fn to_text(&self) -> String {
        let body = serde_json::to_string(self).expect("names, texts and numbers");
        let sum = checksum(body.as_bytes());
        format!("{MARK} {sum} {}\n{body}", body.len())
    }

    /// From its file's text; `None` if that is damaged, or another point's or sweep's.
    pub(super) fn from_text(text: &str, sweep: &str, index: usize) -> Option<Self> {
        let (head, body) = text.split_once('\n')?;
        let whole = format!("{MARK} {} {}", checksum(body.as_bytes()), body.len());
        let point: Self = (head == whole).then(|| serde_json::from_str(body).ok())??;
        (point.sweep == sweep && point.index == index).then_some(point)
    }

    /// Replications of every server.
    pub(super) fn replications(&self) -> usize {
        let one = |of: &Figures| of.replications.values().map(Vec::len).max();
        self.servers.iter().filter_map(one).max().unwrap_or(0)
    }

    /// The servers that have a throughput, the one with the highest mean first.
    pub(super) fn ranked(&self) -> Vec<&Figures> {
        let throughput = |of: &Figures| Some(of.estimate(Metric::Throughput)?.mean);
        let mut ranked: Vec<(f64, &Figures)> = self
            .servers
            .iter()
            .filter_map(|of| Some((throughput(of)?, of)))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        ranked.into_iter().map(|(_, of)| of).collect()
    }

    /// The server of this name.
    pub(super) fn server(&self, name: &str) -> Option<&Figures> {
        self.servers.iter().find(|of| of.server == name)
    }
}

impl Figures {
    fn of(runs: &ServerRuns) -> Self {
        let of_metric = |metric: Metric| {
            let each = runs.runs.iter().map(|run| run.as_ref()?.get(metric));
            (metric.name(), each.collect())
        };
        let made = runs.runs.iter().flatten();
        let responses: Vec<&Recorder> = made.map(|run| &run.responses).collect();
        let p99 = pooled_ms(&responses, Level::percent(99));
        Self {
            server: runs.server.name(),
            replications: FIGURES.map(of_metric).into_iter().collect(),
            p99_ms: p99
                .map(|it| (it.mean, it.half_width))
                .map_err(|few| few.to_string()),
        }
    }

    fn of_metric(&self, metric: Metric) -> &[Option<f64>] {
        let values = self.replications.get(&metric.name());
        values.map_or(&[], Vec::as_slice)
    }

    /// A metric over the replications; `None` if none has it.
    pub(super) fn estimate(&self, metric: Metric) -> Option<Estimate> {
        let samples: Vec<f64> = self.of_metric(metric).iter().flatten().copied().collect();
        Estimate::of(&samples)
    }

    /// Its mean.
    pub(super) fn mean(&self, metric: Metric) -> Option<f64> {
        Some(self.estimate(metric)?.mean)
    }

    /// How much higher the mean throughput is than that of `other`, as a share of the latter's,
    /// over the replications that both have.
    pub(super) fn lead(&self, other: &Self) -> Option<Estimate> {
        let both = self.of_metric(Metric::Throughput).iter();
        let both = both.zip(other.of_metric(Metric::Throughput));
        let (a, b): (Vec<f64>, Vec<f64>) = both.filter_map(|(a, b)| Some(((*a)?, (*b)?))).unzip();
        Estimate::of_paired_relative(&a, &b)
    }

    #[cfg(test)]
    pub(super) fn with(server: &str, throughputs: &[f64]) -> Self {
        let values = throughputs.iter().map(|&value| Some(value)).collect();
        Self {
            server: server.to_owned(),
            replications: BTreeMap::from([(Metric::Throughput.name(), values)]),
            p99_ms: Err("none".to_owned()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A point at `values` with the throughputs of its servers.
    pub(in crate::sweep) fn point(
        index: usize,
        values: &[(&str, &str)],
        servers: &[(&str, &[f64])],
    ) -> Finished {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let figures = |(name, values): &(&str, &[f64])| Figures::with(name, values);
        Finished {
            sweep: "00000000".to_owned(),
            index,
            values: values.iter().map(pair).collect(),
            servers: servers.iter().map(figures).collect(),
            warm_up: 0.0,
            steady: true,
            precise: None,
            results: Vec::new(),
            summary: Vec::new(),
        }
    }

    #[test]
    fn a_point_is_read_as_it_was_written() {
        let point = point(3, &[("cache.memory", "8 MiB")], &[("nb-b", &[1.5, 2.25])]);
        let read = Finished::from_text(&point.to_text(), "00000000", 3);
        assert_eq!(read, Some(point));
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let text = point(3, &[], &[("nb-b", &[1.5])]).to_text();
        for at in 0..text.len() {
            let cut = Finished::from_text(&text[..at], "00000000", 3);
            assert_eq!(cut, None, "cut at {at}");
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert_eq!(Finished::from_text(&changed, "00000000", 3), None, "{at}");
        }
        assert_eq!(Finished::from_text(&(text + " "), "00000000", 3), None);
    }

    #[test]
    fn another_point_or_sweep_is_not_taken_for_it() {
        let text = point(3, &[], &[("nb-b", &[1.5])]).to_text();
        assert_eq!(Finished::from_text(&text, "00000000", 4), None);
        assert_eq!(Finished::from_text(&text, "11111111", 3), None);
    }

    #[test]
    fn servers_are_ranked_by_throughput_and_lead_by_the_ratio_of_means() {
        let point = point(0, &[], &[("a", &[10.0, 20.0]), ("b", &[12.0, 24.0])]);
        let ranked = point.ranked();
        assert_eq!(ranked[0].server, "b");
        let lead = ranked[0].lead(ranked[1]).expect("two replications");
        assert!((lead.mean - 0.2).abs() < 1e-12);
    }
}
