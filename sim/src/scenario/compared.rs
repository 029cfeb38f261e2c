//! What the runs of a point say of its servers, and of each against another.

use super::experiment::{PointRuns, RunResult, ServerRuns};
use crate::stats::{Estimate, Level, Metric, Recorder, TooFew, pooled_ms};

impl PointRuns {
    /// The servers that have runs, the one with the highest mean throughput first.
    pub fn ranked(&self) -> Vec<&ServerRuns> {
        let throughput = |of: &ServerRuns| of.mean(Metric::Throughput);
        let servers = self.servers.iter();
        let mut ranked: Vec<&ServerRuns> = servers.filter(|of| throughput(of).is_some()).collect();
        ranked.sort_by(|a, b| {
            let (a, b) = (throughput(a), throughput(b));
            b.partial_cmp(&a).expect("throughputs are finite")
        });
        ranked
    }

    /// Runs that have been made.
    pub fn done(&self) -> usize {
        self.servers.iter().map(ServerRuns::done).sum()
    }
}

impl ServerRuns {
    /// Replications that have been run.
    pub fn done(&self) -> usize {
        self.runs.iter().flatten().count()
    }

    /// A metric of every replication that has it.
    pub fn samples(&self, metric: Metric) -> Vec<f64> {
        let runs = self.runs.iter().flatten();
        runs.filter_map(|run| run.get(metric)).collect()
    }

    /// A metric over the replications; `None` if none has it.
    pub fn estimate(&self, metric: Metric) -> Option<Estimate> {
        Estimate::of(&self.samples(metric))
    }

    /// Its mean.
    pub fn mean(&self, metric: Metric) -> Option<f64> {
        Some(self.estimate(metric)?.mean)
    }

    /// A quantile of the response time, pooled over the replications.
    ///
    /// # Errors
    /// Too few observations lie beyond it.
    pub fn quantile_ms(&self, level: Level) -> Result<Estimate, TooFew> {
        let runs = self.runs.iter().flatten();
        let recorders: Vec<&Recorder> = runs.map(|run| &run.responses).collect();
        pooled_ms(&recorders, level)
    }

    /// How much more this server has of a metric than `other`, over the replications that both
    /// have.
    pub fn difference(&self, other: &Self, metric: Metric) -> Option<Estimate> {
        let (own, others) = self.paired(other, metric);
        Estimate::of_paired(&own, &others)
    }

    /// The same as a share of what `other` has.
    pub fn lead(&self, other: &Self, metric: Metric) -> Option<Estimate> {
        let (own, others) = self.paired(other, metric);
        Estimate::of_paired_relative(&own, &others)
    }

    fn paired(&self, other: &Self, metric: Metric) -> (Vec<f64>, Vec<f64>) {
        let value = |run: &Option<RunResult>| run.as_ref()?.get(metric);
        let pairs = self.runs.iter().zip(&other.runs);
        pairs
            .filter_map(|(own, other)| value(own).zip(value(other)))
            .unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::experiment::WarmUpCut;
    use crate::scenario::{Server, Structure};
    use crate::stats::METRICS;

    fn server(structure: Structure, throughputs: &[Option<f64>]) -> ServerRuns {
        let of = |metric, value| (metric == Metric::Throughput).then_some(value);
        let run = |value| RunResult {
            metrics: METRICS.map(|metric| of(metric, value)).to_vec(),
            responses: Recorder::default(),
            records: None,
            timeline: None,
        };
        ServerRuns {
            server: Server::plain(structure),
            runs: throughputs.iter().map(|value| value.map(run)).collect(),
        }
    }

    #[test]
    fn only_replications_that_both_have_are_paired() {
        let a = server(Structure::NbB, &[Some(10.0), Some(20.0), Some(30.0)]);
        let b = server(Structure::NbLaio, &[Some(8.0), Some(18.0), None]);
        let paired = a.difference(&b, Metric::Throughput).expect("two");
        assert_eq!((paired.mean, paired.half_width), (2.0, Some(0.0)));
        let lead = b.lead(&a, Metric::Throughput).expect("two");
        assert!((lead.mean - (26.0 / 30.0 - 1.0)).abs() < 1e-12);
        assert_eq!((a.done(), b.done()), (3, 2));
    }

    #[test]
    fn servers_are_ranked_by_throughput_and_those_without_runs_left_out() {
        let runs = PointRuns {
            point: 0,
            servers: vec![
                server(Structure::NbB, &[Some(1.0)]),
                server(Structure::NbLaio, &[Some(3.0)]),
                server(Structure::Mp, &[None]),
                server(Structure::NbAmped, &[Some(2.0)]),
            ],
            warm_up: WarmUpCut::Nothing,
            precise: None,
            complete: false,
        };
        let ranked: Vec<String> = runs.ranked().iter().map(|of| of.server.name()).collect();
        assert_eq!(ranked, ["nb-laio", "nb-amped", "nb-b"]);
        assert_eq!(runs.done(), 3);
    }
}
