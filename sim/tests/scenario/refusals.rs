//! Keys that no scenario has, and values that no key takes.

use crate::folder::{Folder, Place, SMALL, and, assert_blames, assert_refused, with};

#[test]
fn a_scenario_that_nothing_is_wrong_with_is_loaded() {
    let folder = Folder::new();
    folder.write("s.toml", SMALL);
    let loaded = folder.load("s.toml");
    assert_eq!((loaded.title.as_str(), loaded.points.len()), ("small", 1));
    assert_eq!(loaded.workloads[0].played, Some((2, 4)));
    assert_eq!(loaded.text, SMALL);
    assert!(loaded.extended.is_empty());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = Folder::new();
    let error = folder.refusal("s.toml");
    assert_eq!(error.file, folder.path("s.toml"));
    assert!(
        error.message.contains("cannot read the scenario"),
        "{error}"
    );
}

#[test]
fn what_is_no_toml_is_refused_at_its_line() {
    assert_refused(
        &with("clients = 2", "clients = = 2"),
        "clients = = 2",
        "",
        "",
    );
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest() {
    let unknown = [
        (
            "memory = ",
            "memry = ",
            "cache.memry",
            "did you mean `memory`?",
        ),
        ("title", "tittle", "tittle", "did you mean `title`?"),
        ("[cache]", "[cahce]", "cahce", "did you mean `cache`?"),
    ];
    for (old, new, key, words) in unknown {
        let text = with(old, new);
        let line = text.lines().find(|line| line.contains(new)).expect("it");
        assert_refused(&text, line, key, words);
    }
    let deep = "[workload.synthetic]\nobject = 3\n";
    let key = "workload.synthetic.object";
    assert_refused(&and(deep), "object = 3", key, "did you mean `objects`?");
}

#[test]
fn an_unknown_word_is_answered_with_the_known_ones() {
    let words = [
        (
            "[server]\naccept = \"drian\"\n",
            "server.accept",
            "did you mean `drain`?",
        ),
        (
            "[server]\ndata_path = \"send_file\"\n",
            "server.data_path",
            "did you mean `sendfile`?",
        ),
        (
            "[server]\nname_test = \"non\"\n",
            "server.name_test",
            "did you mean `none`?",
        ),
        (
            "[server]\naio = \"glib\"\n",
            "server.aio",
            "did you mean `glibc`?",
        ),
        (
            "[run]\nstart = \"wram\"\n",
            "run.start",
            "did you mean `warm`?",
        ),
        (
            "[run]\nwarm_up = \"of\"\n",
            "run.warm_up",
            "did you mean `off`?",
        ),
    ];
    for (table, key, answer) in words {
        let line = table.lines().nth(1).expect("the key's");
        assert_refused(&and(table), line, key, answer);
    }
    let policy = "policy = \"lur\"";
    let text = with(
        "memory = \"64 MiB\"",
        &format!("memory = \"64 MiB\"\n{policy}"),
    );
    assert_refused(&text, policy, "cache.policy", "lru");
    let order = "scheduling = \"clook\"";
    let text = with("[machine]", &format!("[machine]\n{order}"));
    assert_refused(&text, order, "machine.scheduling", "c-look");
}

#[test]
fn a_key_that_is_needed_is_named() {
    let needed = [
        ("title = \"small\"\n", "title"),
        ("profile = \"epyc-vm\"\n", "machine.profile"),
        ("disk = \"cheetah9lp\"\n", "machine.disk"),
        ("memory = \"64 MiB\"\n", "cache.memory"),
        ("servers = [\"nb-b\", \"nb-laio\"]\n", "servers"),
    ];
    for (line, key) in needed {
        let folder = Folder::new();
        folder.write("s.toml", &with(line, ""));
        let error = folder.refusal("s.toml");
        assert_eq!(error.key.as_deref(), Some(key), "{error}");
        assert!(error.message.contains("missing"), "{error}");
    }
}

#[test]
fn a_unit_that_a_key_does_not_have_is_refused() {
    let sizes = [
        "64 MiBs",
        "64 parsecs",
        "many",
        "-64 MiB",
        "64 Mbit/s",
        "3 ms",
    ];
    for size in sizes {
        let line = format!("memory = \"{size}\"");
        let text = with("memory = \"64 MiB\"", &line);
        assert_refused(&text, &line, "cache.memory", size);
    }
    for (key, value) in [
        ("rtt", "3 parsecs"),
        ("rtt", "3 MiB"),
        ("client_link", "5 MiB/s"),
    ] {
        let line = format!("{key} = \"{value}\"");
        let text = and(&format!("[network]\n{line}\n"));
        assert_refused(&text, &line, &format!("network.{key}"), value);
    }
    for line in ["memory = 64", "memory = true", "memory = [1]"] {
        let text = with("memory = \"64 MiB\"", line);
        assert_refused(&text, line, "cache.memory", "");
    }
}

#[test]
fn an_impossible_precision_is_refused() {
    for precision in ["0%", "100%", "-2%", "2", "two", "NaN%", "inf%"] {
        let line = format!("precision = \"{precision}\"");
        let text = and(&format!("[run]\n{line}\n"));
        assert_refused(&text, &line, "run.precision", precision);
    }
    let text = "[run]\nprecision = \"2%\"\nmax_replications = 9\n";
    assert_refused(
        &and(text),
        "max_replications = 9",
        "run.max_replications",
        "at least 10",
    );
}

#[test]
fn servers_are_known_and_stand_once() {
    let of = |servers: &str| {
        let line = format!("servers = {servers}");
        (with("servers = [\"nb-b\", \"nb-laio\"]", &line), line)
    };
    let cases = [
        ("[\"nb-liao\"]", "did you mean \"nb-laio\"?"),
        ("[\"apache\"]", "no server is called \"apache\""),
        ("[\"nb-b\", \"mp\", \"nb-b\"]", "names \"nb-b\" twice"),
        ("[]", "names no server"),
        ("\"nb-b\"", "expected a sequence"),
    ];
    for (servers, words) in cases {
        let (text, line) = of(servers);
        assert_refused(&text, &line, "servers", words);
    }
}

#[test]
fn a_profile_that_is_wrong_is_refused_where_it_is() {
    let folder = Folder::new();
    folder.write("s.toml", &with("\"cheetah9lp\"", "\"d.toml\""));
    folder.write(
        "d.toml",
        "kind = \"fixed\"\nsectors = 16777216\nservice = 5\n",
    );
    let place = Place {
        file: "d.toml",
        line: Some("service = 5"),
        key: "service",
    };
    assert_blames(&folder, &folder.refusal("s.toml"), place, "service_ms");
    folder.write("s.toml", &with("\"epyc-vm\"", "\"m.toml\""));
    folder.write("m.toml", "machine = 3\n");
    let place = Place {
        file: "m.toml",
        line: Some("machine = 3"),
        key: "machine",
    };
    assert_blames(
        &folder,
        &folder.refusal("s.toml"),
        place,
        "expected a string",
    );
}

#[test]
fn files_that_a_scenario_names_must_be_there() {
    let named = [
        (
            "profile = \"epyc-vm\"",
            "profile = \"epic-vm\"",
            "machine.profile",
            "did you mean \"epyc-vm\"?",
        ),
        (
            "disk = \"cheetah9lp\"",
            "disk = \"cheetah9pl\"",
            "machine.disk",
            "did you mean \"cheetah9lp\"?",
        ),
        (
            "disk = \"cheetah9lp\"",
            "disk = \"disks/mine.toml\"",
            "machine.disk",
            "disks/mine.toml cannot be read",
        ),
        (
            "trace = \"t.laiotrace\"",
            "trace = \"u.laiotrace\"",
            "workload.trace",
            "u.laiotrace: cannot open the trace",
        ),
    ];
    for (old, new, key, words) in named {
        assert_refused(&with(old, new), new, key, words);
    }
}
