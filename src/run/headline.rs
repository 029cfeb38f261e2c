//! What a comparison says, in sentences made from its figures.

use output::number::{Unit, value};
use sim::stats::{Estimate, Metric};

use super::results::{Bottleneck, PointResults, ServerResults};
use super::table::text;

/// A loop that stalls for less of the time is not worth a word: ours.
const WORTH_A_WORD: f64 = 0.01;

/// Which server wins, by how much, and why.
pub(crate) fn sentences(point: &PointResults) -> Vec<String> {
    let ranked = point.ranked();
    let mut sentences = match ranked.as_slice() {
        [] => return vec!["No run is complete: nothing to compare.".to_owned()],
        [only] => vec![alone(only)],
        [best, others @ ..] => vec![verdict(best, others), responses(&ranked)],
    };
    sentences.push(why(&ranked));
    if point.is_cut() {
        sentences.push("Cut short: not every replication is in these figures.".to_owned());
    }
    sentences
}

fn alone(only: &ServerResults) -> String {
    let throughput = text(only.estimate(Metric::Throughput), 1.0, Unit::None);
    let name = only.server.name();
    format!("{name} answers {throughput} requests per second.")
}

/// The best server against those that it beats and those that it does not.
fn verdict(best: &ServerResults, others: &[&ServerResults]) -> String {
    let difference = |of: &ServerResults| best.paired(of, Metric::Throughput, |a, b| a - b);
    let known = |of: &ServerResults| difference(of).is_some_and(|it| it.half_width.is_some());
    let name = best.server.name();
    if !others.iter().all(|of| known(of)) {
        return format!(
            "{name} answers the most requests per second here, but with fewer than two \
             replications in common no difference is proved."
        );
    }
    let beats = |of: &&&ServerResults| difference(of).is_some_and(|it| it.excludes_zero());
    let level: Vec<&ServerResults> = others.iter().filter(|of| !beats(of)).copied().collect();
    let next = others.iter().find(|of| beats(of));
    match (level.as_slice(), next) {
        ([], Some(next)) => format!(
            "{name} answers {} times as many requests per second as the next best, {}.",
            ratio(best, next),
            next.server.name()
        ),
        (level, next) => {
            let equal = equality(best, level);
            next.map_or(equal.clone(), |next| {
                format!("{equal} {}", lead(best, next))
            })
        }
    }
}

fn equality(best: &ServerResults, level: &[&ServerResults]) -> String {
    let one = |of: &&ServerResults| {
        let difference = best.paired(of, Metric::Throughput, |a, b| a - b);
        let difference = text(difference, 1.0, Unit::None);
        format!("{difference} more than {}", of.server.name())
    };
    let each: Vec<String> = level.iter().map(one).collect();
    format!(
        "No difference beyond the interval: {} answers, in requests per second, {}.",
        best.server.name(),
        each.join(", ")
    )
}

fn lead(best: &ServerResults, next: &ServerResults) -> String {
    format!(
        "It answers {} times as many as {}.",
        ratio(best, next),
        next.server.name()
    )
}

fn ratio(a: &ServerResults, b: &ServerResults) -> String {
    text(
        a.paired(b, Metric::Throughput, |a, b| a / b),
        1.0,
        Unit::None,
    )
}

fn responses(ranked: &[&ServerResults]) -> String {
    let one = |of: &&ServerResults| {
        let median = of.estimate(Metric::ResponseQuantile(50));
        format!("{} {}", of.server.name(), text(median, 1e-3, Unit::Seconds))
    };
    let medians: Vec<String> = ranked.iter().map(one).collect();
    format!("Median response: {}.", medians.join(", "))
}

/// What limits each server, what a request costs there, and whose loop stalls.
fn why(ranked: &[&ServerResults]) -> String {
    let mut clauses = Vec::new();
    let mut told = Vec::new();
    for of in ranked {
        let bottleneck = of.bottleneck();
        if !told.contains(&bottleneck) {
            let same = ranked.iter().filter(|of| of.bottleneck() == bottleneck);
            clauses.push(limit(bottleneck, &same.copied().collect::<Vec<_>>()));
            told.push(bottleneck);
        }
    }
    let stalls: Vec<String> = ranked.iter().filter_map(|of| stall(of)).collect();
    clauses.push(match stalls.is_empty() {
        true => "no loop stalls".to_owned(),
        false => stalls.join(", "),
    });
    format!("Why: {}.", clauses.join("; "))
}

