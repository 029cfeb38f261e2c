//! Scenarios that extend others.

use sim::scenario::load::Overrides;

use crate::folder::{Folder, Place, SMALL, and, assert_blames, with};

/// A folder where `child.toml` extends the small scenario with `changes`.
fn family(parent: &str, changes: &str) -> Folder {
    let folder = Folder::new();
    folder.write("base/parent.toml", parent);
    folder.write_trace("base/t.laiotrace");
    let child = format!("extends = \"base/parent.toml\"\n{changes}");
    folder.write("child.toml", &child);
    folder
}

fn assert_refused_at(folder: &Folder, file: &str, line: &str, key: &str, words: &str) {
    let place = Place {
        file,
        line: Some(line),
        key,
    };
    assert_blames(folder, &folder.refusal("child.toml"), place, words);
}

#[test]
fn the_others_keys_hold_where_it_says_nothing() {
    let folder = family(SMALL, "title = \"child\"\n[cache]\nmemory = \"32 MiB\"\n");
    let loaded = folder.load("child.toml");
    let scenario = &loaded.points[0].scenario;
    assert_eq!(
        (loaded.title.as_str(), scenario.servers.len()),
        ("child", 2)
    );
    assert_eq!(scenario.cache.memory.0, 32 << 20);
    assert_eq!(loaded.extended.len(), 1);
    assert_eq!(loaded.extended[0].1, SMALL);
}

#[test]
fn an_extended_scenario_may_lack_keys_that_the_child_has() {
    let folder = family(&with("title = \"small\"\n", ""), "title = \"child\"\n");
    assert_eq!(folder.load("child.toml").title, "child");
    let folder = family(&with("title = \"small\"\n", ""), "");
    let error = folder.refusal("child.toml");
    assert_eq!(error.key.as_deref(), Some("title"), "{error}");
}

#[test]
fn an_unknown_key_is_blamed_on_the_file_that_has_it() {
    let folder = family(SMALL, "[cache]\nmemry = \"1 MiB\"\n");
    let words = "did you mean `memory`?";
    assert_refused_at(
        &folder,
        "child.toml",
        "memry = \"1 MiB\"",
        "cache.memry",
        words,
    );
    let folder = family(&with("memory", "memry"), "[cache]\nread_ahead = \"0 B\"\n");
    let line = "memry = \"64 MiB\"";
    assert_refused_at(&folder, "base/parent.toml", line, "cache.memry", words);
}

#[test]
fn a_value_of_the_wrong_type_is_blamed_on_the_file_that_has_it() {
    let folder = family(
        SMALL,
        "\n\n[workload]\n# as many as there are\nclients = \"all\"\n",
    );
    let (line, key) = ("clients = \"all\"", "workload.clients");
    assert_refused_at(&folder, "child.toml", line, key, "invalid type");
    let folder = family(
        &with("clients = 2", line),
        "\n\n[cache]\nread_ahead = \"0 B\"\n",
    );
    assert_refused_at(&folder, "base/parent.toml", line, key, "invalid type");
    // One that it sets right is none of the other's any more.
    let folder = family(&with("clients = 2", line), "[workload]\nclients = 2\n");
    folder.load("child.toml");
}

#[test]
fn a_value_that_is_refused_is_blamed_on_the_file_that_has_it() {
    let (line, key) = ("clients = 0", "workload.clients");
    let folder = family(SMALL, "[workload]\nclients = 0\n");
    assert_refused_at(&folder, "child.toml", line, key, "must be 1 to");
    let folder = family(&with("clients = 2", line), "[workload]\nrequests = 3\n");
    assert_refused_at(&folder, "base/parent.toml", line, key, "must be 1 to");
}

#[test]
fn what_is_no_toml_is_blamed_on_its_file() {
    let folder = family(&with("clients = 2", "clients = = 2"), "");
    assert_refused_at(&folder, "base/parent.toml", "clients = = 2", "", "");
}

/// Profile, disk and trace, through two folders.
#[test]
fn files_are_named_relative_to_the_file_that_names_them() {
    let folder = Folder::new();
    let parent = with("cheetah9lp", "disk").replace("t.laiotrace", "traces/mine");
    folder.write(
        "one/two/parent.toml",
        &parent.replace("epyc-vm", "../m.toml"),
    );
    folder.write(
        "one/two/disk",
        "kind = \"fixed\"\nsectors = 16777216\nservice_ms = 3.0\n",
    );
    folder.write("one/m.toml", crate::folder::PROFILE);
    folder.write_trace("one/two/traces/mine");
    folder.write("one/middle.toml", "extends = \"two/parent.toml\"\n");
    folder.write("child/child.toml", "extends = \"../one/middle.toml\"\n");
    let loaded = folder.load("child/child.toml");
    assert_eq!(loaded.workloads[0].played, Some((2, 4)));
    assert_eq!(loaded.extended.len(), 2);
    // And wherever the child has one of its own.
    folder.write(
        "child/child.toml",
        "extends = \"../one/middle.toml\"\n[machine]\ndisk = \"mine\"\n",
    );
    folder.write(
        "child/mine",
        "kind = \"fixed\"\nsectors = 8388608\nservice_ms = 3.0\n",
    );
    let loaded = folder.load("child/child.toml");
    assert_eq!(loaded.points[0].disk.sectors(), 8_388_608);
}

