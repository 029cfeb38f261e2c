//! The results of an experiment: per point, server and replication the figures of a run.

use sim::scenario::Server;
use sim::scenario::experiment::Job;
use sim::scenario::load::Loaded;
use sim::stats::{Estimate, Metric};

use super::figure::{Figure, Values};

/// From this utilization on a resource is called saturated.
const SATURATED: f64 = 0.9;

/// The results of an experiment.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    /// Those of each point of the axes.
    pub(crate) points: Vec<PointResults>,
}

/// The results at one point of the axes.
#[derive(Clone, Debug)]
pub(crate) struct PointResults {
    /// Those of each server, in the scenario's order.
    pub(crate) servers: Vec<ServerResults>,
    /// Replications asked for.
    pub(crate) planned: u32,
}

/// The results of one server at one point.
#[derive(Clone, Debug)]
pub(crate) struct ServerResults {
    /// The server.
    pub(crate) server: Server,
    /// Each replication's figures; `None` for those not run.
    pub(crate) runs: Vec<Option<Values>>,
}

/// What limits a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bottleneck {
    /// The disk is saturated.
    Disk,
    /// The server's CPU is.
    Cpu,
    /// The server's link is, or those of the clients.
    Link,
    /// The CPU of the load generator is, which is no property of the server.
    LoadGenerator,
    /// Nothing is: requests wait for answers, not for a turn.
    Latency,
}

impl Results {
    /// No results yet.
    pub(crate) fn planned(loaded: &Loaded) -> Self {
        let points = loaded.points.iter().map(|point| {
            let planned = point.scenario.run.replications;
            let servers = point.scenario.servers.iter().map(|&server| ServerResults {
                server,
                runs: vec![None; planned as usize],
            });
            PointResults {
                servers: servers.collect(),
                planned,
            }
        });
        Self {
            points: points.collect(),
        }
    }

    /// Adds the figures of `job`.
    pub(crate) fn put(&mut self, job: Job, values: Values) {
        let servers = &mut self.points[job.point].servers;
        let of_server = servers.iter_mut().find(|other| other.server == job.server);
        let of_server = of_server.expect("a job's server is one of its point's");
        of_server.runs[job.replication as usize] = Some(values);
    }

    /// Runs asked for.
    pub(crate) fn runs_planned(&self) -> usize {
        self.servers().map(|server| server.runs.len()).sum()
    }

    /// Runs that are complete.
    pub(crate) fn done(&self) -> usize {
        self.servers().map(ServerResults::done).sum()
    }

    /// Whether some run is missing.
    pub(crate) fn is_cut(&self) -> bool {
        self.done() < self.runs_planned()
    }

    fn servers(&self) -> impl Iterator<Item = &ServerResults> {
        self.points.iter().flat_map(|point| &point.servers)
    }
}

impl PointResults {
    /// The servers that have results, the one with the highest mean throughput first.
    pub(crate) fn ranked(&self) -> Vec<&ServerResults> {
        let throughput = |of: &ServerResults| of.mean(Metric::Throughput);
        let mut ranked: Vec<&ServerResults> = self
            .servers
            .iter()
            .filter(|of| throughput(of).is_some())
            .collect();
        ranked.sort_by(|a, b| throughput(b).partial_cmp(&throughput(a)).expect("finite"));
        ranked
    }

    /// Whether some replication of some server is missing.
    pub(crate) fn is_cut(&self) -> bool {
        self.servers.iter().any(|of| of.done() < of.runs.len())
    }
}

impl ServerResults {
    /// Replications that are complete.
    pub(crate) fn done(&self) -> usize {
        self.runs.iter().flatten().count()
    }

    /// A figure over the replications; `None` if none has it.
    pub(crate) fn estimate(&self, figure: impl Into<Figure>) -> Option<Estimate> {
        Estimate::of(&self.samples(figure))
    }

    /// A figure of every replication that has it.
    pub(crate) fn samples(&self, figure: impl Into<Figure>) -> Vec<f64> {
        let figure = figure.into();
        let runs = self.runs.iter().flatten();
        runs.filter_map(|values| values.get(figure)).collect()
    }

    /// Its mean.
    pub(crate) fn mean(&self, figure: impl Into<Figure>) -> Option<f64> {
        Some(self.estimate(figure)?.mean)
    }

