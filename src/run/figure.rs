//! The figures of a run: the simulator's metrics, and what needs the scenario as well.

use sim::machine::network::Attachment;
use sim::run::Measured;
use sim::scenario::Scenario;
use sim::scenario::units::BitRate;
use sim::stats::{METRICS, Metric, metrics_of};

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    /// A metric of the simulator.
    Metric(Metric),
    /// Utilization of the server's link, or of the clients' links on average if that is more;
    /// none on loopback.
    LinkUtilization,
}

impl Figure {
    /// Every figure, in the order of the files.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        METRICS
            .into_iter()
            .map(Self::Metric)
            .chain([Self::LinkUtilization])
    }

    /// The name in files, with its unit.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Metric(metric) => metric.name(),
            Self::LinkUtilization => "link_utilization".into(),
        }
    }
}

impl From<Metric> for Figure {
    fn from(metric: Metric) -> Self {
        Self::Metric(metric)
    }
}

/// The figures of one run, in the order of [`Figure::all`]; `None` where there is nothing to take
/// the mean of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Values(Vec<Option<f64>>);

impl Values {
    /// One of them.
    pub(crate) fn get(&self, figure: Figure) -> Option<f64> {
        let index = Figure::all().position(|other| other == figure)?;
        self.0[index]
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<f64>> {
        self.0.iter().copied()
    }

    #[cfg(test)]
    pub(crate) fn of(given: &[(Figure, f64)]) -> Self {
        let value = |figure| given.iter().find(|(other, _)| *other == figure);
        Self(
            Figure::all()
                .map(|figure| value(figure).map(|(_, v)| *v))
                .collect(),
        )
    }
}

/// The figures of `run`, a run of `scenario`.
pub(crate) fn values_of(run: &Measured, scenario: &Scenario) -> Values {
    let mut values = metrics_of(run);
    values.push(link_utilization(run, scenario));
    Values(values)
}

fn link_utilization(run: &Measured, scenario: &Scenario) -> Option<f64> {
    let Attachment::Links { client, server, .. } = scenario.network.attachment() else {
        return None;
    };
    let elapsed = run.elapsed.as_secs_f64();
    let busy = |link: BitRate, bytes: u64| link.time_of(bytes).as_secs_f64() / elapsed;
    let per_client = run.bytes / u64::from(scenario.workload.clients);
    (elapsed > 0.0).then(|| busy(server, run.bytes).max(busy(client, per_client)))
}