#[test]
fn axes_name_files_relative_to_the_file_that_names_them() {
    let axes = "[axes]\n\"machine.disk\" = [\"slow.toml\", \"cheetah9lp\"]\n";
    let folder = family(&and(axes), "");
    folder.write(
        "base/slow.toml",
        "kind = \"fixed\"\nsectors = 16777216\nservice_ms = 30.0\n",
    );
    let loaded = folder.load("child.toml");
    assert_eq!(loaded.points[0].disk.sectors(), 16_777_216);
}

#[test]
fn a_file_that_is_missing_is_blamed_on_the_file_that_names_it() {
    let folder = family(
        &with("t.laiotrace", "u.laiotrace"),
        "[cache]\nread_ahead = \"0 B\"\n",
    );
    let line = "trace = \"u.laiotrace\"";
    let words = "base/u.laiotrace: cannot open";
    assert_refused_at(&folder, "base/parent.toml", line, "workload.trace", words);
    let folder = family(&with("cheetah9lp", "cheetah9pl"), "");
    let line = "disk = \"cheetah9pl\"";
    let words = "did you mean \"cheetah9lp\"?";
    assert_refused_at(&folder, "base/parent.toml", line, "machine.disk", words);
}

#[test]
fn a_key_of_the_child_is_no_axis_any_more() {
    let axes = "[axes]\n\"workload.clients\" = [1, 2, 3]\n\"machine.cpus\" = [1, 2]\n";
    let folder = family(&and(axes), "[workload]\nclients = 5\n");
    let loaded = folder.load("child.toml");
    assert_eq!(loaded.axes, ["machine.cpus"]);
    let clients = loaded
        .points
        .iter()
        .map(|point| point.scenario.workload.clients);
    assert_eq!(clients.collect::<Vec<_>>(), [Some(5), Some(5)]);
    // Nor are its axes the other's.
    let folder = family(&and(axes), "[axes]\n\"workload.clients\" = [7]\n");
    let loaded = folder.load("child.toml");
    assert_eq!(loaded.axes, ["machine.cpus", "workload.clients"]);
    assert_eq!(loaded.points.len(), 2);
}

#[test]
fn an_axis_is_blamed_on_the_file_that_has_it() {
    let axes = "[axes]\n\"workload.clients\" = []\n";
    let (line, key) = ("\"workload.clients\" = []", "axes.\"workload.clients\"");
    let folder = family(&and(axes), "");
    assert_refused_at(&folder, "base/parent.toml", line, key, "has no values");
    let folder = family(SMALL, axes);
    assert_refused_at(&folder, "child.toml", line, key, "has no values");
}

#[test]
fn circles_are_refused() {
    let folder = family("extends = \"../child.toml\"\n", "");
    let line = "extends = \"../child.toml\"";
    assert_refused_at(&folder, "base/parent.toml", line, "extends", "a circle");
    folder.write("child.toml", "extends = \"child.toml\"\n");
    let line = "extends = \"child.toml\"";
    assert_refused_at(&folder, "child.toml", line, "extends", "a circle");
}

#[test]
fn what_is_extended_must_be_there() {
    let folder = Folder::new();
    folder.write(
        "child.toml",
        "title = \"child\"\nextends = \"nobody.toml\"\n",
    );
    let words = "nobody.toml: cannot read the scenario";
    assert_refused_at(
        &folder,
        "child.toml",
        "extends = \"nobody.toml\"",
        "extends",
        words,
    );
    folder.write("child.toml", "extends = 3\n");
    assert_refused_at(
        &folder,
        "child.toml",
        "extends = 3",
        "extends",
        "expected a string",
    );
}

#[test]
fn an_override_stands_above_both() {
    let folder = family(SMALL, "[workload]\nclients = 5\n");
    let set = Overrides::of_keys(&[("workload.clients".to_owned(), "7".to_owned())]);
    let loaded = folder.try_load("child.toml", &set).expect("loaded");
    assert_eq!(loaded.points[0].scenario.workload.clients, Some(7));
}
