//! Why a server wins, in a sentence: what limits each, what a request costs there, and whose loop
//! stalls.

use output::number::{Unit, value};
use sim::scenario::Server;
use sim::scenario::experiment::ServerRuns;
use sim::stats::{Estimate, Metric};

use super::cells::text;
use super::headline::{NAMED, names};
use crate::bottleneck::Bottleneck;

/// A loop that stalls for less of the time is not worth a word: ours.
const WORTH_A_WORD: f64 = 0.01;

/// The reasons, the best server's first.
pub(super) fn sentence(ranked: &[&ServerRuns]) -> String {
    let mut clauses = Vec::new();
    let mut told = Vec::new();
    for of in ranked {
        let bottleneck = Bottleneck::of(of);
        if !told.contains(&bottleneck) {
            let same = ranked.iter().copied();
            let same: Vec<&ServerRuns> =
                same.filter(|of| Bottleneck::of(of) == bottleneck).collect();
            clauses.push(limit(bottleneck, &same, ranked.len()));
            told.push(bottleneck);
        }
    }
    clauses.push(stalls(ranked));
    format!("Why: {}.", clauses.join("; "))
}

/// The servers, of `all`, that `bottleneck` limits, and how much of it a request takes on each.
fn limit(bottleneck: Bottleneck, servers: &[&ServerRuns], all: usize) -> String {
    let none = match bottleneck {
        Bottleneck::Latency => " (nothing is saturated)",
        _ => "",
    };
    let said = match servers.len() {
        0..=NAMED => each(bottleneck, servers),
        count if count == all => together(bottleneck, servers, format!("all {all} servers")),
        _ => together(bottleneck, servers, names(servers)),
    };
    format!("{}{none}: {said}", bottleneck.name())
}

fn each(bottleneck: Bottleneck, servers: &[&ServerRuns]) -> String {
    let one = |of: &&ServerRuns| match demand(bottleneck, &[of]) {
        Some(demand) => format!("{} ({demand})", of.server),
        None => of.server.name(),
    };
    let each: Vec<String> = servers.iter().map(one).collect();
    each.join(", ")
}

fn together(bottleneck: Bottleneck, servers: &[&ServerRuns], names: String) -> String {
    match demand(bottleneck, servers) {
        Some(demand) => format!("{names} ({demand})"),
        None => names,
    }
}

/// What a request takes of the resource, on one server or from the least to the most.
fn demand(bottleneck: Bottleneck, servers: &[&ServerRuns]) -> Option<String> {
    let range = |metric| range(servers, metric);
    match bottleneck {
        Bottleneck::Disk => {
            let (reads, service) = (range(Metric::DiskRequests)?, range(Metric::DiskService)?);
            Some(format!("{reads} reads of {service} ms per request"))
        }
        Bottleneck::Cpu => Some(format!("{} us per request", range(Metric::CpuPerRequest)?)),
        Bottleneck::Link | Bottleneck::LoadGenerator | Bottleneck::Latency => None,
    }
}

/// From the least to the most; `None` where no server has it.
fn range(servers: &[&ServerRuns], metric: Metric) -> Option<String> {
    let mut means: Vec<f64> = servers.iter().filter_map(|of| of.mean(metric)).collect();
    means.sort_by(f64::total_cmp);
    let text = |mean: &f64| value(Some(*mean), Unit::None);
    let (least, most) = (text(means.first()?), text(means.last()?));
    match least == most {
        true => Some(least),
        false => Some(format!("{least} to {most}")),
    }
}

fn stalls(ranked: &[&ServerRuns]) -> String {
    let stall = |of: &&ServerRuns| {
        let share = of.estimate(Metric::StallShare)?;
        (share.mean > WORTH_A_WORD).then_some((of.server, share))
    };
    let mut stalls: Vec<(Server, Estimate)> = ranked.iter().filter_map(stall).collect();
    let said = |(server, share): &(Server, Estimate)| {
        format!("{server} {}", text(Some(*share), 1.0, Unit::Share))
    };
    match stalls.as_slice() {
        [] => "no loop stalls".to_owned(),
        [(server, share)] => {
            let share = text(Some(*share), 1.0, Unit::Share);
            format!("{server}'s loop is stalled {share} of the time")
        }
        several if several.len() <= NAMED => {
            let each: Vec<String> = several.iter().map(said).collect();
            format!("loops are stalled: {} of the time", each.join(", "))
        }
        _ => {
            stalls.sort_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
            let (least, most) = (said(&stalls[0]), said(&stalls[stalls.len() - 1]));
            let number = stalls.len();
            format!("{number} loops are stalled: from {least} to {most} of the time")
        }
    }
}
