//! What is written: `results.csv`, `summary.csv`, `run.json`.
//!
//! Their bytes depend on the scenario, the overrides and the program alone: not on the number of
//! threads, the folder or the time.

use std::collections::BTreeMap;
use std::path::Path;

use output::files::{OutputDir, OutputError};
use serde_json::{Value, json};
use sim::scenario::load::{Loaded, Point};

use super::figure::Figure;
use super::results::Results;
use crate::failure::Failure;

const RESULTS: &str = "results.csv";
const SUMMARY: &str = "summary.csv";
const RUN: &str = "run.json";

/// The commit that the program was built from, where the build says so in `LAIOSIM_COMMIT`.
const COMMIT: Option<&str> = option_env!("LAIOSIM_COMMIT");

/// The folder `path`, ready to be written to.
///
/// # Errors
/// It cannot be: better found out before the runs than after them.
pub(super) fn prepare(path: &Path) -> Result<OutputDir, Failure> {
    let folder = OutputDir::create(path).map_err(|error| Failure::Refused(error.to_string()))?;
    for name in [RESULTS, SUMMARY, RUN] {
        let file = path.join(name);
        if file.is_dir() {
            let message = "is a folder, where a file is to be written; choose another -o";
            return Err(Failure::Refused(format!("{}: {message}", file.display())));
        }
    }
    Ok(folder)
}

/// What is to be recorded.
pub(super) struct Record<'a> {
    /// The scenario.
    pub(super) loaded: &'a Loaded,
    /// Its results.
    pub(super) results: &'a Results,
    /// The scenario's file, as the command line has it.
    pub(super) scenario: &'a Path,
    /// What the command line puts in the place of the scenario's keys.
    pub(super) overrides: &'a [(String, String)],
}

impl Record<'_> {
    /// Writes the three files.
    ///
    /// # Errors
    /// One cannot be written.
    pub(super) fn write(&self, folder: &OutputDir) -> Result<(), OutputError> {
        self.write_results(folder)?;
        self.write_summary(folder)?;
        folder.json(RUN, &self.run())?;
        Ok(())
    }

    /// A row per point, replication and server: the axes' values, then every figure.
    fn write_results(&self, folder: &OutputDir) -> Result<(), OutputError> {
        let figures = Figure::all().map(Figure::name);
        let headers = ["server", "replication"].map(str::to_owned);
        let headers = self.axes().into_iter().chain(headers).chain(figures);
        let mut file = folder.csv(RESULTS, headers)?;
        for (point, compared) in self.loaded.points.iter().zip(&self.results.points) {
            for replication in 0..compared.planned {
                for of in &compared.servers {
                    if let Some(values) = &of.runs[replication as usize] {
                        let run = [of.server.name().to_owned(), replication.to_string()];
                        let row = values_of(point).chain(run);
                        file.row(row.chain(values.iter().map(number)))?;
                    }
                }
            }
        }
        file.commit()?;
        Ok(())
    }

    /// A row per point, server and figure: its mean and interval over the replications.
    fn write_summary(&self, folder: &OutputDir) -> Result<(), OutputError> {
        let columns = [
            "server",
            "metric",
            "mean",
            "half_width_95",
            "replications",
            "complete",
        ];
        let headers = self.axes().into_iter().chain(columns.map(str::to_owned));
        let mut file = folder.csv(SUMMARY, headers)?;
        for (point, compared) in self.loaded.points.iter().zip(&self.results.points) {
            for of in &compared.servers {
                for figure in Figure::all() {
                    let estimate = of.estimate(figure);
                    let cells = [
                        of.server.name().to_owned(),
                        figure.name(),
                        number(estimate.map(|estimate| estimate.mean)),
                        number(estimate.and_then(|estimate| estimate.half_width)),
                        of.samples(figure).len().to_string(),
                        (of.done() == of.runs.len()).to_string(),
                    ];
                    file.row(values_of(point).chain(cells))?;
                }
            }
        }
        file.commit()?;
        Ok(())
    }

    /// What is needed to run it again.
    fn run(&self) -> Value {
        let first = &self.loaded.points[0].scenario;
        let overrides: Vec<Value> = self
            .overrides
            .iter()
            .map(|(key, value)| json!({ "key": key, "value": value }))
            .collect();
        json!({
            "program": "laiosim",
            "version": env!("CARGO_PKG_VERSION"),
            "commit": COMMIT,
            "command": self.command(),
            "title": self.loaded.title,
            "scenario": { "file": self.scenario.to_string_lossy(), "text": self.loaded.text },
            "overrides": overrides,
            "seed": first.run.seed,
            "points": self.points(),
            "profiles": self.profiles(),
            "complete": !self.results.is_cut(),
            "runs": { "planned": self.results.runs_planned(), "complete": self.results.done() },
        })
    }

    /// The command line, without what changes no figure.
    fn command(&self) -> Vec<String> {
        let scenario = self.scenario.to_string_lossy().into_owned();
        let mut words = vec!["laiosim".to_owned(), "run".to_owned(), scenario];
        for (key, value) in self.overrides {
            words.extend(["--set".to_owned(), format!("{key}={value}")]);
        }
        words
    }

    fn points(&self) -> Vec<Value> {
        let loaded = self.loaded;
        let points = loaded.points.iter().zip(&loaded.workloads);
        let points = points.zip(&self.results.points);
        points
            .map(|((point, workload), compared)| {
                let axes: BTreeMap<&String, &String> = point
                    .values
                    .iter()
                    .map(|(key, value)| (key, value))
                    .collect();
                json!({
                    "axes": axes,
                    "profile": point.scenario.machine.profile,
                    "disk": point.scenario.machine.disk,
                    "workload": workload.title,
                    "requests": workload.requests,
                    "seed": point.scenario.run.seed,
                    "replications": compared.planned,
                    "complete": !compared.is_cut(),
                })
            })
            .collect()
    }

    /// Every machine profile in full, with its provenance, by its name in the scenario.
    fn profiles(&self) -> BTreeMap<&str, Value> {
        let profiles = self.loaded.points.iter().map(|point| {
            let profile = serde_json::to_value(&*point.profile);
            let name = point.scenario.machine.profile.as_str();
            (
                name,
                profile.expect("a profile is names, texts and numbers"),
            )
        });
        profiles.collect()
    }

    fn axes(&self) -> Vec<String> {
        let values = &self.loaded.points[0].values;
        values.iter().map(|(key, _)| key.clone()).collect()
    }
}

fn values_of(point: &Point) -> impl Iterator<Item = String> {
    point.values.iter().map(|(_, value)| value.clone())
}

/// The shortest text that reads back as the same number; nothing for none.
fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
