//! What a run shows and writes.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::Stdio;

use crate::fixture::{Fixture, names_in};

const FILES: [&str; 3] = ["results.csv", "run.json", "summary.csv"];

/// Rows of a CSV file as maps from column to cell.
fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader
        .deserialize()
        .map(|row| row.expect("a row"))
        .collect()
}

#[test]
fn every_number_of_threads_writes_the_same_bytes() {
    let fixture = Fixture::new();
    let one = fixture.shown(&["-j", "1", "-o", "j1"]);
    for threads in ["2", "8"] {
        let folder = format!("j{threads}");
        assert_eq!(fixture.shown(&["-j", threads, "-o", &folder]), one);
        for file in FILES {
            let (of_one, of_more) = (format!("j1/{file}"), format!("{folder}/{file}"));
            assert_eq!(fixture.read(&of_one), fixture.read(&of_more), "{file}");
        }
    }
}

#[test]
fn running_ahead_changes_nothing() {
    let fixture = Fixture::new();
    fixture.shown(&["--set", "run.run_ahead=true", "-o", "ahead"]);
    fixture.shown(&["--set", "run.run_ahead=false", "-o", "event"]);
    let (ahead, event) = ("ahead/results.csv", "event/results.csv");
    assert_eq!(fixture.read(ahead), fixture.read(event));
}

#[test]
fn every_run_is_a_row_with_every_figure() {
    let fixture = Fixture::new();
    fixture.shown(&["-o", "out"]);
    assert_eq!(names_in(&fixture.path("out")), FILES);
    let rows = rows(&fixture.read("out/results.csv"));
    assert_eq!(rows.len(), 2 * 3 * 3, "points, replications, servers");
    for row in &rows {
        assert!(["8 MiB", "16 MiB"].contains(&row["cache.memory"].as_str()));
        for metric in sim::stats::METRICS {
            assert!(row.contains_key(&metric.name()), "{}", metric.name());
        }
        let throughput: f64 = row["throughput_per_s"].parse().expect("a number");
        assert!(throughput > 0.0);
    }
}

#[test]
fn the_summary_is_made_from_the_results() {
    let fixture = Fixture::new();
    fixture.shown(&["-o", "out"]);
    let results = rows(&fixture.read("out/results.csv"));
    let summary = rows(&fixture.read("out/summary.csv"));
    let mut compared = 0;
    for row in summary
        .iter()
        .filter(|row| row["metric"] == "throughput_per_s")
    {
        let same = |other: &&BTreeMap<String, String>| {
            ["cache.memory", "server"]
                .iter()
                .all(|&key| other[key] == row[key])
        };
        let samples = results.iter().filter(same);
        let samples: Vec<f64> = samples
            .map(|r| r["throughput_per_s"].parse().unwrap())
            .collect();
        let mean: f64 = row["mean"].parse().expect("a number");
        let expected = samples.iter().sum::<f64>() / samples.len() as f64;
        assert!((mean / expected - 1.0).abs() < 1e-12, "{mean} {expected}");
        assert_eq!(
            (row["replications"].as_str(), row["complete"].as_str()),
            ("3", "true")
        );
        compared += 1;
    }
    assert_eq!(compared, 6);
}

#[test]
fn the_record_suffices_to_run_it_again() {
    let fixture = Fixture::new();
    fixture.shown(&["--seed", "7", "--set", "cache.memory=10 MiB", "-o", "out"]);
    let record: serde_json::Value = serde_json::from_str(&fixture.read("out/run.json")).unwrap();
    assert_eq!(record["scenario"]["text"], fixture.read("tiny.toml"));
    assert_eq!(record["complete"], true);
    assert_eq!(record["seed"], 7);
    assert_eq!(record["version"], env!("CARGO_PKG_VERSION"));
    assert!(record["profiles"]["epyc-vm"]["provenance"].is_string());
    let command = record["command"].as_array().expect("words");
    let words: Vec<&str> = command.iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(words[..3], ["laiosim", "run", "tiny.toml"]);
    fixture.shown(&[&words[3..], &["-o", "again"]].concat());
    assert_eq!(
        fixture.read("out/results.csv"),
        fixture.read("again/results.csv")
    );
}

