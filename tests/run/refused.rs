//! Wrong input: exit code 2, a message with file, line and key, nothing run, nothing written.

use crate::fixture::{Fixture, shipped_trace, stderr};

#[test]
fn missing_scenario() {
    let fixture = Fixture::new();
    std::fs::remove_file(fixture.path("tiny.toml")).expect("removed");
    fixture.refuses(&[], &["tiny.toml: ", "cannot read the scenario"]);
}

#[test]
fn syntax_error() {
    let fixture = Fixture::replacing("clients = 8", "clients = ");
    fixture.refuses(&[], &["tiny.toml:14: "]);
}

#[test]
fn unknown_key_with_the_nearest_known_one() {
    let fixture = Fixture::replacing("clients = 8", "cleints = 8");
    let parts = [
        "tiny.toml:14: workload.cleints: ",
        "did you mean `clients`?",
    ];
    fixture.refuses(&[], &parts);
}

#[test]
fn unknown_section() {
    let fixture = Fixture::replacing("[cache]", "[cahce]");
    fixture.refuses(&[], &["tiny.toml:9: cahce: ", "did you mean `cache`?"]);
}

#[test]
fn missing_key() {
    let fixture = Fixture::replacing("clients = 8\n", "");
    fixture.refuses(
        &[],
        &["tiny.toml:12: workload.clients: ", "either clients or"],
    );
}

#[test]
fn wrong_unit() {
    let fixture = Fixture::replacing("memory = \"8 MiB\"", "memory = \"8 parsecs\"");
    fixture.refuses(
        &[],
        &["tiny.toml:10: cache.memory: ", "write a number and a unit"],
    );
}

#[test]
fn no_unit() {
    let fixture = Fixture::replacing("memory = \"8 MiB\"", "memory = \"8\"");
    fixture.refuses(&[], &["tiny.toml:10: cache.memory: ", "needs a unit"]);
}

#[test]
fn sizes_that_are_negative_or_zero() {
    for (size, part) in [("-8 MiB", "not a size"), ("0 B", "too little")] {
        let fixture = Fixture::without_axes(|text| {
            text.replace("memory = \"8 MiB\"", &format!("memory = \"{size}\""))
        });
        fixture.refuses(&[], &["tiny.toml:10: cache.memory: ", part]);
    }
}

#[test]
fn a_cache_smaller_than_a_page() {
    let fixture =
        Fixture::without_axes(|text| text.replace("memory = \"8 MiB\"", "memory = \"4095 B\""));
    let parts = [
        "tiny.toml:10: cache.memory: ",
        "too little",
        "give at least",
    ];
    fixture.refuses(&[], &parts);
}

#[test]
fn impossible_precisions() {
    for (precision, part) in [
        ("0%", "an impossible precision"),
        ("200%", "an impossible precision"),
        ("abc", "not a precision"),
    ] {
        let with = format!("replications = 3\nprecision = \"{precision}\"");
        let fixture = Fixture::replacing("replications = 3", &with);
        fixture.refuses(&[], &["tiny.toml:19: run.precision: ", part, precision]);
        let set = format!("run.precision={precision}");
        let parts = ["tiny.toml: run.precision (overridden): ", part];
        Fixture::new().refuses(&["--set", &set], &parts);
    }
}

#[test]
fn zero_clients() {
    let fixture = Fixture::replacing("clients = 8", "clients = 0");
    let parts = ["tiny.toml:14: workload.clients: ", "must be 1 to"];
    fixture.refuses(&[], &parts);
}

#[test]
fn too_many_clients() {
    let fixture = Fixture::replacing("clients = 8", "clients = 4_000_000_000");
    let parts = ["tiny.toml:14: workload.clients: ", "to 1000000"];
    fixture.refuses(&[], &parts);
}

#[test]
fn unknown_server() {
    let fixture = Fixture::replacing("\"nb-amped\"", "\"nb-ampde\"");
    fixture.refuses(
        &[],
        &["tiny.toml:3: servers: ", "did you mean \"nb-amped\"?"],
    );
}

#[test]
fn the_same_server_twice() {
    let fixture = Fixture::replacing("\"nb-amped\"", "\"nb-b\"");
    fixture.refuses(&[], &["tiny.toml:3: servers: ", "\"nb-b\" twice"]);
}

#[test]
fn cache_too_small_on_the_axis() {
    let fixture = Fixture::replacing("\"16 MiB\"", "\"1 MiB\"");
    let parts = [
        "tiny.toml:21: axes.\"cache.memory\": ",
        "too little",
        "give at least",
    ];
    fixture.refuses(&[], &parts);
}

