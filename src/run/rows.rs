//! A figure of the tables: its name, and what stands there for a server.

use sim::scenario::experiment::{PointRuns, ServerRuns};
use sim::stats::{Level, Metric};

use super::cells::cell;
use crate::bottleneck::Bottleneck;
use crate::tidy::FINEST;

/// What a figure is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Of {
    /// A metric times a factor.
    Metric(Metric, f64),
    /// A quantile of the response time in milliseconds.
    Quantile(Level),
    /// Throughput less the best server's.
    Difference,
    /// What limits the server.
    Bottleneck,
}

/// A figure by name.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The name, with its unit.
    pub(super) name: String,
    /// What it is made of.
    pub(super) of: Of,
    /// Whether it is left out where it is zero for every server.
    pub(super) unless_zero: bool,
}

impl Row {
    /// What stands there for a server of the point `runs`.
    pub(super) fn cell(&self, of: &ServerRuns, runs: &PointRuns) -> String {
        match self.of {
            Of::Metric(metric, factor) => cell(of.estimate(metric), factor),
            Of::Quantile(level) => cell(of.quantile_ms(level).ok(), 1.0),
            Of::Difference => difference(of, runs),
            Of::Bottleneck if of.done() == 0 => output::number::ABSENT.to_owned(),
            Of::Bottleneck => Bottleneck::of(of).name().to_owned(),
        }
    }

    /// Whether some server has something to show here.
    pub(super) fn is_shown(&self, runs: &PointRuns) -> bool {
        let mut servers = runs.servers.iter();
        match self.of {
            Of::Metric(metric, _) => servers
                .filter_map(|of| of.mean(metric))
                .any(|mean| !self.unless_zero || mean != 0.0),
            Of::Quantile(FINEST) => servers.any(|of| of.quantile_ms(FINEST).is_ok()),
            Of::Quantile(_) | Of::Difference | Of::Bottleneck => true,
        }
    }
}

fn difference(of: &ServerRuns, runs: &PointRuns) -> String {
    match runs.ranked().first() {
        Some(best) if best.server == of.server => "best".to_owned(),
        Some(best) => cell(of.difference(best, Metric::Throughput), 1.0),
        None => output::number::ABSENT.to_owned(),
    }
}
