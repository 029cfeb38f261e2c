//! `--timeline`: what the processes, disks and clients did.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::fixture::Fixture;

fn events(fixture: &Fixture, args: &[&str]) -> Vec<Value> {
    fixture.shown(&[args, &["--timeline", "timeline.json"]].concat());
    let mut json: Value = serde_json::from_str(&fixture.read("timeline.json")).expect("JSON");
    match json["traceEvents"].take() {
        Value::Array(events) => events,
        other => panic!("{other}"),
    }
}

/// The names of the processes, each with those of its threads.
fn tracks(events: &[Value]) -> BTreeMap<String, BTreeSet<String>> {
    let named = |what: &'static str| events.iter().filter(move |event| event["name"] == what);
    let name = |event: &Value| event["args"]["name"].as_str().expect("a name").to_owned();
    let threads = |pid: &Value| {
        let own = named("thread_name").filter(|event| event["pid"] == *pid);
        own.map(name).collect()
    };
    named("process_name")
        .map(|process| (name(process), threads(&process["pid"])))
        .collect()
}

#[test]
fn every_server_has_its_loop_workers_disk_and_clients() {
    let tracks = tracks(&events(&Fixture::new(), &[]));
    assert_eq!(tracks.len(), 3);
    for (server, threads) in &tracks {
        for thread in ["loop", "disk 0", "client 0", "client 7"] {
            assert!(threads.contains(thread), "{server}: {threads:?}");
        }
    }
    assert!(tracks["nb-amped"].contains("helper 0"));
    assert!(tracks["nb-laio"].contains("carrier 0"));
    assert!(!tracks["nb-b"].iter().any(|name| name.contains("worker")));
}

#[test]
fn what_a_thread_does_does_not_overlap() {
    let mut spans: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
    for event in events(&Fixture::new(), &["--set", "machine.disk=nvme"]) {
        if event["ph"] == "X" {
            let [from, length] = ["ts", "dur"].map(|key| event[key].as_f64().expect("a time"));
            let thread = event["tid"].as_u64().expect("a number");
            spans.entry(thread).or_default().push((from, from + length));
        }
    }
    for of_thread in spans.values_mut() {
        of_thread.sort_by(|a, b| a.0.total_cmp(&b.0));
        let apart = |pair: &[(f64, f64)]| pair[0].1 <= pair[1].0 + 1e-6;
        assert!(of_thread.windows(2).all(apart));
    }
}

#[test]
fn every_request_of_the_first_replication_begins_and_ends() {
    let fixture = Fixture::new();
    let events = events(&fixture, &["--requests", "requests.csv"]);
    let count = |phase: &str| events.iter().filter(|event| event["ph"] == phase).count();
    let requests = fixture.read("requests.csv");
    let first = requests.lines().filter(|line| line.starts_with("8 MiB,"));
    let first = first
        .filter(|line| line.split(',').nth(2) == Some("0"))
        .count();
    assert_eq!((count("b"), count("e")), (first, first));
}

#[test]
fn a_warm_run_shows_the_part_that_is_measured() {
    let fixture = Fixture::new();
    let set = ["--set", "run.start=warm", "--requests", "requests.csv"];
    let events = events(&fixture, &set);
    let begun = events.iter().filter(|event| event["ph"] == "b").count();
    let requests = fixture.read("requests.csv");
    let first = requests.lines().filter(|line| line.starts_with("8 MiB,"));
    let first = first
        .filter(|line| line.split(',').nth(2) == Some("0"))
        .count();
    assert_eq!(begun, first, "not twice as many");
}

#[test]
fn what_does_not_fit_is_counted() {
    let fixture = Fixture::new();
    let args = ["--timeline", "t.json", "--timeline-spans", "100"];
    let shown = fixture.shown(&args);
    assert!(shown.contains("first spans alone; left out: "), "{shown}");
    let json: Value = serde_json::from_str(&fixture.read("t.json")).expect("JSON");
    let events = json["traceEvents"].as_array().expect("events");
    let spans = events
        .iter()
        .filter(|event| event["ph"] == "X" || event["ph"] == "b");
    assert_eq!(spans.count(), 300);
}
