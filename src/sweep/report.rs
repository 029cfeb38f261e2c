//! What is shown at the end: the best server of every point, and where the order changes.

use output::number::{ABSENT, Unit, with_interval};
use output::table::{Medium, Table};
use sim::scenario::load::Loaded;
use sim::scenario::profiles::validation_of;
use sim::stats::{Estimate, Metric};

use super::crossover;
use super::identity::values;
use super::point::Finished;
use super::quantity::{Measure, readable};
use super::slices::{Slice, along};
use crate::bottleneck::Bottleneck;
use crate::screen;

/// Crossovers that are told one by one; the others are counted. Ours: a screen.
const TOLD: usize = 20;

/// The report; `notes` are those of the figures.
pub(super) fn report(loaded: &Loaded, points: &[Finished], notes: &[String]) -> String {
    let mut text = table(loaded, points).render(Medium::stdout());
    text += "\n";
    text += &screen::prose("Order of the servers", &crossovers(loaded, points));
    text += "\n";
    let all: Vec<String> = own_notes(loaded, points)
        .into_iter()
        .chain(notes.to_vec())
        .collect();
    text + &screen::prose("Notes", &all)
}

/// A row per point.
fn table(loaded: &Loaded, points: &[Finished]) -> Table {
    let headers = ["best", "requests/s", "lead", "limit"].map(str::to_owned);
    let table = Table::new(loaded.axes.iter().cloned().chain(headers)).title(loaded.title.clone());
    points
        .iter()
        .fold(table, |table, point| table.row(row(point)))
}

fn row(point: &Finished) -> Vec<String> {
    let axes = point.values.iter().map(|(_, value)| readable(value));
    let ranked = point.ranked();
    let figures = match ranked.as_slice() {
        [] => [ABSENT; 4].map(str::to_owned),
        [best, others @ ..] => [
            best.server.clone(),
            interval(best.estimate(Metric::Throughput), Unit::None),
            others.first().map_or(ABSENT.to_owned(), |next| {
                lead(best.lead(next), &next.server)
            }),
            Bottleneck::among(|metric| best.mean(metric))
                .name()
                .to_owned(),
        ],
    };
    axes.chain(figures).collect()
}

fn interval(estimate: Option<Estimate>, unit: Unit) -> String {
    let half_width = estimate.and_then(|it| it.half_width);
    with_interval(estimate.map(|it| it.mean), half_width, unit)
}

fn lead(lead: Option<Estimate>, next: &str) -> String {
    let text = format!("{} over {next}", interval(lead, Unit::Share));
    match lead {
        Some(lead) if lead.excludes_zero() => text,
        _ => format!("{text} (not proved)"),
    }
}

/// A sentence per crossover, along every axis of quantities.
fn crossovers(loaded: &Loaded, points: &[Finished]) -> Vec<String> {
    let mut told = Vec::new();
    for (index, axis) in loaded.axes.iter().enumerate() {
        let Some(measure) = Measure::of(axis, &values(loaded, index)) else {
            continue;
        };
        for slice in along(points, index, &measure) {
            let found = crossover::of(&slice);
            told.extend(found.iter().map(|it| sentence(axis, &slice, it)));
        }
    }
    if told.is_empty() {
        return vec!["No crossover along an axis is proved.".to_owned()];
    }
    let more = told.len().saturating_sub(TOLD);
    told.truncate(TOLD);
    if more > 0 {
        told.push(format!(
            "And {more} more; summary.csv has every mean and interval."
        ));
    }
    told
}

fn sentence(axis: &str, slice: &Slice<'_>, it: &crossover::Crossover) -> String {
    let conditions = match slice.conditions() {
        none if none.is_empty() => none,
        some => format!(" ({some})"),
    };
    format!(
        "Crossover between {} and {} of {axis}{conditions}: {} overtakes {}.",
        slice.value(it.before),
        slice.value(it.after),
        it.winner,
        it.loser
    )
}

fn own_notes(loaded: &Loaded, points: &[Finished]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for point in &loaded.points {
        let validation = validation_of(&point.scenario.machine.profile);
        if !notes.contains(&validation) {
            notes.push(validation);
        }
    }
    let fewest = points.iter().map(Finished::replications).min().unwrap_or(0);
    notes.push(match fewest {
        0 | 1 => "One replication: no interval is known (±?), and no difference is proved. Set \
                  run.replications to 5 or more."
            .to_owned(),
        _ => "±: 95 % interval (Student's t) over the replications. lead: throughput above the \
              next best server's, from replications that share their random streams."
            .to_owned(),
    });
    let counted = [
        (
            points.iter().filter(|point| !point.steady).count(),
            UNSTEADY,
        ),
        (
            points
                .iter()
                .filter(|point| point.precise == Some(false))
                .count(),
            IMPRECISE,
        ),
    ];
    let said = counted.iter().filter(|(count, _)| *count > 0);
    notes.extend(said.map(|(count, what)| format!("{count} of {} points {what}", points.len())));
    notes
}

const UNSTEADY: &str = "had not become steady: the first half of each run was left out; make \
                        run.duration longer.";
const IMPRECISE: &str = "did not reach run.precision within run.max_replications.";
