//! `--requests`: a row for every request.

use std::path::PathBuf;

use output::files::{CsvFile, OutputError};
use sim::run::RequestRecord;
use sim::scenario::experiment::PointRuns;
use sim::scenario::load::Point;
use sim::server::script::Asked;

use super::targets::File;
use crate::tidy::axes_of;

const COLUMNS: [&str; 10] = [
    "server",
    "replication",
    "client",
    "session",
    "index",
    "object",
    "asked",
    "sent_s",
    "response_ms",
    "fate",
];

/// The file, as long as it is being written.
pub(super) struct RequestsFile(CsvFile);

impl RequestsFile {
    /// Starts it.
    ///
    /// # Errors
    /// It cannot be written to.
    pub(super) fn start(file: &File, axes: &[String]) -> Result<Self, OutputError> {
        let columns = COLUMNS.map(str::to_owned);
        let headers = axes.iter().cloned().chain(columns);
        Ok(Self(file.csv(headers.collect())?))
    }

    /// Adds the requests of a point, in the order of `results.csv`, and of each run in the order
    /// in which they ended.
    ///
    /// # Errors
    /// They cannot be written.
    pub(super) fn add(&mut self, point: &Point, runs: &PointRuns) -> Result<(), OutputError> {
        let replications = runs.servers.iter().map(|of| of.runs.len()).max();
        for replication in 0..replications.unwrap_or(0) {
            for of in &runs.servers {
                let run = of.runs.get(replication).and_then(Option::as_ref);
                let records = run.and_then(|run| run.records.as_ref());
                for record in records.into_iter().flatten() {
                    let head = [of.server.name(), replication.to_string()];
                    let row = axes_of(point).chain(head).chain(cells(record));
                    self.0.row(row)?;
                }
            }
        }
        Ok(())
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn commit(self) -> Result<PathBuf, OutputError> {
        self.0.commit()
    }
}

fn cells(record: &RequestRecord) -> [String; 8] {
    let asked = match record.request.asked {
        Asked::Whole => "whole",
        Asked::NotModified => "not_modified",
        Asked::Missing => "missing",
    };
    [
        record.client.to_string(),
        record.session.to_string(),
        record.index.to_string(),
        record.request.object.to_string(),
        asked.to_owned(),
        record.sent_at.as_secs_f64().to_string(),
        record.response_time.as_millis_f64().to_string(),
        record.fate.name().to_owned(),
    ]
}
