//! What can be wrong with a scenario, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// A scenario, or a file that it names, that cannot be used. Nothing has been run or written.
#[derive(Debug)]
pub struct ScenarioError {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1, if one is to blame.
    pub line: Option<usize>,
    /// The dotted key, if one is to blame.
    pub key: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ScenarioError {}

impl ScenarioError {
    /// An error of the file as a whole.
    pub fn of_file(file: &Path, message: impl fmt::Display) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            key: None,
            message: message.to_string(),
        }
    }

    /// An error of a key, whose line is looked up in the file's text.
    pub fn of_key(file: &Path, text: &str, key: &str, message: impl fmt::Display) -> Self {
        Self {
            file: file.to_owned(),
            line: line_of_key(text, key),
            key: Some(key.to_owned()),
            message: message.to_string(),
        }
    }

    /// An error of parsing `text`.
    pub fn of_toml(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map(|span| span.start);
        Self {
            file: file.to_owned(),
            line: offset.map(|offset| line_at(text, offset)),
            key: offset.and_then(|offset| key_at(text, offset)),
            message: with_suggestion(error.message()),
        }
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// The dotted key of the entry on the line of `offset`: the table header above, and the line's
/// own key.
fn key_at(text: &str, offset: usize) -> Option<String> {
    let offset = offset.min(text.len());
    let end = text[offset..].find('\n').map_or(text.len(), |n| offset + n);
    let line = text[..end].lines().last()?.trim();
    let own = line.split_once('=').map(|(key, _)| key.trim());
    let table = text[..end]
        .lines()
        .rev()
        .map(str::trim)
        .find_map(|line| line.strip_prefix('[')?.split(']').next());
    match (table, own) {
        (Some(table), Some(own)) => Some(format!("{table}.{own}")),
        (Some(table), None) => Some(table.to_owned()),
        (None, own) => own.map(str::to_owned),
    }
}

fn line_of_key(text: &str, key: &str) -> Option<usize> {
    let root = toml::de::DeTable::parse(text).ok()?;
    let mut table = root.get_ref();
    let mut found = None;
    for part in key.split('.') {
        let (name, value) = table.iter().find(|(name, _)| name.get_ref() == part)?;
        found = Some(line_at(text, name.span().start));
        match value.get_ref().as_table() {
            Some(inner) => table = inner,
            None => break,
        }
    }
    found
}

/// Adds the nearest known name to serde's "unknown field" and "unknown variant" messages, which
/// quote the unknown and the known names in backticks.
fn with_suggestion(message: &str) -> String {
    if !message.starts_with("unknown ") {
        return message.to_owned();
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(unknown) = quoted.next() else {
        return message.to_owned();
    };
    nearest(unknown, quoted).map_or_else(
        || message.to_owned(),
        |known| format!("{message}; did you mean `{known}`?"),
    )
}

/// The candidate most like `unknown`, if any is at all.
pub fn nearest<'a>(unknown: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|known| (strsim::jaro_winkler(unknown, known), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}