#[test]
fn cache_too_small_in_its_place() {
    let fixture =
        Fixture::without_axes(|text| text.replace("memory = \"8 MiB\"", "memory = \"1 MiB\""));
    fixture.refuses(
        &[],
        &[
            "tiny.toml:10: cache.memory: ",
            "too little",
            "give at least",
        ],
    );
}

#[test]
fn axis_of_an_unknown_key() {
    let fixture = Fixture::replacing("\"cache.memory\" =", "\"cache.memroy\" =");
    let parts = [
        "tiny.toml:21: axes.\"cache.memroy\": ",
        "did you mean `memory`?",
    ];
    fixture.refuses(&[], &parts);
}

#[test]
fn axis_with_a_wrong_value() {
    let fixture = Fixture::replacing("\"16 MiB\"", "\"16 s\"");
    let parts = [
        "tiny.toml:21: axes.\"cache.memory\": ",
        "16 s",
        "not a size",
    ];
    fixture.refuses(&[], &parts);
}

#[test]
fn axis_without_values() {
    let fixture = Fixture::replacing("[\"8 MiB\", \"16 MiB\"]", "[]");
    fixture.refuses(&[], &["tiny.toml:21: axes.\"cache.memory\": ", "no values"]);
}

#[test]
fn missing_trace() {
    let fixture = Fixture::replacing(&shipped_trace().display().to_string(), "none.laiotrace");
    let parts = [
        "tiny.toml:13: workload.trace: ",
        "none.laiotrace",
        "cannot open",
    ];
    fixture.refuses(&[], &parts);
}

#[test]
fn truncated_trace() {
    let fixture = Fixture::replacing(&shipped_trace().display().to_string(), "cut.laiotrace");
    let whole = std::fs::read(shipped_trace()).expect("the trace");
    let half = &whole[..whole.len() / 2];
    std::fs::write(fixture.path("cut.laiotrace"), half).expect("written");
    let parts = [
        "tiny.toml:13: workload.trace: ",
        "cut.laiotrace",
        "cut off at byte",
    ];
    fixture.refuses(&[], &parts);
}

#[test]
fn empty_traces() {
    let trace = shipped_trace().display().to_string();
    let fixture = Fixture::replacing(&trace, "empty.laiotrace");
    std::fs::write(fixture.path("empty.laiotrace"), "").expect("written");
    let parts = ["tiny.toml:13: workload.trace: ", "empty.laiotrace"];
    fixture.refuses(&[], &parts);
}

#[test]
fn unknown_profile() {
    let fixture = Fixture::replacing("\"epyc-vm\"", "\"epic-vm\"");
    let parts = [
        "tiny.toml:6: machine.profile: ",
        "did you mean \"epyc-vm\"?",
    ];
    fixture.refuses(&[], &parts);
}

#[test]
fn overrides_that_no_scenario_can_have() {
    let fixture = Fixture::new();
    let refused = [
        ("cache.memroy=8 MiB", "cache.memroy (overridden): "),
        ("cache.memory=8 s", "cache.memory (overridden): not a size"),
        (
            "workload.clients=0",
            "workload.clients (overridden): must be 1 to",
        ),
        (
            "network.rtt=1000000 min",
            "network.rtt (overridden): must be at most",
        ),
        (
            "network.client_link=1e-9 kbit/s",
            "network.client_link (overridden): must be",
        ),
        (
            "machine.quantum=1 ns",
            "machine.quantum (overridden): must be from 10 us",
        ),
        ("run.seed=-1", "run.seed (overridden): "),
        ("nonsense=1", "nonsense (overridden): "),
        ("cache=1", "cache (overridden): "),
        ("axes.x=[1]", "axes.x (overridden): axes cannot be set"),
    ];
    for (set, part) in refused {
        fixture.refuses(&["--set", set], &["tiny.toml: ", part]);
    }
}

#[test]
fn arguments_that_clap_refuses() {
    let fixture = Fixture::new();
    let refused: [&[&str]; 10] = [
        &["--set", "cache.memory"],
        &["--set", "=1"],
        &["--servers", "nb-ampde"],
        &["--seed", "-1"],
        &["-j", "0"],
        &["--nonsense"],
        &["--time-limit", "10"],
        &["--timeline-spans", "10"],
        &["--timeline", "t.json", "--timeline-spans", "0"],
        &["other.toml"],
    ];
    for args in refused {
        let output = fixture.run(&[args, &["-o", "out"]].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).starts_with("error: "), "{args:?}");
        assert!(!fixture.path("out").exists(), "{args:?}");
    }
}
