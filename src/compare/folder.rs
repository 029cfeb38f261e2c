//! A folder that a run wrote: `results.csv` and `run.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::Failure;

/// The column between the axes' and the replications'.
const SERVER: &str = "server";
const REPLICATION: &str = "replication";

/// Figures of a run by their columns' names; those that there are.
pub(super) type Figures = BTreeMap<String, f64>;

/// What was run: the axes' values, then the server's name.
pub(super) type Subject = (Vec<String>, String);

/// A run's results.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Columns of `results.csv`.
    columns: Vec<String>,
    /// Names of the axes.
    pub(super) axes: Vec<String>,
    /// What was run, in the file's order, with the figures of each replication.
    pub(super) runs: Vec<(Subject, BTreeMap<u32, Figures>)>,
    /// `run.json`.
    pub(super) record: Value,
}

impl Folder {
    /// Reads it.
    ///
    /// # Errors
    /// A file is missing, or not as `run` writes it.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let results = read(&path.join("results.csv"))?;
        let file = path.join("run.json");
        let record = serde_json::from_str(&read(&file)?).map_err(|error| {
            refused(&file, &format!("is not as laiosim run writes it: {error}"))
        })?;
        let mut folder = Self {
            path: path.to_owned(),
            columns: Vec::new(),
            axes: Vec::new(),
            runs: Vec::new(),
            record,
        };
        folder.take_results(&path.join("results.csv"), &results)?;
        Ok(folder)
    }

    fn take_results(&mut self, file: &Path, text: &str) -> Result<(), Failure> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let wrong = |error: &dyn std::fmt::Display| refused(file, &error.to_string());
        let columns = reader.headers().map_err(|error| wrong(&error))?;
        self.columns = columns.iter().map(str::to_owned).collect();
        let server = self.columns.iter().position(|column| column == SERVER);
        let server =
            server.filter(|at| self.columns.get(at + 1).is_some_and(|it| it == REPLICATION));
        let server = server.ok_or_else(|| {
            wrong(&"has no columns \"server\" and \"replication\": is it of laiosim run?")
        })?;
        self.axes = self.columns[..server].to_vec();
        for row in reader.records() {
            let row = row.map_err(|error| wrong(&error))?;
            self.take_row(server, &row)
                .map_err(|message| wrong(&format!("row {}: {message}", line(&row))))?;
        }
        match self.runs.is_empty() {
            true => Err(wrong(&"has no rows: no run is complete")),
            false => Ok(()),
        }
    }

    fn take_row(&mut self, server: usize, row: &csv::StringRecord) -> Result<(), String> {
        let cells: Vec<&str> = row.iter().collect();
        let replication: u32 = cells[server + 1]
            .parse()
            .map_err(|_| format!("\"{}\" is no replication", cells[server + 1]))?;
        let mut figures = Figures::new();
        for (column, cell) in self.columns.iter().zip(&cells).skip(server + 2) {
            if !cell.is_empty() {
                let number = cell.parse().ok().filter(|number: &f64| number.is_finite());
                let number = number.ok_or_else(|| format!("{column}: \"{cell}\" is no number"))?;
                figures.insert(column.clone(), number);
            }
        }
        let axes = cells[..server].iter().map(|&value| value.to_owned());
        let subject = (axes.collect(), cells[server].to_owned());
        let known = self.runs.iter().position(|(other, _)| *other == subject);
        let at = known.unwrap_or_else(|| {
            self.runs.push((subject, BTreeMap::new()));
            self.runs.len() - 1
        });
        match self.runs[at].1.insert(replication, figures) {
            None => Ok(()),
            Some(_) => Err(format!("replication {replication} is there twice")),
        }
    }

    /// Whether both have the same columns.
    ///
    /// # Errors
    /// They have not: which ones.
    pub(super) fn check_columns(&self, other: &Self) -> Result<(), Failure> {
        if self.columns == other.columns {
            return Ok(());
        }
        let only = |one: &Self, other: &Self| {
            let columns = one.columns.iter();
            let columns = columns.filter(|column| !other.columns.contains(column));
            let columns: Vec<&str> = columns.map(String::as_str).collect();
            (!columns.is_empty())
                .then(|| format!("only {} has {}", one.path.display(), columns.join(", ")))
        };
        let reasons: Vec<String> = [only(self, other), only(other, self)]
            .into_iter()
            .flatten()
            .collect();
        let reasons = match reasons.is_empty() {
            true => "their order differs".to_owned(),
            false => reasons.join("; "),
        };
        Err(Failure::Refused(format!(
            "results.csv: the columns differ: {reasons}; compare runs with the same axes, of the \
             same version"
        )))
    }

    /// The seed of its random streams.
    pub(super) fn seed(&self) -> Option<u64> {
        self.record["seed"].as_u64()
    }

    /// What it is, in a line.
    pub(super) fn describe(&self) -> String {
        let title = self.record["title"].as_str().unwrap_or("no title");
        let cut = match self.record["complete"].as_bool() {
            Some(false) => " CUT SHORT: not all runs are complete.",
            _ => "",
        };
        format!("{} ({title}).{cut}", self.path.display())
    }
}

fn line(row: &csv::StringRecord) -> u64 {
    row.position().map_or(0, csv::Position::line)
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| {
        refused(
            file,
            &format!("cannot be read: {error}; compare takes folders of laiosim run -o"),
        )
    })
}

fn refused(file: &Path, message: &str) -> Failure {
    Failure::Refused(format!("{}: {message}", file.display()))
}
