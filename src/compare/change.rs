//! The change of each main figure of each server at each point, with its interval.

use std::collections::BTreeMap;

use sim::stats::{Estimate, Metric};

use super::folder::{Figures, Folder, Subject};
use crate::failure::Failure;

/// What is compared.
pub(super) const MAIN: [Metric; 7] = [
    Metric::Throughput,
    Metric::ResponseMean,
    Metric::ResponseQuantile(50),
    Metric::ResponseQuantile(99),
    Metric::BlockRate,
    Metric::DiskRequests,
    Metric::CpuPerRequest,
];

/// Everything that both runs have.
#[derive(Debug)]
pub(super) struct Changes {
    /// The points that both have, in A's order.
    pub(super) points: Vec<PointChanges>,
    /// What only one of them has, in words.
    pub(super) alone: Vec<String>,
    seeds_agree: bool,
}

/// The changes at one point.
#[derive(Debug)]
pub(super) struct PointChanges {
    /// The axes' keys and values.
    pub(super) values: Vec<(String, String)>,
    /// Each server's.
    pub(super) servers: Vec<ServerChanges>,
}

/// The changes of one server at one point.
#[derive(Debug)]
pub(super) struct ServerChanges {
    /// Its name.
    pub(super) server: String,
    /// Whether its replications were compared pair by pair.
    pub(super) paired: bool,
    /// In the order of [`MAIN`].
    pub(super) figures: Vec<Change>,
}

/// The change of one figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    /// Mean in A; `None` where there is nothing to take the mean of.
    pub(super) before: Option<f64>,
    /// Mean in B.
    pub(super) after: Option<f64>,
    /// By how much B is larger.
    pub(super) by: Option<By>,
}

/// A difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum By {
    /// As a share of A's mean.
    Share(Estimate),
    /// As it is, where A's mean is 0.
    Difference(Estimate),
}

impl By {
    /// The difference with its interval.
    pub(super) fn estimate(self) -> Estimate {
        match self {
            Self::Share(estimate) | Self::Difference(estimate) => estimate,
        }
    }
}

impl Change {
    /// Whether it is beyond its interval.
    pub(super) fn is_beyond(&self) -> bool {
        self.by.is_some_and(|by| by.estimate().excludes_zero())
    }
}

impl Changes {
    fn servers(&self) -> impl Iterator<Item = &ServerChanges> {
        self.points.iter().flat_map(|point| &point.servers)
    }

    fn estimates(&self) -> impl Iterator<Item = Estimate> {
        let figures = self.servers().flat_map(|server| &server.figures);
        figures.filter_map(|change| Some(change.by?.estimate()))
    }

    /// How many figures are beyond their intervals.
    pub(super) fn beyond(&self) -> usize {
        self.estimates().filter(Estimate::excludes_zero).count()
    }

    /// How many figures have an interval.
    pub(super) fn judged(&self) -> usize {
        self.estimates()
            .filter(|it| it.half_width.is_some())
            .count()
    }

    /// Whether some figure has none.
    pub(super) fn single(&self) -> bool {
        self.estimates().any(|it| it.half_width.is_none())
    }

    /// How replications were compared.
    pub(super) fn method(&self) -> String {
        let unpaired = self.servers().filter(|server| !server.paired).count();
        match unpaired {
            0 => "Change: B against A with its 95 % interval; seed and replications are the same \
                  in both, so these are compared pair by pair."
                .to_owned(),
            _ if !self.seeds_agree => "Change: B against A with its 95 % interval; the seeds \
                  differ, so the replications are independent (Welch's t)."
                .to_owned(),
            _ => "Change: B against A with its 95 % interval; where the replications are the same \
                  in both pair by pair, otherwise as if they were independent (Welch's t)."
                .to_owned(),
        }
    }
}