    /// `of` a figure of this server and of `other`, over the replications that both have.
    pub(crate) fn paired(
        &self,
        other: &Self,
        figure: impl Into<Figure>,
        of: impl Fn(f64, f64) -> f64,
    ) -> Option<Estimate> {
        let figure = figure.into();
        let samples: Vec<f64> = self
            .runs
            .iter()
            .zip(&other.runs)
            .filter_map(|(a, b)| Some(of(a.as_ref()?.get(figure)?, b.as_ref()?.get(figure)?)))
            .collect();
        Estimate::of(&samples)
    }

    /// What limits the server: the busiest resource, if it is saturated.
    pub(crate) fn bottleneck(&self) -> Bottleneck {
        let resources = [
            (Bottleneck::Disk, Metric::DiskUtilization.into()),
            (Bottleneck::Cpu, Metric::CpuUtilization.into()),
            (Bottleneck::Link, Figure::LinkUtilization),
            (Bottleneck::LoadGenerator, Metric::ClientUtilization.into()),
        ];
        resources
            .into_iter()
            .filter_map(|(resource, figure)| Some((resource, self.mean(figure)?)))
            .filter(|(_, utilization)| *utilization > SATURATED)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(Bottleneck::Latency, |(resource, _)| resource)
    }
}

impl Bottleneck {
    /// The word in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk-bound",
            Self::Cpu => "CPU-bound",
            Self::Link => "link-bound",
            Self::LoadGenerator => "generator-bound",
            Self::Latency => "latency-bound",
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::run) fn point(servers: Vec<ServerResults>) -> PointResults {
        let planned = servers[0].runs.len() as u32;
        PointResults { servers, planned }
    }

    /// A server with nothing but a throughput in each replication.
    pub(in crate::run) fn server(server: Server, throughputs: &[f64]) -> ServerResults {
        let values = |&t: &f64| Some(Values::of(&[(Metric::Throughput.into(), t)]));
        let runs = throughputs.iter().map(values).collect();
        ServerResults { server, runs }
    }

    fn busy(utilizations: &[(Figure, f64)]) -> ServerResults {
        ServerResults {
            server: Server::NbB,
            runs: vec![Some(Values::of(utilizations))],
        }
    }

    #[test]
    fn the_bottleneck_is_the_busiest_saturated_resource() {
        let (disk, cpu) = (
            Metric::DiskUtilization.into(),
            Metric::CpuUtilization.into(),
        );
        let link = Figure::LinkUtilization;
        let bottleneck = |utilizations: &[(Figure, f64)]| busy(utilizations).bottleneck();
        assert_eq!(bottleneck(&[(disk, 0.95), (cpu, 0.5)]), Bottleneck::Disk);
        assert_eq!(bottleneck(&[(disk, 0.95), (cpu, 0.99)]), Bottleneck::Cpu);
        assert_eq!(bottleneck(&[(link, 0.91)]), Bottleneck::Link);
        assert_eq!(bottleneck(&[(disk, 0.9), (cpu, 0.3)]), Bottleneck::Latency);
        assert_eq!(bottleneck(&[]), Bottleneck::Latency);
    }

    #[test]
    fn only_replications_that_both_have_are_paired() {
        let a = server(Server::NbB, &[10.0, 20.0, 30.0]);
        let mut b = server(Server::NbLaio, &[8.0, 18.0, 99.0]);
        b.runs[2] = None;
        let paired = a.paired(&b, Metric::Throughput, |a, b| a - b);
        let paired = paired.expect("two replications");
        assert_eq!((paired.mean, paired.half_width), (2.0, Some(0.0)));
        assert!(point(vec![a, b]).is_cut());
    }

    #[test]
    fn servers_are_ranked_by_throughput() {
        let servers = vec![
            server(Server::NbB, &[1.0]),
            server(Server::NbLaio, &[3.0]),
            server(Server::NbAmped, &[2.0]),
        ];
        let point = point(servers);
        let ranked: Vec<Server> = point.ranked().iter().map(|of| of.server).collect();
        assert_eq!(ranked, [Server::NbLaio, Server::NbAmped, Server::NbB]);
    }
}
