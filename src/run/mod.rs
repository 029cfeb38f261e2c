//! `laiosim run`: simulates the servers of a scenario and compares them.

mod args;
mod cells;
mod chart;
mod files;
#[cfg(test)]
pub(crate) mod fixture;
mod headline;
mod outcome;
mod paper;
mod record;
mod report;
mod requests;
mod rows;
mod steady;
mod table;
mod targets;
mod timeline;
mod topics;
mod why;

use std::path::PathBuf;
use std::process::ExitCode;

use sim::scenario::load::{Loaded, Overrides, load};

pub(crate) use args::{RunArgs, key_and_value};
pub(crate) use record::COMMIT;

use crate::failure::Failure;
use crate::screen;
use crate::stop::{self, Stop};
use outcome::{How, Outcome};
use record::Record;
use targets::Targets;

/// Loads, runs, writes, shows.
///
/// # Errors
/// The scenario or an argument is wrong, or the results cannot be written.
pub(crate) fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let overrides = args.overrides();
    let loaded = load(&args.scenario, &Overrides::of_keys(&overrides))?;
    let mut targets = Targets::prepare(args, &loaded)?;
    let stop = Stop::new(args.time_limit())?;
    let mut notes = Vec::new();
    let mut paths = Vec::new();
    if let Some(file) = targets.timeline.take() {
        let timelines = timeline::record(&loaded, args.threads(), &stop, args.timeline_spans);
        notes.extend(timeline::missing(&loaded, &timelines));
        notes.extend(timeline::left_out(&timelines));
        paths.push(timeline::write(file, &timelines).map_err(|error| Failure::writing(&error))?);
    }
    let outcome = simulate(args, &loaded, &mut targets, &stop)?;
    notes.splice(0..0, report::notes(&loaded, &outcome));
    let record = Record {
        loaded: &loaded,
        outcome: &outcome,
        scenario: &args.scenario,
        overrides: &overrides,
    };
    paths.extend(write(targets, &record)?);
    show(args, &record, &notes, &paths)?;
    Ok(stop::exit_code(outcome.cut))
}

fn simulate(
    args: &RunArgs,
    loaded: &Loaded,
    targets: &mut Targets,
    stop: &Stop,
) -> Result<Outcome, Failure> {
    let how = How {
        threads: args.threads(),
        stop,
        requests: targets.requests.as_mut(),
        figures: targets.folder.is_some() && loaded.points.len() <= files::PLOTTED,
        full: args.full,
    };
    Outcome::of(loaded, how).map_err(|error| Failure::writing(&error))
}

/// Gives every file its name; their paths.
fn write(targets: Targets, record: &Record<'_>) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    let failed = |error| Failure::writing(&error);
    if let Some(file) = targets.requests {
        paths.push(file.commit().map_err(failed)?);
    }
    if let Some(folder) = &targets.folder {
        paths.extend(files::write(folder, record).map_err(failed)?);
    }
    Ok(paths)
}

/// Shows the results; what was written is told where it does not disturb them.
fn show(
    args: &RunArgs,
    record: &Record<'_>,
    notes: &[String],
    paths: &[PathBuf],
) -> Result<(), Failure> {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if args.json {
        paths.iter().for_each(|path| eprintln!("written: {path}"));
        return screen::show(&format!("{:#}\n", record.whole(notes)));
    }
    let mut text = report::whole(record.loaded, record.outcome, notes);
    if !paths.is_empty() {
        text += "\n";
        text += &screen::prose("Written", &paths);
    }
    screen::show(&text)
}
