//! What a run writes.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::Stdio;

use sim::scenario::load::Overrides;

use crate::fixture::{Fixture, names_in};

const TABLES: [&str; 3] = ["results.csv", "run.json", "summary.csv"];

/// With two points on the axis of memory.
const FILES: [&str; 9] = [
    "response-by-memory.svg",
    "responses-1.svg",
    "responses-2.svg",
    "results.csv",
    "run.json",
    "summary.csv",
    "throughput-1.svg",
    "throughput-2.svg",
    "throughput-by-memory.svg",
];

/// Rows of a CSV file as maps from column to cell.
fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader
        .deserialize()
        .map(|row| row.expect("a row"))
        .collect()
}

/// What a run shows, without the paths of what was written.
fn without_paths(shown: &str) -> &str {
    shown.split("\nWritten\n").next().expect("some text")
}

#[test]
fn every_number_of_threads_writes_the_same_bytes() {
    let fixture = Fixture::new();
    let run = |threads: &str| {
        let (folder, requests) = (format!("j{threads}"), format!("{threads}.csv"));
        let args = ["-j", threads, "-o", &folder, "--requests", &requests];
        without_paths(&fixture.shown(&args)).to_owned()
    };
    let one = run("1");
    for threads in ["2", "8"] {
        assert_eq!(run(threads), one);
        for file in FILES {
            let (of_one, of_more) = (format!("j1/{file}"), format!("j{threads}/{file}"));
            assert_eq!(fixture.read(&of_one), fixture.read(&of_more), "{file}");
        }
        assert!(fixture.read("1.csv") == fixture.read(&format!("{threads}.csv")));
    }
}

#[test]
fn threads_do_not_matter_where_precision_decides_how_many_runs_there_are() {
    let fixture = Fixture::new();
    let set = ["--set", "run.precision=9%", "--servers", "nb-b,nb-laio"];
    for threads in ["1", "2", "8"] {
        let folder = format!("j{threads}");
        fixture.shown(&[&set[..], &["-j", threads, "-o", &folder]].concat());
        for file in TABLES {
            let (of_one, of_more) = (format!("j1/{file}"), format!("j{threads}/{file}"));
            assert_eq!(fixture.read(&of_one), fixture.read(&of_more), "{file}");
        }
    }
}

#[test]
fn running_ahead_changes_no_figure_but_the_number_of_events() {
    let fixture = Fixture::new();
    fixture.shown(&["--set", "run.run_ahead=true", "-o", "ahead"]);
    fixture.shown(&["--set", "run.run_ahead=false", "-o", "event"]);
    let (ahead, event) = ("ahead/results.csv", "event/results.csv");
    let without_events = |file| {
        let mut rows = rows(&fixture.read(file));
        rows.iter_mut().for_each(|row| {
            row.remove("events_per_request").expect("a column");
        });
        rows
    };
    assert_eq!(without_events(ahead), without_events(event));
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

/// The highest mean throughput at a point.
fn best(results: &[BTreeMap<String, String>], memory: &str) -> f64 {
    let mut of_servers: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in results.iter().filter(|row| row["cache.memory"] == memory) {
        let throughput = row["throughput_per_s"].parse().expect("a number");
        of_servers
            .entry(&row["server"])
            .or_default()
            .push(throughput);
    }
    let means = of_servers
        .values()
        .map(|of| of.iter().sum::<f64>() / of.len() as f64);
    means.fold(0.0, f64::max)
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
        let difference: f64 = row["difference_to_best"].parse().unwrap_or(0.0);
        assert!((difference + best(&results, &row["cache.memory"]) - mean).abs() < 1e-6);
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
    let (figures, _) = shown.split_once("\nNotes\n").expect("notes below");
    assert!(!figures.contains("nb-amped"), "{shown}");
    let rows = rows(&fixture.read("out/results.csv"));
    let servers: Vec<&str> = rows.iter().map(|row| row["server"].as_str()).collect();
    assert_eq!(servers[..4], ["nb-laio", "nb-b", "nb-laio", "nb-b"]);
}

#[test]
fn a_quantile_without_enough_observations_is_not_shown_and_says_why() {
    let fixture = Fixture::new();
    let shown = fixture.shown(&["-o", "out"]);
    assert!(
        shown.contains("observations beyond p99; 100 are needed"),
        "{shown}"
    );
    let rows = rows(&fixture.read("out/summary.csv"));
    let p99: Vec<_> = rows
        .iter()
        .filter(|row| row["metric"] == "response_p99_ms")
        .collect();
    assert_eq!(p99.len(), 6);
    assert!(p99.iter().all(|row| row["mean"].is_empty()));
    let p50 = rows.iter().find(|row| row["metric"] == "response_p50_ms");
    assert!(
        !p50.expect("a row")["mean"].is_empty(),
        "100 of 200 are enough"
    );
}

#[test]
fn each_axis_that_is_a_quantity_is_drawn_for_each_value_of_the_others() {
    let axes = "\"run.start\" = [\"cold\", \"warm\"]\n\"workload.clients\" = [1, 4, 8]";
    let fixture = Fixture::replacing("\"cache.memory\" = [\"8 MiB\", \"16 MiB\"]", axes);
    fixture.shown(&["-o", "out"]);
    for (number, start) in [("1", "cold"), ("2", "warm")] {
        for what in ["throughput", "response"] {
            let svg = fixture.read(&format!("out/{what}-by-clients-{number}.svg"));
            assert!(svg.contains(&format!("run.start = {start}")), "{svg}");
            assert!(svg.contains("nb-laio") && svg.contains("Machine profile epyc-vm"));
        }
    }
    assert_eq!(names_in(&fixture.path("out")).len(), 3 + 6 * 2 + 4);
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
        let loaded = sim::scenario::load::load(&folder.join(name), &Overrides::default());
        assert!(loaded.is_ok(), "{name}: {:?}", loaded.err());
    }
}
