//! `results.csv`, `summary.csv` and `sweep.json`, written from the points' files in their order:
//! the bytes do not depend on how often the sweep was interrupted, nor on the threads.

use std::collections::BTreeMap;
use std::path::Path;

use output::files::OutputError;
use serde_json::{Value, json};
use sim::scenario::load::{Loaded, Overrides};
use sim::scenario::profiles::validation_of;

use super::folder::{Folder, Stored, name};
use super::identity::{self, Identity};
use super::point::Finished;
use crate::failure::Failure;
use crate::run::COMMIT;
use crate::tidy;

pub(super) const RESULTS: &str = "results.csv";
pub(super) const SUMMARY: &str = "summary.csv";
pub(super) const SWEEP: &str = "sweep.json";

/// Writes the tables; the points, without their rows.
///
/// # Errors
/// A table cannot be written, or a point's file has gone.
pub(super) fn write(folder: &Folder, loaded: &Loaded) -> Result<Vec<Finished>, Failure> {
    let writing = |error: OutputError| Failure::writing(&error);
    let headers = tidy::results_headers(&loaded.axes);
    let mut results = folder.top.csv(RESULTS, headers).map_err(writing)?;
    let headers = tidy::summary_headers(&loaded.axes);
    let mut summary = folder.top.csv(SUMMARY, headers).map_err(writing)?;
    let mut points = Vec::new();
    for index in 0..loaded.points.len() {
        let Stored::Whole(mut point) = folder.point(index) else {
            let gone = format!("points/{} is no longer there", name(index));
            return Err(Failure::Broken(gone));
        };
        for row in std::mem::take(&mut point.results) {
            results.row(row).map_err(writing)?;
        }
        for row in std::mem::take(&mut point.summary) {
            summary.row(row).map_err(writing)?;
        }
        points.push(*point);
    }
    results.commit().map_err(writing)?;
    summary.commit().map_err(writing)?;
    Ok(points)
}

/// What is needed to make the sweep again.
pub(super) struct Record<'a> {
    /// The sweep.
    pub(super) loaded: &'a Loaded,
    /// The scenario's file, as the command line has it.
    pub(super) scenario: &'a Path,
    /// What the command line puts in the place of the scenario's keys.
    pub(super) overrides: &'a Overrides,
    /// What its results depend on.
    pub(super) identity: &'a Identity,
}

impl Record<'_> {
    /// Writes `sweep.json`; `points` are the finished ones once all are.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(
        &self,
        folder: &Folder,
        points: Option<&[Finished]>,
    ) -> Result<(), Failure> {
        let record = self.value(points);
        let written = folder.top.json(SWEEP, &record);
        written.map_err(|error| Failure::writing(&error))?;
        Ok(())
    }

    fn value(&self, points: Option<&[Finished]>) -> Value {
        let loaded = self.loaded;
        let axes = loaded.axes.iter().enumerate();
        let axes: BTreeMap<&String, Vec<String>> = axes
            .map(|(index, axis)| (axis, identity::values(loaded, index)))
            .collect();
        json!({
            "program": "laiosim",
            "version": env!("CARGO_PKG_VERSION"),
            "commit": COMMIT,
            "command": self.command(),
            "title": loaded.title,
            "scenario": { "file": self.scenario.to_string_lossy(), "text": loaded.text },
            "overrides": { "keys": self.overrides.keys, "axes": self.overrides.axes },
            "axes": axes,
            "seed": loaded.points[0].scenario.run.seed,
            "identity": self.identity,
            "fingerprint": identity::fingerprint(self.identity),
            "profiles": self.profiles(),
            "complete": points.is_some(),
            "points": self.points(points.unwrap_or_default()),
        })
    }

    /// The command line, without what changes no figure.
    fn command(&self) -> Vec<String> {
        let scenario = self.scenario.to_string_lossy().into_owned();
        let mut words = vec!["laiosim".to_owned(), "sweep".to_owned(), scenario];
        let options = [
            ("--axis", &self.overrides.axes),
            ("--set", &self.overrides.keys),
        ];
        for (option, pairs) in options {
            for (key, value) in pairs {
                words.extend([option.to_owned(), format!("{key}={value}")]);
            }
        }
        words
    }

    /// Every machine profile in full with its provenance, and whether it was validated.
    fn profiles(&self) -> BTreeMap<&str, Value> {
        let profiles = self.loaded.points.iter().map(|point| {
            let name = point.scenario.machine.profile.as_str();
            let profile = json!({ "profile": &*point.profile, "validation": validation_of(name) });
            (name, profile)
        });
        profiles.collect()
    }

    fn points(&self, finished: &[Finished]) -> Vec<Value> {
        let points = self.loaded.points.iter().zip(&self.loaded.workloads);
        let points = points.zip(finished);
        points
            .map(|((point, workload), finished)| {
                let axes: BTreeMap<&str, &str> = axes_of(finished).collect();
                json!({
                    "file": format!("points/{}", name(finished.index)),
                    "axes": axes,
                    "profile": point.scenario.machine.profile,
                    "disk": point.scenario.machine.disk,
                    "workload": workload.title,
                    "seed": point.scenario.run.seed,
                    "replications": finished.replications(),
                    "left_out_share": finished.warm_up,
                    "steady": finished.steady,
                    "precise": finished.precise,
                })
            })
            .collect()
    }
}

fn axes_of(point: &Finished) -> impl Iterator<Item = (&str, &str)> {
    point
        .values
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
}
