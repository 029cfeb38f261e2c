//! What a comparison says, in sentences made from its figures.

use output::number::Unit;
use sim::scenario::experiment::{PointRuns, ServerRuns};
use sim::stats::{Estimate, Level, Metric};

use super::cells::{cell, text};
use super::why;

/// The most servers that a sentence names one by one: ours.
pub(super) const NAMED: usize = 4;

/// Which server wins, by how much, and why.
pub(super) fn sentences(runs: &PointRuns) -> Vec<String> {
    let ranked = runs.ranked();
    let mut sentences = match ranked.as_slice() {
        [] => return vec!["No run is complete: nothing to compare.".to_owned()],
        [only] => vec![alone(only)],
        [best, others @ ..] => vec![verdict(best, others)],
    };
    sentences.extend(responses(&ranked).filter(|_| ranked.len() > 1));
    sentences.push(why::sentence(&ranked));
    if !runs.complete {
        sentences.push("Cut short: not every replication is in these figures.".to_owned());
    }
    sentences
}

fn alone(only: &ServerRuns) -> String {
    let throughput = cell(only.estimate(Metric::Throughput), 1.0);
    format!("{} answers {throughput} requests per second.", only.server)
}

/// The best server against those that it beats and those that it does not.
fn verdict(best: &ServerRuns, others: &[&ServerRuns]) -> String {
    let difference = |of: &ServerRuns| best.difference(of, Metric::Throughput);
    let known = |of: &&ServerRuns| difference(of).is_some_and(|it| it.half_width.is_some());
    let name = best.server;
    if !others.iter().all(known) {
        return format!(
            "{name} answers the most requests per second here, but with fewer than two \
             replications in common no difference is proved."
        );
    }
    let beats = |of: &&ServerRuns| difference(of).is_some_and(|it| it.excludes_zero());
    let (beaten, level): (Vec<&ServerRuns>, Vec<&ServerRuns>) =
        others.iter().copied().partition(|of| beats(of));
    let Some(next) = beaten.first() else {
        return equality(best, &level);
    };
    let last = match beaten.as_slice() {
        [_, .., last] => format!(" and {}", times(best, last)),
        _ => String::new(),
    };
    match level.is_empty() {
        true => format!(
            "{name} answers the most requests per second: {}, the next best{}{last}.",
            times(best, next),
            if last.is_empty() { "" } else { "," },
        ),
        false => format!(
            "{} It answers {}{last}.",
            equality(best, &level),
            times(best, next)
        ),
    }
}

fn equality(best: &ServerRuns, level: &[&ServerRuns]) -> String {
    if level.len() > 2 * NAMED {
        return format!(
            "No difference beyond the interval between {} and {} others.",
            best.server,
            level.len()
        );
    }
    if level.len() > NAMED {
        return format!(
            "No difference beyond the interval between {} and {}.",
            best.server,
            names(level)
        );
    }
    let one = |of: &&ServerRuns| {
        let difference = best.difference(of, Metric::Throughput);
        format!("{} more than {}", cell(difference, 1.0), of.server)
    };
    let each: Vec<String> = level.iter().map(one).collect();
    format!(
        "No difference beyond the interval: {} answers, in requests per second, {}.",
        best.server,
        each.join(", ")
    )
}

/// The servers' names, separated by commas.
pub(super) fn names(servers: &[&ServerRuns]) -> String {
    let names: Vec<String> = servers.iter().map(|of| of.server.name()).collect();
    names.join(", ")
}

/// How many times as many requests `a` answers as `b`.
fn times(a: &ServerRuns, b: &ServerRuns) -> String {
    match a.lead(b, Metric::Throughput) {
        Some(lead) => {
            let mean = 1.0 + lead.mean;
            let ratio = cell(Some(Estimate { mean, ..lead }), 1.0);
            format!("{ratio} times as many as {}", b.server)
        }
        None => format!("more than {}, which answers none", b.server),
    }
}

