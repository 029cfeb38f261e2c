//! What a sweep leaves behind and shows.

use serde_json::Value;

use crate::fixture::{AXES, Fixture, POINTS};

fn rows(text: &str) -> Vec<csv::StringRecord> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Result<Vec<_>, _> = reader.records().collect();
    rows.expect("rows of equal length")
}

#[test]
fn results_have_a_row_per_point_server_and_replication_in_order() {
    let fixture = Fixture::new();
    fixture.shown("out", &AXES);
    let text = fixture.read("out/results.csv");
    assert!(
        text.starts_with("cache.memory,workload.clients,server,replication,"),
        "{text}"
    );
    let rows = rows(&text);
    assert_eq!(rows.len(), POINTS * 3 * 3);
    let cells = |row: usize| -> Vec<&str> { rows[row].iter().take(3).collect() };
    assert_eq!(cells(0), ["8388608 B", "4", "nb-b"]);
    assert_eq!(cells(9), ["8388608 B", "8", "nb-b"]);
    assert_eq!(cells(rows.len() - 1), ["67108864 B", "8", "nb-laio"]);
}

#[test]
fn the_mean_in_the_summary_is_that_of_the_results() {
    let fixture = Fixture::new();
    fixture.shown("out", &["--axis", "clients=4,8"]);
    let results = fixture.read("out/results.csv");
    let header: Vec<&str> = results
        .lines()
        .next()
        .expect("a header")
        .split(',')
        .collect();
    let column = header.iter().position(|&name| name == "throughput_per_s");
    let column = column.expect("a column of throughputs");
    let of = |row: &&csv::StringRecord| &row[0] == "8" && &row[1] == "nb-laio";
    let found: Vec<f64> = rows(&results)
        .iter()
        .filter(of)
        .map(|row| row[column].parse().expect("a number"))
        .collect();
    let summary = rows(&fixture.read("out/summary.csv"));
    let mut summary = summary.iter().filter(of);
    let row = summary
        .find(|row| &row[2] == "throughput_per_s")
        .expect("a row");
    let mean: f64 = row[3].parse().expect("a number");
    let expected = found.iter().sum::<f64>() / found.len() as f64;
    assert_eq!(found.len(), 3);
    assert!(
        (mean - expected).abs() < 1e-9 * expected,
        "{mean} {expected}"
    );
    assert!(row[4].parse::<f64>().expect("an interval") > 0.0);
}

#[test]
fn each_numeric_axis_has_its_figures_for_every_combination_of_the_others() {
    let fixture = Fixture::new();
    let shown = fixture.shown("out", &AXES);
    let plots: Vec<String> = fixture
        .files("out")
        .keys()
        .filter_map(|path| Some(path.strip_prefix("plots").ok()?.display().to_string()))
        .collect();
    // Three figures each (150 requests say nothing of a 99th percentile): against the memory for
    // two numbers of clients, against the clients for four memories.
    assert_eq!(plots.len(), 3 * (2 + 4), "{plots:?}");
    let name = "throughput-by-cache.memory-at-workload.clients-8.svg";
    let svg = fixture.read(&format!("out/plots/{name}"));
    for text in [
        "nb-b",
        "nb-amped",
        "nb-laio",
        "8 MiB",
        "64 MiB",
        "Machine profile epyc-vm",
    ] {
        assert!(svg.contains(text), "no {text}");
    }
    assert!(
        shown.contains("response p99 against cache.memory"),
        "{shown}"
    );
    assert!(shown.contains("observations beyond p99"), "{shown}");
}

#[test]
fn of_many_combinations_only_the_first_has_figures_and_the_report_says_so() {
    let fixture = Fixture::new();
    let args = ["--axis", "clients=4,8", "--axis", "seed=1,2,3,4,5,6,7"];
    let few = ["--set", "run.replications=1", "--servers", "nb-b"];
    let shown = fixture.shown("out", &[&args[..], &few].concat());
    let words = "run.seed = 1 only, the first of 7 combinations";
    let shown: Vec<&str> = shown.split_whitespace().collect();
    assert!(shown.join(" ").contains(words), "{shown:?}");
    let against_clients = fixture.files("out").into_keys().filter(|path| {
        let name = path.display().to_string();
        name.starts_with("plots/throughput-by-workload.clients")
    });
    assert_eq!(against_clients.count(), 1);
}

