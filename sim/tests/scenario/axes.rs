//! Axes: what they become, and what is refused.

use crate::folder::{Folder, and, assert_refused};

#[test]
fn every_combination_is_a_point_the_last_axis_first() {
    let folder = Folder::new();
    let axes = "[axes]\n\"machine.cpus\" = [1, 2]\n\"server.chunk\" = \"4 KiB..16 KiB:log:3\"\n";
    folder.write("s.toml", &and(axes));
    let loaded = folder.load("s.toml");
    assert_eq!(loaded.axes, ["machine.cpus", "server.chunk"]);
    let keys = |point: &sim::scenario::load::Point| {
        (
            point.scenario.machine.cpus,
            point.scenario.server.chunk.0 >> 10,
        )
    };
    assert_eq!(
        loaded.points.iter().map(keys).collect::<Vec<_>>(),
        [(1, 4), (1, 8), (1, 16), (2, 4), (2, 8), (2, 16)]
    );
}

#[test]
fn lists_and_ranges_that_are_none_are_refused() {
    let wrong = [
        ("[]", "has no values"),
        ("3", "an axis is a list of values, or a range"),
        ("\"1\"", "is no range"),
        ("\"1..\"", "is no range"),
        ("\"1..8\"", "is no range"),
        ("\"1..8:log\"", "is no range"),
        ("\"1..8:1\"", "from 2 to"),
        ("\"1..8:100000\"", "from 2 to"),
        ("\"0..8:log:3\"", "needs bounds above 0"),
        ("\"1 KiB..8 ms:3\"", "is no range"),
    ];
    for (values, words) in wrong {
        let line = format!("\"machine.cpus\" = {values}");
        let text = and(&format!("[axes]\n{line}\n"));
        assert_refused(&text, &line, "axes.\"machine.cpus\"", words);
    }
    let text = format!("axes = 3\n{}", and(""));
    assert_refused(&text, "axes = 3", "axes", "expected a map");
}

#[test]
fn a_key_or_value_that_a_scenario_cannot_have_is_refused_on_an_axis() {
    let wrong = [
        (
            "\"machine.cpu\" = [1, 2]",
            "machine.cpu",
            "did you mean `cpus`?",
        ),
        (
            "\"machine.cpus\" = [1, \"two\"]",
            "machine.cpus",
            "\"two\": invalid type",
        ),
        (
            "\"workload.clients\" = [1, 0]",
            "workload.clients",
            "must be 1 to",
        ),
        (
            "\"cache.memory\" = [\"64 MiB\", \"1 KiB\"]",
            "cache.memory",
            "too little",
        ),
        (
            "\"axes.machine\" = [1]",
            "axes.machine",
            "axes cannot be set",
        ),
        (
            "\"extends\" = [\"a\"]",
            "extends",
            "can only stand in the file",
        ),
    ];
    for (line, key, words) in wrong {
        let key = match key.contains('.') {
            true => format!("axes.\"{key}\""),
            false => format!("axes.{key}"),
        };
        assert_refused(&and(&format!("[axes]\n{line}\n")), line, &key, words);
    }
}
