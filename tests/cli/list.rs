//! `laiosim list`.

use sim::machine::disk::DiskProfile;
use sim::scenario::profiles::SHIPPED;
use sim::scenario::{Flavour, Structure};
use sim::stats::METRICS;

use crate::fixture::Fixture;

/// The first words of the lines.
fn names(of: &str) -> Vec<String> {
    let shown = Fixture::new().shown(&["list", of]);
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    shown.lines().filter_map(first).collect()
}

fn assert_lists<S: Into<String>>(of: &str, wanted: impl IntoIterator<Item = S>) {
    let names = names(of);
    for name in wanted {
        let name = name.into();
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

#[test]
fn everything_that_there_is_is_listed() {
    assert_lists("servers", Structure::ALL.map(Structure::name));
    assert_lists(
        "servers",
        Flavour::ALL.map(|flavour| format!("{}-", flavour.name())),
    );
    assert_lists("machines", SHIPPED.map(|shipped| shipped.name));
    assert_lists("disks", DiskProfile::names());
    assert_lists("policies", ["lru", "fifo", "random", "linux"]);
    assert_lists(
        "policies",
        ["fcfs", "sstf", "scan", "c-look", "disksort", "sptf"],
    );
    assert_lists("metrics", METRICS.map(|metric| metric.name()));
}

#[test]
fn a_profile_that_was_not_validated_says_so() {
    let shown = Fixture::new().shown(&["list", "machines"]);
    for shipped in SHIPPED {
        let row = shown.lines().find(|line| line.starts_with(shipped.name));
        let row = row.expect("a row");
        assert_eq!(
            row.contains("NOT validated"),
            shipped.validated.is_none(),
            "{row}"
        );
    }
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let output = Fixture::new().run(&["list", "server"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(
        message.contains("servers, machines, disks, policies, metrics"),
        "{message}"
    );
}
