//! What cannot be done: exit code 2, a message that names the key, nothing run, nothing written.

use crate::fixture::{AXES, Fixture, stderr};

#[test]
fn an_unknown_axis_with_the_nearest_key() {
    let fixture = Fixture::new();
    let parts = ["--axis memroy: ", "did you mean cache.memory?"];
    fixture.refuses("out", &["--axis", "memroy=8MiB,16MiB"], &parts);
    let parts = ["--axis cache.memmory: ", "did you mean cache.memory?"];
    fixture.refuses("out", &["--axis", "cache.memmory=8MiB,16MiB"], &parts);
}

#[test]
fn an_ambiguous_axis_with_its_candidates() {
    let fixture = Fixture::new();
    let parts = [
        "--axis think: ",
        "workload.think",
        "workload.synthetic.think",
    ];
    fixture.refuses("out", &["--axis", "think=1ms,2ms"], &parts);
}

#[test]
fn values_that_the_key_cannot_take() {
    let fixture = Fixture::new();
    for (axis, parts) in [
        ("memory=8,16", ["cache.memory", "as in \"8 MiB\""]),
        ("memory=8parsecs", ["cache.memory", "not a size"]),
        ("memory=8MiB..4GiB", ["cache.memory", "is no range"]),
        ("clients=8,many", ["workload.clients", "many"]),
        ("clients=8..32:log:1", ["workload.clients", "2 to"]),
        ("clients=0,8", ["workload.clients", "must be 1 to"]),
        ("clients=", ["workload.clients", "no values"]),
        ("clients=8,8", ["workload.clients = 8", "twice"]),
    ] {
        fixture.refuses("out", &["--axis", axis], &parts);
    }
}

#[test]
fn an_axis_without_values() {
    let fixture = Fixture::new();
    fixture.refuses("out", &["--axis", "clients"], &["--axis", "KEY=VALUES"]);
}

#[test]
fn a_key_that_is_set_as_well() {
    let fixture = Fixture::new();
    let args = ["--axis", "clients=4,8", "--set", "workload.clients=4"];
    fixture.refuses("out", &args, &["--axis clients: ", "also set"]);
    let args = ["--axis", "seed=1,2", "--seed", "3"];
    fixture.refuses("out", &args, &["--axis seed: run.seed is also set"]);
}

#[test]
fn no_axis_at_all() {
    let fixture = Fixture::new();
    fixture.refuses("out", &[], &["tiny.toml: nothing to sweep", "--axis"]);
}

#[test]
fn a_folder_that_holds_a_different_sweep() {
    let fixture = Fixture::new();
    let axis = ["--axis", "clients=4,8"];
    fixture.shown("out", &axis);
    let other = |more: &[&str], parts: &[&str]| {
        let ways_out = ["another -o", "--force-new"];
        fixture.refuses("out", &[&axis, more].concat(), &[parts, &ways_out].concat());
    };
    other(&["--seed", "7"], &["run.seed: 1 there, 7 here"]);
    other(&["--servers", "nb-b"], &["servers: "]);
    other(
        &["--set", "machine.profile=nvme-2024"],
        &["machine.profile"],
    );
    fixture.refuses(
        "out",
        &["--axis", "clients=4,16"],
        &["axis workload.clients: 4, 8 there, 4, 16 here"],
    );
}

#[test]
fn a_machine_profile_with_other_contents() {
    let fixture = Fixture::new();
    let profile = include_str!("../../sim/profiles/machines/epyc-vm.toml");
    std::fs::write(fixture.path("own.toml"), profile).expect("written");
    let args = ["--axis", "clients=4,8", "--set", "machine.profile=own.toml"];
    fixture.shown("out", &args);
    let changed = profile.replacen("machine = \"", "machine = \"not ", 1);
    assert_ne!(changed, profile);
    std::fs::write(fixture.path("own.toml"), changed).expect("written");
    fixture.refuses("out", &args, &["contents of machine profile own.toml"]);
}

#[test]
fn a_folder_with_results_of_something_else() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("out")).expect("created");
    std::fs::write(fixture.path("out/results.csv"), "mine").expect("written");
    fixture.refuses("out", &AXES, &["out: holds results.csv", "another -o"]);
}

#[test]
fn an_unknown_server() {
    let fixture = Fixture::new();
    let args = ["--axis", "clients=4,8", "--servers", "nb-ampde"];
    fixture.refuses("out", &args, &["servers", "nb-amped"]);
}

#[test]
fn force_new_replaces_a_different_sweep_and_nothing_else() {
    let fixture = Fixture::new();
    fixture.shown("out", &["--axis", "clients=4,8,16"]);
    std::fs::write(fixture.path("out/notes.txt"), "mine").expect("written");
    let args = ["--axis", "clients=4,8", "--seed", "7"];
    let shown = fixture.shown("out", &[&args[..], &["--force-new"]].concat());
    assert!(shown.contains("2 points computed"), "{shown}");
    assert_eq!(fixture.read("out/notes.txt"), "mine");
    std::fs::remove_file(fixture.path("out/notes.txt")).expect("removed");
    fixture.shown("fresh", &args);
    assert_eq!(fixture.files("out"), fixture.files("fresh"));
}

#[test]
fn help_has_examples() {
    let fixture = Fixture::new();
    let output = fixture.run("out", &["--help"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        help.contains("Examples:") && help.contains("--axis memory="),
        "{help}"
    );
}