#[test]
fn the_record_has_what_is_needed_to_make_the_sweep_again() {
    let fixture = Fixture::new();
    fixture.shown("out", &[&AXES[..], &["--seed", "5", "-j", "2"]].concat());
    let record: Value = serde_json::from_str(&fixture.read("out/sweep.json")).expect("JSON");
    assert_eq!(record["complete"], true);
    assert_eq!(record["seed"], 5);
    assert_eq!(record["scenario"]["text"], fixture.read("tiny.toml"));
    assert_eq!(record["points"].as_array().map(Vec::len), Some(POINTS));
    assert_eq!(record["points"][0]["replications"], 3);
    let validation = record["profiles"]["epyc-vm"]["validation"].as_str();
    assert!(
        validation.expect("a text").contains("validated"),
        "{validation:?}"
    );
    // The command of the record makes the same sweep.
    let command: Vec<&str> = record["command"]
        .as_array()
        .expect("words")
        .iter()
        .map(|word| word.as_str().expect("a word"))
        .collect();
    assert_eq!(command[..3], ["laiosim", "sweep", "tiny.toml"]);
    let shown = fixture.shown("out", &command[3..]);
    assert!(shown.contains("Nothing to compute"), "{shown}");
}

#[test]
fn the_report_names_the_best_server_of_every_point_and_how_far_to_trust_the_machine() {
    let fixture = Fixture::new();
    let shown = fixture.shown("out", &AXES);
    for text in [
        "8 points computed",
        "best",
        "lead",
        "64 MiB",
        "Machine profile epyc-vm: ",
    ] {
        assert!(shown.contains(text), "no {text:?} in: {shown}");
    }
    let set = ["--set", "machine.profile=nvme-2024"];
    let shown = fixture.shown("other", &[&AXES[..], &set].concat());
    assert!(shown.contains("nvme-2024: NOT validated"), "{shown}");
}

#[test]
fn the_axes_of_the_file_are_swept_unless_replaced() {
    let fixture = Fixture::new();
    let text = fixture.read("tiny.toml") + "\n[axes]\n\"cache.memory\" = [\"8 MiB\", \"16 MiB\"]\n";
    std::fs::write(fixture.path("tiny.toml"), text).expect("written");
    let shown = fixture.shown("out", &[]);
    assert!(shown.contains("2 points computed"), "{shown}");
    let shown = fixture.shown("three", &["--axis", "memory=8MiB,16MiB,32MiB"]);
    assert!(shown.contains("3 points computed"), "{shown}");
}

#[test]
fn servers_can_be_an_axis() {
    let fixture = Fixture::new();
    fixture.shown("out", &["--axis", "servers=[\"nb-b\"],[\"nb-laio\"]"]);
    let rows = rows(&fixture.read("out/results.csv"));
    let servers: Vec<&str> = rows.iter().map(|row| &row[1]).collect();
    assert_eq!(
        servers,
        ["nb-b", "nb-b", "nb-b", "nb-laio", "nb-laio", "nb-laio"]
    );
}

#[test]
fn with_a_precision_replications_are_added_until_it_is_reached_or_the_limit() {
    let fixture = Fixture::new();
    let set = [
        "--set",
        "run.precision=1%",
        "--set",
        "run.max_replications=12",
    ];
    let shown = fixture.shown(
        "out",
        &[&["--axis", "memory=8MiB,64MiB"][..], &set].concat(),
    );
    let record: Value = serde_json::from_str(&fixture.read("out/sweep.json")).expect("JSON");
    let points = record["points"].as_array().expect("points");
    let missed = points.iter().filter(|point| point["precise"] == false);
    let missed: Vec<_> = missed.map(|point| &point["replications"]).collect();
    assert!(!missed.is_empty(), "1 % is too much to ask of 150 requests");
    assert!(
        missed.iter().all(|&replications| *replications == 12),
        "{missed:?}"
    );
    assert!(shown.contains("did not reach run.precision"), "{shown}");
}
