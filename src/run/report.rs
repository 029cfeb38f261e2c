//! Everything that is shown.

use sim::scenario::Scenario;
use sim::scenario::experiment::PointRuns;
use sim::scenario::keys::Start;
use sim::scenario::load::{Loaded, Point};
use sim::scenario::profiles::validation_of;

use super::outcome::Outcome;
use super::{chart, headline, steady, table};
use crate::figures::label;
use crate::screen;
use crate::stop::Cut;

/// What the results of a point say, in sentences.
pub(super) fn says(point: &Point, runs: &PointRuns) -> Vec<String> {
    let mut sentences = headline::sentences(runs);
    sentences.extend(steady::sentences(point, runs));
    sentences
}

/// The tables and the chart of a point; nothing where nothing was run.
pub(super) fn tables(runs: &PointRuns, full: bool) -> String {
    if runs.done() == 0 {
        return String::new();
    }
    let tables = table::comparison(runs, full, screen::wide());
    format!("{tables}\n{}", chart::throughput(runs))
}

/// The whole text: what was run, each point, notes.
pub(super) fn whole(loaded: &Loaded, outcome: &Outcome, notes: &[String]) -> String {
    let mut text = screen::prose(&loaded.title, &preamble(loaded, outcome));
    for done in &outcome.points {
        let values = &loaded.points[done.runs.point].values;
        let heading = match values.is_empty() {
            true => "Comparison".to_owned(),
            false => label(values),
        };
        text += &format!("\n{}", screen::prose(&heading, &done.says));
        if !done.shown.is_empty() {
            text += &format!("\n{}", done.shown);
        }
        if !done.paper.is_empty() {
            text += &format!(
                "\n{}",
                super::paper::table(&done.paper).render(screen::wide())
            );
        }
    }
    text + "\n" + &screen::prose("Notes", notes)
}

/// What `of` says of the points, each thing once.
fn distinct(loaded: &Loaded, of: impl Fn(&Scenario) -> String) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for point in &loaded.points {
        let text = of(&point.scenario);
        if !said.contains(&text) {
            said.push(text);
        }
    }
    said
}

fn preamble(loaded: &Loaded, outcome: &Outcome) -> Vec<String> {
    let each = |of: fn(&Scenario) -> String| distinct(loaded, of).join(" / ");
    let mut lines = vec![format!(
        "Requests: {}. Clients: {}. Start: {}. Machine: {}. Disk: {}.",
        requests(loaded),
        each(clients),
        each(|scenario| scenario.run.start.name().to_owned()),
        each(|scenario| scenario.machine.profile.clone()),
        each(|scenario| scenario.machine.disk.clone()),
    )];
    if let Some(cut) = outcome.cut {
        let why = match cut {
            Cut::Interrupted => "CUT SHORT",
            Cut::TimeLimit => "CUT SHORT by --time-limit",
        };
        lines.push(format!(
            "{why}: {} of {} runs are complete, and only they are shown.",
            outcome.done(),
            outcome.planned
        ));
    }
    lines
}

fn requests(loaded: &Loaded) -> String {
    let mut requests: Vec<String> = Vec::new();
    for workload in &loaded.workloads {
        requests.push(match workload.played {
            Some((sessions, requests)) => format!("{requests} in {sessions} sequences"),
            None => "without end".to_owned(),
        });
    }
    requests.dedup();
    requests.join(" / ")
}

fn clients(scenario: &Scenario) -> String {
    match scenario.workload.clients {
        Some(clients) => clients.to_string(),
        None => "one for each session that arrives".to_owned(),
    }
}

/// What a reader must know to trust the figures.
pub(super) fn notes(loaded: &Loaded, outcome: &Outcome) -> Vec<String> {
    let mut notes = distinct(loaded, |scenario| match scenario.run.start {
        Start::Cold => "Cold start: the caches are empty at the first request.".to_owned(),
        Start::Warm => "Warm start: the whole experiment was played once before, unmeasured, and \
                        left its pages and names in the caches."
            .to_owned(),
    });
    notes.extend(distinct(loaded, |scenario| {
        match scenario.run.duration {
            None => "The figures span the first request to the last response; nothing is left out.",
            Some(_) => "",
        }
        .to_owned()
    }));
    notes.extend(distinct(loaded, |scenario| {
        intervals(scenario, outcome.cut.is_some())
    }));
    notes.push(
        "Quantiles are those of all replications' requests together, shown where each replication \
         has 100 or more beyond them."
            .to_owned(),
    );
    notes.extend(distinct(loaded, |scenario| {
        validation_of(&scenario.machine.profile)
    }));
    notes.retain(|note| !note.is_empty());
    notes
}

fn intervals(scenario: &Scenario, cut: bool) -> String {
    let (run, complete) = (
        &scenario.run,
        if cut { "the complete ones of " } else { "" },
    );
    let number = match run.precision {
        Some(_) => "the".to_owned(),
        None => run.replications.to_string(),
    };
    match (run.replications, run.precision) {
        (1, None) => format!(
            "One replication (seed {}): no interval is known (±?), and no difference is \
             proved. Set run.replications to 5 or more.",
            run.seed
        ),
        _ => format!(
            "±: 95 % interval (Student's t) over {complete}{number} replications (seed {}), which \
             differ in file placement, the disk's initial phase, which client plays which \
             sequence and what is drawn. It does not cover other days of traffic. No ±: the same \
             in every replication.",
            run.seed
        ),
    }
}