/// The servers that `bottleneck` limits, and how much of it a request takes on each.
fn limit(bottleneck: Bottleneck, servers: &[&ServerResults]) -> String {
    let one = |of: &&ServerResults| match demand(bottleneck, of) {
        Some(demand) => format!("{} ({demand})", of.server.name()),
        None => of.server.name().to_owned(),
    };
    let each: Vec<String> = servers.iter().map(one).collect();
    let none = match bottleneck {
        Bottleneck::Latency => " (nothing is saturated)",
        _ => "",
    };
    format!("{}{none}: {}", bottleneck.name(), each.join(", "))
}

fn demand(bottleneck: Bottleneck, of: &ServerResults) -> Option<String> {
    let mean = |metric| value(of.mean(metric), Unit::None);
    match bottleneck {
        Bottleneck::Disk => Some(format!(
            "{} reads of {} ms per request",
            mean(Metric::DiskRequests),
            mean(Metric::DiskService)
        )),
        Bottleneck::Cpu => Some(format!("{} us per request", mean(Metric::CpuPerRequest))),
        Bottleneck::Link | Bottleneck::LoadGenerator | Bottleneck::Latency => None,
    }
}

fn stall(of: &ServerResults) -> Option<String> {
    let share: Estimate = of.estimate(Metric::StallShare)?;
    let name = of.server.name();
    (share.mean > WORTH_A_WORD).then(|| {
        format!(
            "{name}'s loop is stalled {} of the time",
            text(Some(share), 1.0, Unit::Share)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::results::tests::{point, server};
    use sim::scenario::Server;

    #[test]
    fn a_winner_is_named_with_its_lead_over_the_next_best() {
        let slow = server(Server::NbB, &[100.0, 100.5, 99.5]);
        let fast = server(Server::NbLaio, &[110.0, 110.5, 109.6]);
        let said = sentences(&point(vec![slow, fast])).join(" ");
        assert!(said.starts_with("nb-laio answers 1.1"), "{said}");
        assert!(said.contains("next best, nb-b."), "{said}");
    }

    #[test]
    fn an_interval_that_includes_zero_is_no_difference() {
        let a = server(Server::NbB, &[100.0, 105.0, 95.0]);
        let b = server(Server::NbLaio, &[105.0, 95.0, 103.0]);
        let said = sentences(&point(vec![a, b])).join(" ");
        assert!(
            said.starts_with("No difference beyond the interval: nb-laio"),
            "{said}"
        );
        assert!(!said.contains("times as many"), "{said}");
    }

    #[test]
    fn level_servers_are_told_apart_from_beaten_ones() {
        let a = server(Server::NbB, &[100.0, 105.0, 95.0]);
        let b = server(Server::NbLaio, &[105.0, 95.0, 103.0]);
        let c = server(Server::NbAmped, &[50.0, 45.0, 48.0]);
        let said = sentences(&point(vec![a, b, c])).join(" ");
        assert!(said.contains("more than nb-b. It answers 2."), "{said}");
        assert!(said.contains("as many as nb-amped."), "{said}");
    }

    #[test]
    fn a_single_replication_proves_nothing() {
        let a = server(Server::NbB, &[100.0]);
        let b = server(Server::NbLaio, &[200.0]);
        let said = sentences(&point(vec![a, b])).join(" ");
        assert!(said.contains("no difference is proved"), "{said}");
    }

    #[test]
    fn without_a_complete_run_nothing_is_compared() {
        let mut a = server(Server::NbB, &[100.0, 100.0]);
        a.runs = vec![None, None];
        assert_eq!(
            sentences(&point(vec![a])),
            ["No run is complete: nothing to compare."]
        );
    }
}
