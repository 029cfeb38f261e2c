//! The sweep's folder: a file per finished point, and what is made of them at the end.
//!
//! Every file appears whole or not at all, so the folder can be taken up again however the program
//! ended. One program at a time writes to it.

use std::fs;
use std::path::{Path, PathBuf};

use output::files::{OutputDir, OutputError};
use serde_json::Value;

use super::identity::{self, Identity};
use super::point::Finished;
use super::tables::{RESULTS, SUMMARY, SWEEP};
use crate::failure::Failure;

const POINTS: &str = "points";
const PLOTS: &str = "plots";

/// What else a folder may hold that a sweep would replace: the record of `laiosim run`.
const RUN: &str = "run.json";

/// A folder of a sweep.
pub(super) struct Folder {
    /// For the tables.
    pub(super) top: OutputDir,
    points: OutputDir,
    /// For the figures.
    pub(super) plots: OutputDir,
    sweep: String,
}

/// What is known of a point.
pub(super) enum Stored {
    /// It is to be computed.
    Missing,
    /// It is to be computed again: its file is damaged.
    Damaged,
    /// It is finished.
    Whole(Box<Finished>),
}

impl Folder {
    /// The folder `path` for the sweep `identity`; with `force_new` without what is in it.
    ///
    /// # Errors
    /// It holds something else, or cannot be written to.
    pub(super) fn open(path: &Path, identity: &Identity, force_new: bool) -> Result<Self, Failure> {
        if force_new {
            clear(path).map_err(|error| refused(path, &error.to_string()))?;
        } else if let Some(why) = occupied(path, identity) {
            let way_out = "use another -o, or --force-new to replace what is in it";
            return Err(refused(path, &format!("{why}; {way_out}")));
        }
        let create = |path: PathBuf| {
            OutputDir::create(path).map_err(|error| Failure::Refused(error.to_string()))
        };
        let folder = Self {
            top: create(path.to_owned())?,
            points: create(path.join(POINTS))?,
            plots: create(path.join(PLOTS))?,
            sweep: identity::fingerprint(identity),
        };
        folder.drop_unfinished();
        Ok(folder)
    }

    /// What is known of the point `index`.
    pub(super) fn point(&self, index: usize) -> Stored {
        let Ok(bytes) = fs::read(self.points.path().join(name(index))) else {
            return Stored::Missing;
        };
        let text = String::from_utf8(bytes).ok();
        let read = text.and_then(|text| Finished::from_text(&text, &self.sweep, index));
        read.map_or(Stored::Damaged, |point| Stored::Whole(Box::new(point)))
    }

    /// Keeps a finished point.
    ///
    /// # Errors
    /// Its file cannot be written.
    pub(super) fn store(&self, point: &Finished) -> Result<(), OutputError> {
        self.points.text(&name(point.index), &point.to_text())?;
        Ok(())
    }

    /// The fingerprint of the sweep.
    pub(super) fn sweep(&self) -> &str {
        &self.sweep
    }

    /// Removes what a program that was killed had begun to write, under temporary names.
    fn drop_unfinished(&self) {
        let begun = [RESULTS, SUMMARY, SWEEP].map(|name| format!(".{name}."));
        remove(self.top.path(), |name| {
            begun.iter().any(|begin| name.starts_with(begin))
        });
        for folder in [&self.points, &self.plots] {
            remove(folder.path(), |name| name.starts_with('.'));
        }
    }
}

/// Removes the files whose names are `unwanted`, as far as possible: one that stays is only a file
/// too many.
fn remove(folder: &Path, unwanted: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if unwanted(&entry.file_name().to_string_lossy()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The name of a point's file, in `points/`.
pub(super) fn name(index: usize) -> String {
    format!("{index:05}.json")
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::Refused(format!("{}: {why}", path.display()))
}

/// Why the folder cannot be used for `identity`, if it cannot.
fn occupied(path: &Path, identity: &Identity) -> Option<String> {
    if !path.join(SWEEP).exists() {
        let others = [RESULTS, SUMMARY, RUN, POINTS, PLOTS];
        let other = others.iter().find(|name| holds(&path.join(name)))?;
        return Some(format!(
            "holds {other}, and no {SWEEP} that says whose it is"
        ));
    }
    match recorded(path) {
        None => Some(format!("its {SWEEP} cannot be read")),
        Some(there) => identity::differences(&there, identity)
            .map(|differences| format!("holds a different sweep ({differences})")),
    }
}

/// Whether there is a file, or a folder with anything in it: empty ones are left by a program that
/// was killed at once.
fn holds(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => path.exists(),
    }
}

fn recorded(path: &Path) -> Option<Identity> {
    let text = fs::read_to_string(path.join(SWEEP)).ok()?;
    let mut record: Value = serde_json::from_str(&text).ok()?;
    serde_json::from_value(record["identity"].take()).ok()
}

/// Removes everything that a sweep writes; its record last, so that what is left by a program that
/// is killed here is still that sweep's.
fn clear(path: &Path) -> std::io::Result<()> {
    for (folder, ending) in [(POINTS, "json"), (PLOTS, "svg")] {
        for entry in fs::read_dir(path.join(folder)).into_iter().flatten() {
            let file = entry?.path();
            if file
                .extension()
                .is_some_and(|extension| extension == ending)
            {
                fs::remove_file(file)?;
            }
        }
    }
    for name in [RESULTS, SUMMARY, SWEEP] {
        match fs::remove_file(path.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