fn responses(ranked: &[&ServerRuns]) -> Option<String> {
    let median = |of: &&ServerRuns| {
        let median = of.quantile_ms(Level::percent(50)).ok()?;
        let said = format!("{} {}", of.server, text(Some(median), 1e-3, Unit::Seconds));
        Some((median.mean, said))
    };
    let mut medians: Vec<(f64, String)> = ranked.iter().filter_map(median).collect();
    if medians.len() > NAMED {
        medians.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (first, last) = (&medians[0].1, &medians[medians.len() - 1].1);
        return Some(format!("Median response: from {first} to {last}."));
    }
    let said: Vec<String> = medians.into_iter().map(|(_, said)| said).collect();
    (!said.is_empty()).then(|| format!("Median response: {}.", said.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fixture::{point, server};
    use sim::scenario::Structure;

    fn said(servers: Vec<ServerRuns>) -> String {
        sentences(&point(servers)).join(" ")
    }

    #[test]
    fn a_winner_is_named_with_its_lead_over_the_next_best() {
        let slow = server(Structure::NbB, &[100.0, 100.5, 99.5]);
        let fast = server(Structure::NbLaio, &[110.0, 110.5, 109.6]);
        let said = said(vec![slow, fast]);
        let starts = said.starts_with("nb-laio answers the most requests per second: 1.1");
        assert!(starts, "{said}");
        assert!(said.contains("as many as nb-b, the next best."), "{said}");
    }

    #[test]
    fn an_interval_that_includes_zero_is_no_difference() {
        let a = server(Structure::NbB, &[100.0, 105.0, 95.0]);
        let b = server(Structure::NbLaio, &[105.0, 95.0, 103.0]);
        let said = said(vec![a, b]);
        assert!(
            said.starts_with("No difference beyond the interval: nb-laio"),
            "{said}"
        );
        assert!(!said.contains("times as many"), "{said}");
    }

    #[test]
    fn level_servers_are_told_apart_from_beaten_ones() {
        let a = server(Structure::NbB, &[100.0, 105.0, 95.0]);
        let b = server(Structure::NbLaio, &[105.0, 95.0, 103.0]);
        let c = server(Structure::NbAmped, &[50.0, 45.0, 48.0]);
        let said = said(vec![a, b, c]);
        assert!(said.contains("more than nb-b. It answers 2."), "{said}");
        assert!(said.contains("as many as nb-amped."), "{said}");
    }

    #[test]
    fn eleven_servers_make_no_wall_of_text() {
        let noise = |at: usize| [1.0, 2.0, 3.0].map(|it| 100.0 + it * at as f64);
        let all = Structure::ALL.into_iter().enumerate();
        let servers = all.map(|(at, it)| server(it, &noise(at))).collect();
        for sentence in sentences(&point(servers)) {
            assert!(sentence.chars().count() <= 300, "{sentence}");
        }
    }

    #[test]
    fn a_server_that_answers_nothing_is_no_divisor() {
        let none = server(Structure::NbB, &[0.0, 0.0]);
        let some = server(Structure::NbLaio, &[10.0, 11.0]);
        let said = said(vec![none, some]);
        assert!(
            said.contains("second: more than nb-b, which answers none"),
            "{said}"
        );
        assert!(!said.contains("times"), "{said}");
    }

    #[test]
    fn a_single_replication_proves_nothing() {
        let a = server(Structure::NbB, &[100.0]);
        let b = server(Structure::NbLaio, &[200.0]);
        let said = said(vec![a, b]);
        assert!(said.contains("no difference is proved"), "{said}");
    }

    #[test]
    fn without_a_complete_run_nothing_is_compared() {
        let mut a = server(Structure::NbB, &[100.0, 100.0]);
        a.runs = vec![None, None];
        assert_eq!(said(vec![a]), "No run is complete: nothing to compare.");
    }
}
