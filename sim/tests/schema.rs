//! The JSON schema of scenarios: it agrees with the parser, and its documented defaults with the
//! code.

use regex_lite::Regex;
use serde_json::Value;
use sim::scenario::reference::{Key, keys};
use sim::scenario::{Scenario, schema};

const MINIMAL: &str = r#"
title = "Least"
servers = ["nb-b"]
machine.profile = "epyc-vm"
machine.disk = "cheetah9lp"
cache.memory = "12 MiB"
workload = {}
"#;

/// Whether `value` fits `schema`, as far as the keywords go that our schema has; another one is
/// a reason to extend this.
fn fits(schema: &Value, value: &Value) -> bool {
    let Some(schema) = schema.as_object() else {
        return schema == &Value::Bool(true);
    };
    let all = |schemas: &Value| schemas.as_array().expect("a list").clone();
    schema
        .iter()
        .all(|(keyword, wanted)| match keyword.as_str() {
            "$schema" | "title" | "description" | "default" | "format" | "then" => true,
            "type" => type_of(value, wanted.as_str().expect("one type")),
            "enum" => all(wanted).contains(value),
            "pattern" => matches(value, wanted.as_str().expect("a pattern")),
            "minimum" => value
                .as_f64()
                .is_none_or(|it| it >= wanted.as_f64().expect("a number")),
            "minItems" => len(value).is_none_or(|it| it >= wanted.as_u64().expect("a number")),
            "maxItems" => len(value).is_none_or(|it| it <= wanted.as_u64().expect("a number")),
            "items" => match wanted {
                Value::Array(each) => {
                    let values = value.as_array().into_iter().flatten();
                    values.zip(each).all(|(value, schema)| fits(schema, value))
                }
                every => {
                    let mut values = value.as_array().into_iter().flatten();
                    values.all(|value| fits(every, value))
                }
            },
            "oneOf" => {
                all(wanted)
                    .iter()
                    .filter(|schema| fits(schema, value))
                    .count()
                    == 1
            }
            "anyOf" => all(wanted).iter().any(|schema| fits(schema, value)),
            "not" => !fits(wanted, value),
            "if" => !fits(wanted, value) || fits(&schema["then"], value),
            "required" => all(wanted).iter().all(|key| {
                let key = key.as_str().expect("a name");
                value
                    .as_object()
                    .is_none_or(|object| object.contains_key(key))
            }),
            "properties" => {
                let mut properties = wanted.as_object().expect("an object").iter();
                properties
                    .all(|(key, schema)| value.get(key).is_none_or(|value| fits(schema, value)))
            }
            "additionalProperties" => value.as_object().is_none_or(|object| {
                let known = schema.get("properties").and_then(Value::as_object);
                let known = |key: &str| known.is_some_and(|known| known.contains_key(key));
                let mut others = object.iter().filter(|(key, _)| !known(key));
                others.all(|(_, value)| fits(wanted, value))
            }),
            other => panic!("the schema has a keyword that this test does not know: {other}"),
        })
}

fn type_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("no such type: {other}"),
    }
}

fn matches(value: &Value, pattern: &str) -> bool {
    let pattern = Regex::new(pattern).expect("a pattern");
    value.as_str().is_none_or(|text| pattern.is_match(text))
}

fn len(value: &Value) -> Option<u64> {
    value.as_array().map(|values| values.len() as u64)
}

fn with(line: &str) -> String {
    format!("{MINIMAL}{line}\n")
}

fn schema_takes(text: &str) -> bool {
    let table: toml::Table = toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let value = serde_json::to_value(table).expect("no dates");
    fits(&schema::json().to_value(), &value)
}

fn parser_takes(text: &str) -> bool {
    toml::from_str::<Scenario>(text).is_ok()
}

