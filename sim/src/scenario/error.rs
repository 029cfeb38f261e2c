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

    /// An error of the key at `path` (its names from the root), whose line is looked up in the
    /// file's text.
    pub fn of_key(file: &Path, text: &str, path: &[&str], message: impl fmt::Display) -> Self {
        Self {
            file: file.to_owned(),
            line: line_of_key(text, path),
            key: Some(dotted(path)),
            message: message.to_string(),
        }
    }

    /// An error of a value that an override put in the place of the file's.
    pub fn of_override(file: &Path, key: &str, message: impl fmt::Display) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            key: Some(format!("{key} (overridden)")),
            message: message.to_string(),
        }
    }

    /// An error of parsing `text`.
    pub fn of_toml(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let root = toml::de::DeTable::parse(text).ok();
        let place = error.span().filter(|span| match &root {
            Some(root) => *span != root.span(),
            None => true,
        });
        Self {
            file: file.to_owned(),
            line: place.map(|span| line_at(text, span.start)),
            key: root.and_then(|root| blamed_key(&root, error)),
            message: with_suggestion(error.message()),
        }
    }
}

/// The dotted key that an error of parsing `root` is about.
pub(super) fn blamed_key(
    root: &toml::Spanned<toml::de::DeTable<'_>>,
    error: &toml::de::Error,
) -> Option<String> {
    let span = error.span()?;
    let mut path = match span == root.span() {
        true => Vec::new(),
        false => key_at(root.get_ref(), span.start)?,
    };
    let missing = error.message().strip_prefix("missing field `");
    path.extend(missing.and_then(|rest| rest.split('`').next()));
    (!path.is_empty()).then(|| dotted(&path))
}

pub(super) fn line_at(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// The names of a path as one key; one that has dots of its own is quoted.
fn dotted(path: &[&str]) -> String {
    let quoted = path.iter().map(|name| match name.contains('.') {
        true => format!("\"{name}\""),
        false => (*name).to_owned(),
    });
    quoted.collect::<Vec<_>>().join(".")
}

/// The path of the entry whose key or value stands at `offset`.
pub(super) fn key_at<'a>(table: &'a toml::de::DeTable<'_>, offset: usize) -> Option<Vec<&'a str>> {
    table.iter().find_map(|(name, value)| {
        let inner = value.get_ref().as_table();
        let mut path = match inner.and_then(|inner| key_at(inner, offset)) {
            Some(path) => path,
            None if name.span().contains(&offset) || value.span().contains(&offset) => Vec::new(),
            None => return None,
        };
        path.insert(0, name.get_ref());
        Some(path)
    })
}

fn line_of_key(text: &str, path: &[&str]) -> Option<usize> {
    let root = toml::de::DeTable::parse(text).ok()?;
    let mut table = root.get_ref();
    let mut found = None;
    for part in path {
        let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == part) else {
            break;
        };
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
pub fn with_suggestion(message: &str) -> String {
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
