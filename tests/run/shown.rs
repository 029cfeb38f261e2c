//! What a run shows: who wins and why, in tables that fit.

use crate::fixture::{Fixture, words};

#[test]
fn what_is_shown_says_who_wins_why_and_what_the_interval_covers() {
    let shown = words(&Fixture::new().shown(&[]));
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
        "Machine profile epyc-vm: ",
        "does not cover other days",
    ] {
        assert!(shown.contains(part), "no {part:?} in:\n{shown}");
    }
    assert!(!shown.contains("NaN") && !shown.contains("inf"), "{shown}");
}

#[test]
fn the_tables_fit_a_hundred_columns_with_any_number_of_servers() {
    let all = sim::scenario::Structure::ALL.map(sim::scenario::Structure::name);
    let eleven = all.join(",");
    let eleven = [
        "--full",
        "--set",
        "cache.memory=16 MiB",
        "--servers",
        &eleven,
    ];
    for args in [&[][..], &["--full"], &eleven] {
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
