//! A scenario that extends another: the other's keys hold where it does not set them.
//!
//! The files are parsed as if their texts stood one behind the other: so the place of a key or
//! value tells in which of them it stands.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::{DeTable, DeValue, Deserializer, Error};
use toml::{Spanned, Table};

use super::Scenario;
use super::error::{ScenarioError, blamed_key, line_at, with_suggestion};
use super::profiles::SHIPPED;
use crate::machine::disk::DiskProfile;

/// A scenario's file and those that it extends, itself first.
pub(super) struct Files {
    files: Vec<File>,
}

struct File {
    path: PathBuf,
    text: String,
    /// Its folder, as seen from the scenario's own.
    folder: PathBuf,
    /// The text behind as many line ends as the files before have bytes.
    behind: String,
}

impl File {
    fn read(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ScenarioError::of_file(path, format!("cannot read the scenario: {error}"))
        })?;
        Ok(Self {
            path: path.to_owned(),
            folder: PathBuf::new(),
            behind: text.clone(),
            text,
        })
    }

    fn parse(&self) -> Result<Spanned<DeTable<'_>>, ScenarioError> {
        DeTable::parse(&self.text)
            .map_err(|error| ScenarioError::of_toml(&self.path, &self.text, &error))
    }

    /// Its keys at their places among the files.
    fn parse_behind(&self) -> Spanned<DeTable<'_>> {
        let mut root = DeTable::parse(&self.behind).expect("it was parsed when it was read");
        move_paths(root.get_mut(), &self.folder);
        root
    }

    /// What it extends, as it says so.
    fn extends(&self) -> Result<Option<String>, ScenarioError> {
        let root = self.parse()?;
        let parent = root.get_ref().get("extends");
        Ok(parent.and_then(|name| name.get_ref().as_str().map(str::to_owned)))
    }

    /// Where it begins among the files.
    fn begins(&self) -> usize {
        self.behind.len() - self.text.len()
    }

    fn error(&self, path: &[&str], message: impl std::fmt::Display) -> ScenarioError {
        ScenarioError::of_key(&self.path, &self.text, path, message)
    }

    /// Whether the key at `path` stands in it.
    fn has(&self, path: &[&str]) -> bool {
        let Ok(root) = DeTable::parse(&self.text) else {
            return false;
        };
        find(root.get_ref(), path).is_some()
    }
}

impl Files {
    /// Reads the scenario at `path` and what it extends.
    ///
    /// # Errors
    /// A file that cannot be read or is no TOML; files that extend each other in a circle.
    pub(super) fn read(path: &Path) -> Result<Self, ScenarioError> {
        let mut files = vec![File::read(path)?];
        loop {
            let last = files.last().expect("one was read");
            let Some(parent) = last.extends()? else {
                return Ok(Self { files });
            };
            let path = folder_of(&last.path).join(&parent);
            let mut file = File::read(&path).map_err(|error| {
                let message = format!("cannot extend {}: {}", path.display(), error.message);
                last.error(&["extends"], message)
            })?;
            if files.iter().any(|other| is_same(&other.path, &path)) {
                let message = format!("{} extends this in turn: a circle", path.display());
                return Err(last.error(&["extends"], message));
            }
            file.folder = last.folder.join(folder_of(Path::new(&parent)));
            file.behind = "\n".repeat(last.behind.len()) + &file.text;
            files.push(file);
        }
    }

    /// The scenario's own text.
    pub(super) fn text(&self) -> &str {
        &self.files[0].text
    }

    /// The files that it extends, with their texts.
    pub(super) fn extended(&self) -> Vec<(PathBuf, String)> {
        let extended = self.files[1..].iter();
        extended
            .map(|file| (file.path.clone(), file.text.clone()))
            .collect()
    }

    /// The keys that hold. Those of files that it extends name files relative to the scenario's
    /// own folder.
    ///
    /// # Errors
    /// Unknown keys and values of the wrong type, where they stand.
    pub(super) fn keys(&self) -> Result<Table, ScenarioError> {
        let merged = self.merged();
        let blame = |error: Error| self.blame(&merged, &error);
        Scenario::deserialize(Deserializer::from(merged.clone())).map_err(blame)?;
        Table::deserialize(Deserializer::from(merged.clone())).map_err(blame)
    }

