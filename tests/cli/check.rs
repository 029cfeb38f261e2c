//! `laiosim check`.

use crate::fixture::{Fixture, assert_has, repository};

const DRAWN: &str = r#"
title = "Drawn"
servers = ["nb-b", "nb-amped"]
machine = { profile = "epyc-vm", disk = "nvme" }
cache.memory = "64 MiB"
[workload]
clients = 10
requests = 1000
[workload.synthetic]
objects = 500
body_median = "64 KiB"
body_sigma = 0.0
zipf = 1.0
[run]
start = "warm"
replications = 3
"#;

fn with(text: &str) -> Fixture {
    let fixture = Fixture::new();
    fixture.write("drawn.toml", text);
    fixture
}

fn shown(text: &str, set: &[&str]) -> String {
    let sets = set.iter().flat_map(|set| ["--set", set]);
    let args: Vec<&str> = ["check", "drawn.toml"].into_iter().chain(sets).collect();
    with(text).shown(&args)
}

#[test]
fn a_terminating_scenario_is_summed_up() {
    let text = format!("{DRAWN}[axes]\n\"cache.memory\" = [\"64 MiB\", \"1 GiB\"]\n");
    let shown = shown(&text, &[]);
    let parts = [
        "2 points x 2 servers x 3 replications = 12 runs",
        "terminating, warm start",
        "1000 in 1000 sessions",
        // 500 files of 64 KiB each.
        "500, 31.25 MiB",
        "1 x nvme of 931.5 GiB",
        "of 64 MiB",
        "of 1 GiB",
        // Each plays its 1,000 requests twice.
        "24 thousand simulated requests",
        "Machine profile epyc-vm: validated",
    ];
    assert_has(&shown, &parts);
    assert!(!shown.contains("Warnings"), "{shown}");
}

#[test]
fn shares_of_the_memory_are_of_each_point() {
    let in_small = shown(DRAWN, &["cache.memory=64 MiB"]);
    let in_large = shown(DRAWN, &["cache.memory=128 MiB"]);
    let share = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("nb-amped"));
        let words: Vec<&str> = line.expect("a row").split_whitespace().collect();
        words[3].parse::<f64>().expect("a share in per cent")
    };
    assert!((share(&in_small) / share(&in_large) - 2.0).abs() < 0.01);
}

#[test]
fn a_steady_scenario_with_arrivals_counts_what_arrives() {
    let open = DRAWN
        .replace(
            "clients = 10\nrequests = 1000\n",
            "arrivals = { kind = \"poisson\", rate = 500 }\n",
        )
        .replace("start = \"warm\"", "duration = \"20 s\"")
        .replace("zipf = 1.0", "zipf = 1.0\nsession_requests = 4");
    // 500 sessions of 4 requests, 20 s, 2 servers, 3 replications.
    assert_has(
        &shown(&open, &[]),
        &["steady, 20 s", "240 thousand simulated requests"],
    );
}

#[test]
fn a_steady_scenario_with_clients_has_a_limit() {
    let closed = DRAWN
        .replace("requests = 1000\n", "")
        .replace("start = \"warm\"", "duration = \"20 s\"")
        .replace("zipf = 1.0", "zipf = 1.0\nthink_between = \"1 s\"");
    // 10 clients that pause 1 s between requests, 20 s, 2 servers, 3 replications.
    assert_has(
        &shown(&closed, &[]),
        &["at most 1.2 thousand simulated requests"],
    );
}

#[test]
fn with_a_precision_replications_are_a_range() {
    let shown = shown(DRAWN, &["run.precision=2%", "run.max_replications=20"]);
    assert_has(
        &shown,
        &[
            "10 to 20 replications = up to 40 runs",
            "at most 80 thousand",
        ],
    );
}

#[test]
fn probable_mistakes_are_warned_of() {
    let warned = [
        ("run.replications=1", "no interval is known"),
        (
            "run.max_replications=50",
            "does nothing without run.precision",
        ),
        ("machine.cpus=2", "the others are idle"),
        ("server.copies=2", "copies share a CPU"),
        ("machine.stripe=64 KiB", "machine.stripe does nothing"),
        ("workload.requests=5", "some clients never ask"),
        (
            "server.pool_threads=8",
            "server.pool_threads does nothing: it is for nb-amted, nb-amted-nowait",
        ),
    ];
    for (set, warning) in warned {
        assert_has(&shown(DRAWN, &[set]), &["Warnings", warning]);
    }
    let axis = format!("{DRAWN}[axes]\n\"server.chunk\" = [\"8 KiB\"]\n");
    assert_has(&shown(&axis, &[]), &["axes.\"server.chunk\" has one value"]);
}

#[test]
fn what_is_meant_is_not_warned_of() {
    let meant = [
        "run.replications=5",
        "server.pool_threads=32",
        "server.helpers=2",
        "machine.pinned=true",
    ];
    for set in meant {
        let shown = shown(DRAWN, &[set]);
        assert!(!shown.contains("Warnings"), "{set}: {shown}");
    }
}

#[test]
fn errors_are_those_of_run() {
    let fixture = with(&DRAWN.replace("clients = 10", "cleints = 10"));
    let parts = [
        "drawn.toml:7: workload.cleints: ",
        "did you mean `clients`?",
    ];
    fixture.refuses(&["check", "drawn.toml"], &parts);
    let fixture = with(DRAWN);
    let profile = [
        "check",
        "drawn.toml",
        "--set",
        "machine.profile=nowhere.toml",
    ];
    fixture.refuses(&profile, &["machine.profile (overridden)", "nowhere.toml"]);
    let small = ["check", "drawn.toml", "--set", "cache.memory=1 MiB"];
    fixture.refuses(&small, &["cache.memory (overridden)", "give at least"]);
    fixture.refuses(
        &["check", "none.toml"],
        &["none.toml", "cannot read the scenario"],
    );
}

#[test]
fn the_shipped_scenarios_can_be_run() {
    let folder = std::fs::read_dir(repository("scenarios")).expect("a folder");
    let files = folder.map(|entry| entry.expect("an entry").path());
    let mut checked = 0;
    for file in files.filter(|file| file.extension().is_some_and(|it| it == "toml")) {
        let file = file.to_str().expect("UTF-8").to_owned();
        assert_has(&Fixture::new().shown(&["check", &file]), &["can be run."]);
        checked += 1;
    }
    assert!(checked > 1);
}
