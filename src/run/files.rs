//! What is written into the folder: `results.csv`, `summary.csv`, `run.json`, plots.
//!
//! Their bytes depend on the scenario, the overrides and the program alone: not on the number of
//! threads, the folder or the time.

use std::path::PathBuf;

use output::files::{OutputDir, OutputError};
use sim::scenario::load::Loaded;

use super::outcome::Outcome;
use super::record::Record;
use crate::{figures, tidy};

const RESULTS: &str = "results.csv";
const SUMMARY: &str = "summary.csv";
const RUN: &str = "run.json";

/// Files that are always written.
pub(super) const NAMES: [&str; 3] = [RESULTS, SUMMARY, RUN];

/// Points up to which each gets plots of its own: ours, a page of an index.
pub(super) const PLOTTED: usize = 24;

/// Writes everything; the paths of what was written.
///
/// # Errors
/// Something cannot be written.
pub(super) fn write(folder: &OutputDir, record: &Record<'_>) -> Result<Vec<PathBuf>, OutputError> {
    let (loaded, outcome) = (record.loaded, record.outcome);
    let mut paths = vec![
        results(folder, loaded, outcome)?,
        summary(folder, loaded, outcome)?,
        folder.json(RUN, &record.run())?,
    ];
    let at_points = outcome.points.iter().flat_map(|done| &done.figures);
    let across = figures::across(loaded, &outcome.runs());
    for (name, svg) in at_points.chain(&across) {
        paths.push(folder.text(name, svg)?);
    }
    Ok(paths)
}

fn results(folder: &OutputDir, loaded: &Loaded, outcome: &Outcome) -> Result<PathBuf, OutputError> {
    let mut file = folder.csv(RESULTS, tidy::results_headers(&loaded.axes))?;
    for runs in outcome.runs() {
        for row in tidy::results_rows(&loaded.points[runs.point], runs) {
            file.row(row)?;
        }
    }
    file.commit()
}

fn summary(folder: &OutputDir, loaded: &Loaded, outcome: &Outcome) -> Result<PathBuf, OutputError> {
    let mut file = folder.csv(SUMMARY, tidy::summary_headers(&loaded.axes))?;
    for done in &outcome.points {
        let point = &loaded.points[done.runs.point];
        for row in tidy::rows_of(point, &done.summaries) {
            file.row(row)?;
        }
    }
    file.commit()
}