#[test]
fn schema_and_parser_take_and_refuse_the_same() {
    let right = [
        "",
        "machine.stripe = \"64KiB\"",
        "machine.stripe = \"1.5 mib\"",
        "machine.scheduling = \"c-look\"",
        "machine.quantum = \" 1e1 us \"",
        "machine.pinned = false",
        "cache.policy = \"linux\"",
        "files = { span = \"1 G\", unreadable = 3 }",
        "network.client_link = \"unlimited\"",
        "network.server_link = \"2.5 Gbit/s\"",
        "server.data_path = \"sendfile\"",
        "server.accept = \"drain\"",
        "server.name_test = \"none\"",
        "server.aio = \"glibc\"",
        "run.precision = \"2%\"",
        "run.warm_up = \"off\"",
        "run.duration = \"5 min\"",
        "run.seed = 0",
        "paper.compare = true",
        "axes = { \"cache.memory\" = [\"8 MiB\", \"16 MiB\"], \"run.seed\" = \"1..9:3\" }",
    ];
    let wrong = [
        "machine.stripe = 8",
        "machine.stripe = \"8\"",
        "machine.stripe = \" 8 MiB\"",
        "machine.stripe = \"8 parsecs\"",
        "machine.scheduling = \"clook\"",
        "machine.quantum = \"3\"",
        "machine.quantum = \"-3 ms\"",
        "machine.disks = -1",
        "machine.disks = 1.5",
        "machine.pinned = \"yes\"",
        "cache.policy = \"mru\"",
        "cahe.memory = \"8 MiB\"",
        "files.spam = \"1 GiB\"",
        "network.client_link = \"fast\"",
        "network.server_link = \"1 GB/s\"",
        "server.data_path = \"read-send\"",
        "run.precision = \"2\"",
        "run.start = 1",
        "axes = { \"cache.memory\" = [] }",
        "axes = { \"run.seed\" = \"1\" }",
    ];
    for line in right {
        assert!(schema_takes(&with(line)), "schema: {line}");
        assert!(parser_takes(&with(line)), "parser: {line}");
    }
    for line in wrong {
        assert!(!schema_takes(&with(line)), "schema: {line}");
        assert!(!parser_takes(&with(line)), "parser: {line}");
    }
}

#[test]
fn schema_and_parser_agree_on_workloads() {
    let base = MINIMAL.replace("workload = {}\n", "");
    let agree = |workload: &str, taken: bool| {
        let text = format!("{base}[workload]\n{workload}\n");
        assert_eq!(schema_takes(&text), taken, "schema: {workload}");
        assert_eq!(parser_takes(&text), taken, "parser: {workload}");
    };
    agree("clients = 4\ntrace = \"a.laiotrace\"\ngap = \"15 s\"", true);
    agree("arrivals = { kind = \"poisson\", rate = 40 }", true);
    agree(
        "arrivals = { kind = \"curve\", points = [[\"0 s\", 100], [\"60 s\", 9.5]] }",
        true,
    );
    agree(
        "synthetic = { preset = \"rice-like\", think_law = \"fixed\", zipf = 1 }",
        true,
    );
    agree("arrivals = { rate = 40.0 }", false);
    agree("arrivals = { kind = \"normal\" }", false);
    agree(
        "arrivals = { kind = \"curve\", points = [[0, 100]] }",
        false,
    );
    agree(
        "arrivals = { kind = \"curve\", points = [[\"0 s\"]] }",
        false,
    );
    agree("synthetic = { preset = \"rice\" }", false);
    agree("clients = \"four\"", false);
}

#[test]
fn what_is_needed_may_come_from_the_scenario_that_is_extended() {
    for needed in [
        "title",
        "servers",
        "machine.disk",
        "cache.memory",
        "workload",
    ] {
        let without: String = MINIMAL
            .lines()
            .filter(|line| !line.starts_with(needed))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_ne!(without, MINIMAL);
        assert!(!schema_takes(&without), "{needed}");
        assert!(!parser_takes(&without), "{needed}");
        assert!(
            schema_takes(&format!("extends = \"base.toml\"\n{without}")),
            "{needed}"
        );
    }
}

#[test]
fn the_documented_defaults_are_those_of_the_code() {
    let plain: Scenario = toml::from_str(MINIMAL).expect("it is complete");
    let plain = toml::Value::try_from(&plain).expect("it can be written");
    let mut compared = 0;
    for key in keys().into_iter().filter(|key| !key.needed) {
        match value_at(&plain, &key.name) {
            // Absent where nothing is said: the default is words alone.
            None => {}
            Some(value) => {
                assert_eq!(
                    with_documented(&key),
                    plain,
                    "{}: {value}, not {:?}",
                    key.name,
                    key.default
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 30, "{compared}");
}

fn value_at<'a>(value: &'a toml::Value, key: &str) -> Option<&'a toml::Value> {
    key.split('.')
        .try_fold(value, |value, part| value.get(part))
}

/// The minimal scenario with the key set to what its documentation calls the default.
fn with_documented(key: &Key) -> toml::Value {
    let words = key
        .default
        .as_deref()
        .unwrap_or_else(|| panic!("{} has no default", key.name));
    let scenario = [literal(words), format!("{:?}", literal(words))]
        .iter()
        .find_map(|value| {
            toml::from_str::<Scenario>(&with(&format!("{} = {value}", key.name))).ok()
        });
    let scenario = scenario.unwrap_or_else(|| panic!("{} cannot be {words}", key.name));
    toml::Value::try_from(&scenario).expect("it can be written")
}

/// The value with which the words begin: what is before the reason for it.
fn literal(words: &str) -> String {
    let value = words
        .split([',', ';', ':', '('])
        .next()
        .unwrap_or(words)
        .trim();
    match value {
        "yes" => "true".into(),
        "no" => "false".into(),
        "none" => "0".into(),
        value => value.trim_matches(['`', '"']).into(),
    }
}