#[test]
fn an_override_replaces_its_axis_and_changes_the_result() {
    let fixture = Fixture::new();
    let throughput = |folder: &str, set: &[&str]| {
        fixture.shown(&[set, &["--servers", "nb-b", "-o", folder]].concat());
        let rows = rows(&fixture.read(&format!("{folder}/results.csv")));
        assert!(!rows[0].contains_key("cache.memory"), "no axis is left");
        assert_eq!(rows.len(), 3);
        rows[0]["throughput_per_s"].clone()
    };
    let memory = ["--set", "cache.memory=8 MiB"];
    let few = throughput("few", &memory);
    let many = throughput(
        "many",
        &[&memory[..], &["--set", "workload.clients=1"]].concat(),
    );
    assert_ne!(few, many);
}

#[test]
fn the_seed_changes_the_result() {
    let fixture = Fixture::new();
    fixture.shown(&["--seed", "1", "-o", "default"]);
    fixture.shown(&["--seed", "2", "-o", "other"]);
    let (default, other) = ("default/results.csv", "other/results.csv");
    assert_ne!(fixture.read(default), fixture.read(other));
}

#[test]
fn only_the_servers_asked_for_are_compared() {
    let fixture = Fixture::new();
    let shown = fixture.shown(&["--servers", "nb-laio,nb-b", "-o", "out"]);
    assert!(!shown.contains("nb-amped"), "{shown}");
    let rows = rows(&fixture.read("out/results.csv"));
    let servers: Vec<&str> = rows.iter().map(|row| row["server"].as_str()).collect();
    assert_eq!(servers[..4], ["nb-laio", "nb-b", "nb-laio", "nb-b"]);
}

#[test]
fn what_is_shown_says_who_wins_why_and_what_the_interval_covers() {
    let shown = Fixture::new().shown(&[]);
    for part in [
        "cache.memory = 8 MiB",
        "cache.memory = 16 MiB",
        "requests per second",
        "Median response:",
        "Why: ",
        "requests/s",
        "Calls per request",
        "Cold start",
        "3 replications",
        "does not cover other days",
    ] {
        assert!(shown.contains(part), "no {part:?} in:\n{shown}");
    }
    assert!(!shown.contains("NaN") && !shown.contains("inf"), "{shown}");
}

#[test]
fn the_table_fits_a_hundred_columns() {
    for args in [&[][..], &["--full"]] {
        let shown = Fixture::new().shown(args);
        for line in shown.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}

#[test]
fn what_differs_between_points_is_not_told_of_the_first_alone() {
    let axes = "\"run.start\" = [\"cold\", \"warm\"]\n\"workload.clients\" = [1, 8]";
    let fixture = Fixture::replacing("\"cache.memory\" = [\"8 MiB\", \"16 MiB\"]", axes);
    let shown = fixture.shown(&[]);
    for part in [
        "Clients: 1 / 8.",
        "Start: cold / warm.",
        "Cold start:",
        "Warm start:",
    ] {
        assert!(shown.contains(part), "no {part:?} in:\n{shown}");
    }
}

#[test]
fn one_replication_proves_no_difference() {
    let shown = Fixture::new().shown(&["--set", "run.replications=1"]);
    assert!(shown.contains("no difference is proved"), "{shown}");
    assert!(shown.contains("±?"), "{shown}");
}

#[test]
fn one_server_is_described_alone() {
    let shown = Fixture::new().shown(&["--servers", "nb-b"]);
    assert!(shown.contains("nb-b answers"), "{shown}");
    assert!(!shown.contains("next best"), "{shown}");
}

#[test]
fn files_of_the_same_names_are_replaced() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("out")).expect("created");
    std::fs::write(fixture.path("out/results.csv"), "old").expect("written");
    fixture.shown(&["-o", "out"]);
    assert!(
        fixture
            .read("out/results.csv")
            .starts_with("cache.memory,server,")
    );
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let fixture = Fixture::new();
    let mut command = fixture.command(&["-o", "out"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut message = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut message)
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(message, "");
    assert_eq!(names_in(&fixture.path("out")), FILES);
}

#[test]
fn the_shipped_scenarios_are_valid() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for name in ["wc98.toml", "minimal.toml"] {
        let loaded = sim::scenario::load::load(&folder.join(name), &[]);
        assert!(loaded.is_ok(), "{name}: {:?}", loaded.err());
    }
}
