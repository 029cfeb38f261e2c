//! `laiosim init`.

use std::collections::BTreeSet;

use sim::scenario::{Scenario, reference};

use crate::fixture::{Fixture, assert_has};

#[test]
fn every_template_can_be_run_as_written_and_has_no_probable_mistakes() {
    let fixture = Fixture::new();
    for template in ["minimal", "full", "open", "paper"] {
        let file = format!("{template}.toml");
        fixture.shown(&["init", &file, "--template", template]);
        let shown = fixture.shown(&["check", &file]);
        assert_has(&shown, &[&format!("{file} can be run.")]);
        assert!(!shown.contains("Warnings"), "{template}: {shown}");
    }
}

#[test]
fn the_minimal_one_is_the_default() {
    let fixture = Fixture::new();
    fixture.shown(&["init"]);
    fixture.shown(&["init", "other.toml", "--template", "minimal"]);
    assert_eq!(fixture.read("scenario.toml"), fixture.read("other.toml"));
}

#[test]
fn a_file_is_replaced_only_if_forced() {
    let fixture = Fixture::new();
    fixture.write("scenario.toml", "mine");
    fixture.refuses(&["init"], &["scenario.toml exists", "--force"]);
    assert_eq!(fixture.read("scenario.toml"), "mine");
    fixture.shown(&["init", "--force"]);
    assert!(fixture.read("scenario.toml").contains("title"));
    fixture.refuses(&["init", "no/such/folder.toml"], &["no/such/folder.toml"]);
}

/// The template with what is commented out (`#key`, unlike `# text`) in force.
fn uncommented() -> String {
    let fixture = Fixture::new();
    fixture.shown(&["init", "--template", "full"]);
    let text = fixture.read("scenario.toml");
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn the_full_one_has_every_key_with_a_possible_value() {
    let text = uncommented();
    toml::from_str::<Scenario>(&text).unwrap_or_else(|error| panic!("{error}"));
    let table: toml::Table = toml::from_str(&text).expect("TOML");
    let mut names = BTreeSet::new();
    names_of("", &table, &mut names);
    for key in reference::keys() {
        assert!(names.contains(&key.name), "{}", key.name);
    }
}

#[test]
fn the_full_one_says_of_every_key_what_its_documentation_says() {
    let fixture = Fixture::new();
    fixture.shown(&["init", "--template", "full"]);
    let text = fixture.read("scenario.toml");
    let comments: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .collect();
    let comments = comments.join(" ");
    for key in reference::keys() {
        let sentence = key
            .meaning
            .split_inclusive(". ")
            .next()
            .expect("one")
            .trim();
        let default = key.default.map(|default| format!("Default: {default}"));
        for words in [Some(sentence), default.as_deref()].into_iter().flatten() {
            let name = &key.name;
            assert!(
                comments.contains(words),
                "src/init/full.toml, {name}: no \"{words}\""
            );
        }
    }
}

fn names_of(name: &str, table: &toml::Table, names: &mut BTreeSet<String>) {
    for (key, value) in table {
        let name = if name.is_empty() {
            key.clone()
        } else {
            format!("{name}.{key}")
        };
        if let Some(inner) = value.as_table() {
            names_of(&name, inner, names);
        }
        names.insert(name);
    }
}