/// Compares what both have.
///
/// # Errors
/// They have nothing in common.
pub(super) fn changes(before: &Folder, after: &Folder) -> Result<Changes, Failure> {
    let seeds_agree = before.seed().is_some() && before.seed() == after.seed();
    let mut changes = Changes {
        points: Vec::new(),
        alone: Vec::new(),
        seeds_agree,
    };
    for (subject, runs) in &before.runs {
        let other = after.runs.iter().find(|(other, _)| other == subject);
        let Some((_, other)) = other else {
            changes
                .alone
                .push(format!("Only in A: {}.", name_of(before, subject)));
            continue;
        };
        let of_server = of_server(&subject.1, runs, other, seeds_agree);
        let values: Vec<(String, String)> = before
            .axes
            .iter()
            .cloned()
            .zip(subject.0.iter().cloned())
            .collect();
        match changes
            .points
            .iter_mut()
            .find(|point| point.values == values)
        {
            Some(point) => point.servers.push(of_server),
            None => changes.points.push(PointChanges {
                values,
                servers: vec![of_server],
            }),
        }
    }
    let is_new = |subject: &Subject| !before.runs.iter().any(|(other, _)| other == subject);
    let new = after.runs.iter().filter(|(subject, _)| is_new(subject));
    let new = new.map(|(subject, _)| format!("Only in B: {}.", name_of(after, subject)));
    changes.alone.extend(new);
    match changes.points.is_empty() {
        true => Err(Failure::Refused(
            "results.csv: no server at no point of the axes is in both".to_owned(),
        )),
        false => Ok(changes),
    }
}

fn name_of(folder: &Folder, (values, server): &Subject) -> String {
    let values = folder.axes.iter().zip(values);
    let values: Vec<String> = values
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    match values.is_empty() {
        true => server.clone(),
        false => format!("{server} at {}", values.join(", ")),
    }
}

type Replications = BTreeMap<u32, Figures>;

fn of_server(
    server: &str,
    before: &Replications,
    after: &Replications,
    same_seed: bool,
) -> ServerChanges {
    let paired = same_seed && before.keys().eq(after.keys());
    let figures = MAIN.map(|metric| match paired {
        true => of_pairs(before, after, &metric.name()),
        false => of_samples(before, after, &metric.name()),
    });
    ServerChanges {
        server: server.to_owned(),
        paired,
        figures: figures.into(),
    }
}

fn of_pairs(before: &Replications, after: &Replications, metric: &str) -> Change {
    let pairs = before.values().zip(after.values());
    let pairs = pairs.filter_map(|(a, b)| Some((*a.get(metric)?, *b.get(metric)?)));
    let (a, b): (Vec<f64>, Vec<f64>) = pairs.unzip();
    change(&a, &b, Estimate::of_paired_relative, Estimate::of_paired)
}

fn of_samples(before: &Replications, after: &Replications, metric: &str) -> Change {
    let samples = |runs: &Replications| -> Vec<f64> {
        let figures = runs.values().filter_map(|figures| figures.get(metric));
        figures.copied().collect()
    };
    let (a, b) = (samples(before), samples(after));
    change(
        &a,
        &b,
        Estimate::of_independent_relative,
        Estimate::of_independent,
    )
}

type Estimator = fn(&[f64], &[f64]) -> Option<Estimate>;

fn change(a: &[f64], b: &[f64], relative: Estimator, absolute: Estimator) -> Change {
    let mean = |samples: &[f64]| Some(Estimate::of(samples)?.mean);
    let share = relative(b, a).map(By::Share);
    Change {
        before: mean(a),
        after: mean(b),
        by: share.or_else(|| absolute(b, a).map(By::Difference)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replications(throughputs: &[f64]) -> Replications {
        let figures = |&it: &f64| Figures::from([(Metric::Throughput.name(), it)]);
        (0..).zip(throughputs.iter().map(figures)).collect()
    }

    #[test]
    fn the_same_seed_shows_changes_that_independent_samples_hide() {
        let before = replications(&[100.0, 200.0, 300.0, 400.0]);
        let after = replications(&[101.1, 201.9, 303.1, 403.9]);
        let throughput = |same_seed| of_server("nb-b", &before, &after, same_seed).figures[0];
        assert!(throughput(true).is_beyond());
        assert!(!throughput(false).is_beyond());
        let mean = |change: Change| change.by.expect("some").estimate().mean;
        assert_eq!(mean(throughput(true)), mean(throughput(false)));
        assert!((mean(throughput(true)) - 0.01).abs() < 1e-9);
    }

    #[test]
    fn other_replications_are_not_paired() {
        let (before, after) = (replications(&[1.0, 2.0]), replications(&[1.0, 2.0, 3.0]));
        assert!(!of_server("nb-b", &before, &after, true).paired);
    }

    #[test]
    fn from_zero_the_change_is_a_difference() {
        let (before, after) = (replications(&[0.0, 0.0]), replications(&[0.5, 0.5]));
        let change = of_server("nb-b", &before, &after, true).figures[0];
        assert!(matches!(change.by, Some(By::Difference(it)) if it.mean == 0.5));
        assert!(change.is_beyond());
    }
}
