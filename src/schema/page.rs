//! The reference page: what is written by hand, and a table for each table of a scenario.

use output::table::Table;
use sim::scenario::reference::{Key, Section, sections};

const BEFORE: &str = include_str!("before.md");
const AFTER: &str = include_str!("after.md");

/// The page.
pub(super) fn markdown() -> String {
    let tables: Vec<String> = sections().iter().map(section).collect();
    format!("{BEFORE}\n{}\n{AFTER}", tables.join("\n"))
}

fn section(section: &Section) -> String {
    let heading = match section.name.as_str() {
        "" => "## Top of the file".to_owned(),
        name => format!("## `[{name}]`"),
    };
    let table = Table::new(["key", "value", "default", "meaning"]);
    let rows = section.keys.iter().map(row);
    let table = rows.fold(table, Table::row);
    format!("{heading}\n\n{}\n\n{}", section.about, table.to_markdown())
}

fn row(key: &Key) -> [String; 4] {
    let default = match (&key.default, key.needed) {
        (_, true) => "needed".to_owned(),
        (Some(default), false) => default.clone(),
        (None, false) => "-".to_owned(),
    };
    [
        format!("`{}`", key.name),
        key.kind.clone(),
        default,
        meaning(key),
    ]
}

/// The meaning, with the words that it does not speak of itself.
fn meaning(key: &Key) -> String {
    let unsaid = |(word, _): &&(String, String)| !key.meaning.contains(&format!("\"{word}\""));
    let words = key.choices.iter().filter(unsaid);
    let words: Vec<String> = words
        .map(|(word, it)| format!("`\"{word}\"`: {it}"))
        .collect();
    match words.is_empty() {
        true => key.meaning.clone(),
        false => format!("{} {}", key.meaning, words.join(" ")),
    }
}
