//! Every key of a scenario, with what a reader wants to know of it: made from the JSON schema,
//! and so from the doc comments of the types that parse scenarios.
//!
//! A doc comment says the default in a sentence that begins with `Default:`; a test holds those
//! that are code to it.

use serde_json::{Map, Value};

use super::schema;

/// A table of a scenario, or its root.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Its dotted name; empty for the root.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Its keys, those that are needed first, then by name.
    pub keys: Vec<Key>,
}

/// A key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its dotted name.
    pub name: String,
    /// What kind of value it takes, with an example where that helps.
    pub kind: String,
    /// Whether a scenario that extends no other has to have it.
    pub needed: bool,
    /// The default, in words.
    pub default: Option<String>,
    /// What it means.
    pub meaning: String,
    /// The words it takes, with their meanings, where these are known one by one.
    pub choices: Vec<(String, String)>,
}

/// All tables with their keys: the root first, then by name.
pub fn sections() -> Vec<Section> {
    let schema = schema::json().to_value();
    let mut sections = Vec::new();
    section("", &schema, &schema["then"], &mut sections);
    sections[0].about = "At the top of the file, before the first table.".into();
    sections
}

/// All keys.
pub fn keys() -> Vec<Key> {
    let sections = sections().into_iter();
    sections.flat_map(|section| section.keys).collect()
}

fn section(name: &str, schema: &Value, needed: &Value, out: &mut Vec<Section>) {
    let properties = schema["properties"].as_object();
    let is_needed = |key: &str| {
        let keys = needed["required"].as_array();
        keys.is_some_and(|keys| keys.iter().any(|other| other == key))
    };
    let (tables, keys): (Vec<_>, Vec<_>) = properties
        .into_iter()
        .flat_map(Map::iter)
        .partition(|(_, property)| property["properties"].is_object());
    let key = |(key, property): (&String, &Value)| Key {
        needed: is_needed(key),
        ..described(dotted(name, key), property)
    };
    let mut keys: Vec<Key> = keys.into_iter().map(key).collect();
    keys.sort_by_key(|key| !key.needed);
    out.push(Section {
        name: name.to_owned(),
        about: text(schema, "description"),
        keys,
    });
    for (table, property) in tables {
        let needed = &needed["properties"][table];
        section(&dotted(name, table), property, needed, out);
    }
}

fn dotted(table: &str, key: &str) -> String {
    match table {
        "" => key.to_owned(),
        table => format!("{table}.{key}"),
    }
}

fn described(name: String, schema: &Value) -> Key {
    let (meaning, default) = split_default(&text(schema, "description"));
    Key {
        kind: kind(&name, schema),
        name,
        needed: false,
        default,
        meaning,
        choices: choices(schema),
    }
}

fn text(schema: &Value, key: &str) -> String {
    let text = schema[key].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands before and after the sentence that begins with `Default:`, and what that says.
fn split_default(text: &str) -> (String, Option<String>) {
    let Some((before, after)) = text.split_once("Default: ") else {
        return (text.to_owned(), None);
    };
    let end = sentence_end(after);
    let meaning = format!("{before}{}", after[end..].trim_start_matches('.'));
    let meaning = meaning.split_whitespace().collect::<Vec<_>>().join(" ");
    (meaning, Some(after[..end].to_owned()))
}

/// Where the full stop of the first sentence is.
fn sentence_end(text: &str) -> usize {
    let next_begins = |at: usize| {
        let next = text[at + 2..].chars().next();
        next.is_some_and(|next| next.is_uppercase() || next == '(')
    };
    let mut stops = text.match_indices(". ").map(|(at, _)| at);
    let stop = stops.find(|&at| next_begins(at));
    stop.unwrap_or_else(|| text.trim_end_matches('.').len())
}

/// The words that a key takes.
fn choices(schema: &Value) -> Vec<(String, String)> {
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    let choice = |schema: &Value| {
        let word = schema["enum"][0].as_str()?;
        Some((word.to_owned(), text(schema, "description")))
    };
    choices.filter_map(choice).collect()
}

fn kind(name: &str, schema: &Value) -> String {
    let words = match (name, schema["format"].as_str(), schema["type"].as_str()) {
        ("axes", ..) => "table of lists",
        (_, Some("size"), _) => "size, as `\"8 MiB\"`",
        (_, Some("duration"), _) => "duration, as `\"0.3 ms\"`",
        (_, Some("rate"), _) => "rate, as `\"100 Mbit/s\"`",
        (_, Some("percentage"), _) => "percentage, as `\"2%\"`",
        (_, _, Some("boolean")) => "`true` or `false`",
        (_, _, Some("integer")) => "whole number",
        (_, _, Some("number")) => "number",
        (_, _, Some("array")) => "list",
        _ if schema["oneOf"].is_array() => "word",
        _ => "text",
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_sentence_that_says_so() {
        let (meaning, default) =
            split_default("How much. Default: 0.5 ms, Linux's. Not in open runs. Default no.");
        assert_eq!(meaning, "How much. Not in open runs. Default no.");
        assert_eq!(default.as_deref(), Some("0.5 ms, Linux's"));
        let (meaning, default) = split_default("Whose. Default: yes; `thttpd`: no.");
        assert_eq!(
            (meaning.as_str(), default.as_deref()),
            ("Whose.", Some("yes; `thttpd`: no"))
        );
        assert_eq!(split_default("Just that."), ("Just that.".into(), None));
    }

    #[test]
    fn every_key_has_a_meaning_and_is_needed_or_says_what_holds_without_it() {
        // Keys of a table that is itself optional, or whose absence the meaning explains.
        let explained = |key: &Key| {
            key.name.starts_with("workload.arrivals.")
                || key.name.starts_with("workload.synthetic.")
                || key.name == "run.duration"
        };
        for key in keys() {
            assert!(!key.meaning.is_empty(), "{}", key.name);
            let says = key.needed != key.default.is_some();
            assert!(says || explained(&key), "{}: {key:?}", key.name);
        }
    }

    #[test]
    fn the_needed_keys_come_first() {
        let of = |name: &str| sections().into_iter().find(|section| section.name == name);
        let machine = of("machine").expect("there is one");
        assert_eq!(machine.keys[0].name, "machine.disk");
        assert!(machine.keys[0].needed && machine.keys[1].needed && !machine.keys[2].needed);
        assert!(of("workload.arrivals").is_some_and(|section| section.keys[0].needed));
    }
}
