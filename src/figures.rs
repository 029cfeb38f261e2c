//! Plots of results: throughput and response times of the servers at a point, and along the axes
//! whose values are quantities.

mod across;
mod at_point;

pub(crate) use across::across;
pub(crate) use at_point::at_point;

use output::svg;
use sim::scenario::experiment::PointRuns;
use sim::scenario::load::Loaded;
use sim::scenario::profiles::validation_of;
use sim::stats::Estimate;

/// What error bars are.
const BARS: &str = "Error bars: 95 % intervals over replications.";

/// A plot: the name of its file, and the file's text.
pub(crate) type Figure = (String, String);

/// `key = value` for every axis.
pub(crate) fn label(values: &[(String, String)]) -> String {
    let pairs: Vec<String> = values
        .iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    pairs.join(", ")
}

/// The part of a file's name that tells points apart, from 1; none if there is but one.
fn number(loaded: &Loaded, point: usize) -> String {
    match loaded.points.len() {
        1 => String::new(),
        _ => format!("-{}", point + 1),
    }
}

/// The title, the conditions, and what a reader must know of the `runs` that are drawn.
fn captions(
    title: &str,
    loaded: &Loaded,
    conditions: String,
    runs: &[&PointRuns],
    note: &str,
) -> svg::Captions {
    let subtitles = [loaded.title.clone(), conditions];
    let mut notes = vec![note.to_owned()];
    if !runs.iter().all(|runs| runs.complete) {
        notes.push("Cut short: not every replication is in it.".to_owned());
    }
    for runs in runs {
        let validation = validation_of(&loaded.points[runs.point].scenario.machine.profile);
        if !notes.contains(&validation) {
            notes.push(validation);
        }
    }
    svg::Captions {
        title: title.to_owned(),
        subtitles: subtitles.into_iter().filter(|it| !it.is_empty()).collect(),
        notes,
    }
}

fn drawn(estimate: Option<Estimate>) -> svg::Estimate {
    svg::Estimate {
        value: estimate.map(|estimate| estimate.mean),
        half_width: estimate.and_then(|estimate| estimate.half_width),
    }
}