    fn merged(&self) -> Spanned<DeTable<'_>> {
        let mut merged = self.files[0].parse_behind();
        for file in &self.files[1..] {
            lay_under(merged.get_mut(), file.parse_behind().into_inner());
        }
        merged
    }

    /// An error of the key at `path`, wherever that stands.
    pub(super) fn error(&self, path: &[&str], message: impl std::fmt::Display) -> ScenarioError {
        let file = self.files.iter().find(|file| file.has(path));
        file.unwrap_or(&self.files[0]).error(path, message)
    }

    /// An error of parsing the files together.
    fn blame(&self, merged: &Spanned<DeTable<'_>>, error: &Error) -> ScenarioError {
        let place = error.span().filter(|span| *span != merged.span());
        let start = place.as_ref().map_or(0, |span| span.start);
        let from = self.files.iter().rev();
        let mut from = from.skip_while(|file| file.begins() > start);
        let file = from.next().expect("the scenario's own begins at 0");
        ScenarioError {
            file: file.path.clone(),
            line: place.map(|_| line_at(&file.text, start - file.begins())),
            key: blamed_key(merged, error),
            message: with_suggestion(error.message()),
        }
    }
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().map_or_else(PathBuf::new, Path::to_owned)
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn find<'a, 'i>(table: &'a DeTable<'i>, path: &[&str]) -> Option<&'a Spanned<DeValue<'i>>> {
    let (name, rest) = path.split_first()?;
    let value = table.get(*name)?;
    match rest {
        [] => Some(value),
        _ => find(value.get_ref().as_table()?, rest),
    }
}

/// Names of files, as `folder` has them, become relative to the scenario's own folder.
fn move_paths(table: &mut DeTable<'_>, folder: &Path) {
    move_names(table, "machine", "profile", |name| {
        let is_known = SHIPPED.iter().any(|shipped| shipped.name == name);
        moved(name, folder, is_known)
    });
    move_names(table, "machine", "disk", |name| {
        moved(name, folder, DiskProfile::named(name).is_some())
    });
    move_names(table, "workload", "trace", |name| {
        moved(name, folder, false)
    });
}

fn moved(name: &str, folder: &Path, is_known: bool) -> String {
    match is_known {
        true => name.to_owned(),
        false => folder.join(name).to_string_lossy().into_owned(),
    }
}

/// Replaces the value of a key and those of its axis.
fn move_names(table: &mut DeTable<'_>, head: &str, key: &str, moved: impl Fn(&str) -> String) {
    let replace = |value: &mut Spanned<DeValue<'_>>| {
        if let DeValue::String(name) = value.get_mut() {
            *name = moved(name).into();
        }
    };
    if let Some(value) = inner(table, head).and_then(|inner| inner.get_mut(key)) {
        replace(value);
    }
    let axis = inner(table, "axes").and_then(|axes| axes.get_mut(&*format!("{head}.{key}")));
    if let Some(DeValue::Array(values)) = axis.map(Spanned::get_mut) {
        values.iter_mut().for_each(replace);
    }
}

fn inner<'a, 'i>(table: &'a mut DeTable<'i>, name: &str) -> Option<&'a mut DeTable<'i>> {
    match table.get_mut(name)?.get_mut() {
        DeValue::Table(inner) => Some(inner),
        _ => None,
    }
}

/// The keys of `below` hold where `above` does not set them. A key that `above` sets is no axis
/// any more.
fn lay_under<'i>(above: &mut DeTable<'i>, mut below: DeTable<'i>) {
    if let Some(axes) = inner(&mut below, "axes") {
        let keys: Vec<String> = axes.keys().map(|key| key.get_ref().to_string()).collect();
        for key in keys {
            if find(above, &key.split('.').collect::<Vec<_>>()).is_some() {
                axes.remove(&*key);
            }
        }
    }
    fill(above, below);
}

fn fill<'i>(above: &mut DeTable<'i>, below: DeTable<'i>) {
    for (key, value) in below {
        let Some(held) = above.get_mut(&**key.get_ref()) else {
            above.insert(key, value);
            continue;
        };
        if let (DeValue::Table(above), DeValue::Table(below)) = (held.get_mut(), value.into_inner())
        {
            fill(above, below);
        }
    }
}
