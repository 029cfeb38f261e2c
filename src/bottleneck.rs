//! What limits a server.

use sim::scenario::experiment::ServerRuns;
use sim::stats::Metric;

/// From this utilization on a resource is called saturated: ours.
const SATURATED: f64 = 0.9;

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

impl Bottleneck {
    /// What limits a server.
    pub(crate) fn of(server: &ServerRuns) -> Self {
        Self::among(|metric| server.mean(metric))
    }

    /// The busiest resource, if it is saturated, by the means of the utilizations.
    pub(crate) fn among(mean: impl Fn(Metric) -> Option<f64>) -> Self {
        let resources = [
            (Self::Disk, Metric::DiskUtilization),
            (Self::Cpu, Metric::CpuUtilization),
            (Self::Link, Metric::LinkUtilization),
            (Self::LoadGenerator, Metric::ClientUtilization),
        ];
        resources
            .into_iter()
            .filter_map(|(resource, metric)| Some((resource, mean(metric)?)))
            .filter(|(_, utilization)| *utilization > SATURATED)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(Self::Latency, |(resource, _)| resource)
    }

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
mod tests {
    use super::*;
    use crate::run::fixture::with_metrics;

    #[test]
    fn the_bottleneck_is_the_busiest_saturated_resource() {
        let (disk, cpu) = (Metric::DiskUtilization, Metric::CpuUtilization);
        let link = Metric::LinkUtilization;
        let of = |metrics: &[(Metric, f64)]| Bottleneck::of(&with_metrics(metrics));
        assert_eq!(of(&[(disk, 0.95), (cpu, 0.5)]), Bottleneck::Disk);
        assert_eq!(of(&[(disk, 0.95), (cpu, 0.99)]), Bottleneck::Cpu);
        assert_eq!(of(&[(link, 0.91)]), Bottleneck::Link);
        assert_eq!(of(&[(disk, 0.9), (cpu, 0.3)]), Bottleneck::Latency);
        assert_eq!(of(&[]), Bottleneck::Latency);
    }
}
