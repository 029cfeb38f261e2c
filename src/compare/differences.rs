//! What two runs were made with, key by key.

use std::collections::BTreeMap;

use serde_json::Value;

use super::folder::Folder;

type Facts = BTreeMap<String, String>;

/// What differs, a line for each.
pub(super) fn of(before: &Folder, after: &Folder) -> Vec<String> {
    let (before, after) = (facts(&before.record), facts(&after.record));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let text = |facts: &Facts, name: &String| {
        let value = facts.get(name).map(String::as_str);
        value.unwrap_or("(not set)").to_owned()
    };
    let differs = |name: &&String| before.get(*name) != after.get(*name);
    let lines = names
        .into_iter()
        .filter(differs)
        .map(|name| format!("{name}: {} -> {}", text(&before, name), text(&after, name)));
    let mut lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        lines.push("Nothing: program, scenario, overrides and profiles are the same.".to_owned());
    }
    lines
}

fn facts(record: &Value) -> Facts {
    let mut facts = Facts::new();
    for name in ["version", "commit", "seed"] {
        flatten(name, &record[name], &mut facts);
    }
    scenario(
        record["scenario"]["text"].as_str().unwrap_or_default(),
        &mut facts,
    );
    flatten("override", &record["overrides"], &mut facts);
    let mut profiles = Facts::new();
    flatten("profile", &record["profiles"], &mut profiles);
    // Of a figure its value counts, not where that comes from.
    let is_figure = |name: &str| {
        ![".source", ".low", ".high"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    facts.extend(profiles.into_iter().filter(|(name, _)| is_figure(name)));
    facts
}

/// The keys of the scenario's text; the text itself where it is no TOML.
fn scenario(text: &str, facts: &mut Facts) {
    match toml::from_str::<Value>(text) {
        Ok(table) => flatten("scenario", &table, facts),
        Err(_) => _ = facts.insert("scenario".to_owned(), text.to_owned()),
    }
}

fn flatten(name: &str, value: &Value, facts: &mut Facts) {
    match value {
        Value::Null => {}
        Value::Object(object) => {
            for (key, value) in object {
                flatten(&joined(name, key), value, facts);
            }
        }
        Value::Array(values) if values.iter().any(|it| it["key"].is_string()) => {
            for value in values {
                let key = value["key"].as_str().unwrap_or_default();
                flatten(&joined(name, key), &value["value"], facts);
            }
        }
        Value::String(text) => _ = facts.insert(name.to_owned(), text.clone()),
        other => _ = facts.insert(name.to_owned(), other.to_string()),
    }
}

fn joined(name: &str, key: &str) -> String {
    match name {
        "scenario" | "override" | "profile" => format!("{name} {key}"),
        name => format!("{name}.{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_overrides_and_figures_are_facts() {
        let record = json!({
            "seed": 3,
            "commit": null,
            "scenario": { "text": "[cache]\nmemory = \"8 MiB\"\n[axes]\n\"run.seed\" = [1, 2]" },
            "overrides": [{ "key": "server.helpers", "value": "4" }],
            "profiles": { "epyc-vm": { "call": { "recv": { "value": "9 ns", "source": "lore" } } } },
        });
        let expected = [
            ("override server.helpers", "4"),
            ("profile epyc-vm.call.recv.value", "9 ns"),
            ("scenario axes.run.seed", "[1,2]"),
            ("scenario cache.memory", "8 MiB"),
            ("seed", "3"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(facts(&record), Facts::from(expected));
    }
}
