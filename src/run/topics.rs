//! Which figures the tables show, by topic, what matters first.

use sim::machine::cpu::Activity;
use sim::scenario::experiment::PointRuns;
use sim::server::OpKind;
use sim::stats::{Level, Metric};

use super::rows::{Of, Row};
use crate::tidy::FINEST;

/// Figures that belong together.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    /// What they are about.
    pub(super) title: &'static str,
    /// The figures.
    pub(super) rows: Vec<Row>,
}

/// The topics of the point `runs`, all of them if `full`; figures that no server has are left out,
/// and so are those of seldom things that did not happen.
pub(super) fn shown(runs: &PointRuns, full: bool) -> Vec<Topic> {
    let mut topics = vec![clients(), responses(), blocking(), resources()];
    if full {
        topics.extend([calls(), cpu(), more()]);
    }
    for topic in &mut topics {
        topic.rows.retain(|row| row.is_shown(runs));
    }
    topics.retain(|topic| !topic.rows.is_empty());
    topics
}

fn clients() -> Topic {
    Topic {
        title: "For the clients",
        rows: vec![
            metric("requests/s", Metric::Throughput),
            row("against best", Of::Difference),
            row("bottleneck", Of::Bottleneck),
            seldom("not found, %", Metric::NotFound),
            seldom("broken, %", Metric::Broken),
            seldom("abandoned, %", Metric::Abandoned),
            seldom("refused, %", Metric::Refused),
            seldom("connections dropped per 100 requests", Metric::Dropped),
        ],
    }
}

fn responses() -> Topic {
    let quantile = |level: Level| row(&level.to_string(), Of::Quantile(level));
    let percents = [50, 95, 99].map(Level::percent);
    let mut rows = vec![metric("mean", Metric::ResponseMean)];
    rows.extend(percents.map(quantile));
    rows.push(quantile(FINEST));
    Topic {
        title: "Response time, ms",
        rows,
    }
}

fn blocking() -> Topic {
    let mut rows = vec![
        share("all", Metric::BlockRate),
        share("on disk", Metric::DiskBlockRate),
        seldom("on sockets", Metric::SocketBlockRate),
    ];
    let kinds = OpKind::ALL.into_iter();
    rows.extend(kinds.map(|kind| seldom(kind.name(), Metric::KindBlockRate(kind))));
    Topic {
        title: "Calls that would block, %",
        rows,
    }
}

fn resources() -> Topic {
    Topic {
        title: "Resources",
        rows: vec![
            share("loop stalled, %", Metric::StallShare),
            share("CPU busy, %", Metric::CpuUtilization),
            metric("CPU us/request", Metric::CpuPerRequest),
            share("disk busy, %", Metric::DiskUtilization),
            metric("disk queue", Metric::DiskQueue),
            share("page hits, %", Metric::HitRatio),
            seldom("load generator busy, %", Metric::ClientUtilization),
        ],
    }
}

fn calls() -> Topic {
    let kind = |kind: OpKind| Row {
        unless_zero: true,
        ..metric(kind.name(), Metric::KindCalls(kind))
    };
    let mut rows = vec![
        metric("all", Metric::CallsPerRequest),
        share("not blocking, %", Metric::NotBlocking),
    ];
    rows.extend(OpKind::ALL.map(kind));
    Topic {
        title: "Calls per request",
        rows,
    }
}

fn cpu() -> Topic {
    let activity = |it: Activity| Row {
        unless_zero: true,
        ..metric(it.name(), Metric::ActivityPerRequest(it))
    };
    Topic {
        title: "CPU us per request",
        rows: Activity::ALL.map(activity).to_vec(),
    }
}

fn more() -> Topic {
    Topic {
        title: "More",
        rows: vec![
            metric("response max, ms", Metric::ResponseMax),
            metric("KB sent/request", Metric::Bytes).times(1e-3),
            metric("loop stalls/request", Metric::LoopStalls),
            metric("continuations/request", Metric::Continuations),
            metric("switches/request", Metric::Switches),
            metric("disk reads/request", Metric::DiskRequests),
            metric("disk service, ms", Metric::DiskService),
            share("link busy, %", Metric::LinkUtilization),
            metric("events/request", Metric::Events),
        ],
    }
}

fn row(name: &str, of: Of) -> Row {
    Row {
        name: name.to_owned(),
        of,
        unless_zero: false,
    }
}

fn metric(name: &str, metric: Metric) -> Row {
    row(name, Of::Metric(metric, 1.0))
}

fn share(name: &str, metric: Metric) -> Row {
    row(name, Of::Metric(metric, 100.0))
}

fn seldom(name: &str, metric: Metric) -> Row {
    Row {
        unless_zero: true,
        ..share(name, metric)
    }
}

impl Row {
    fn times(self, factor: f64) -> Self {
        match self.of {
            Of::Metric(metric, _) => Self {
                of: Of::Metric(metric, factor),
                ..self
            },
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture::{point, with_metrics};
    use sim::stats::METRICS;

    fn names(metrics: &[(Metric, f64)], full: bool) -> Vec<Of> {
        let topics = shown(&point(vec![with_metrics(metrics)]), full);
        let rows = topics.iter().flat_map(|topic| &topic.rows);
        rows.map(|row| row.of).collect()
    }

    #[test]
    fn every_metric_that_is_not_zero_is_shown_in_full() {
        let all = METRICS.map(|metric| (metric, 1.0));
        let shown = names(&all, true);
        for metric in METRICS {
            let of = |of: &Of| match (of, metric) {
                (Of::Quantile(level), Metric::ResponseQuantile(percent)) => {
                    *level == Level::percent(percent)
                }
                (Of::Metric(other, _), _) => *other == metric,
                _ => false,
            };
            assert!(shown.iter().any(of), "{metric:?}");
        }
    }

    #[test]
    fn requests_without_an_answer_are_shown_where_there_are_some() {
        let broken = Of::Metric(Metric::Broken, 100.0);
        assert!(!names(&[(Metric::Broken, 0.0)], true).contains(&broken));
        assert!(names(&[(Metric::Broken, 0.01)], false).contains(&broken));
    }
}
