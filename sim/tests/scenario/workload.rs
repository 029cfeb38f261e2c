//! `[workload]` and the trace that it names.

use crate::folder::{Folder, Place, SMALL, and, assert_blames, assert_refused, drawn, with};

const AT_THE_TRACE: Place = Place {
    file: "s.toml",
    line: Some("trace = \"t.laiotrace\""),
    key: "workload.trace",
};

#[test]
fn an_empty_trace_is_refused() {
    let folder = Folder::new();
    folder.write("s.toml", SMALL);
    folder.write("t.laiotrace", "");
    let words = "t.laiotrace: ";
    assert_blames(&folder, &folder.refusal("s.toml"), AT_THE_TRACE, words);
}

#[test]
fn a_trace_that_ends_early_is_refused_wherever_it_is_cut() {
    let folder = Folder::new();
    folder.write("s.toml", SMALL);
    let whole = std::fs::read(folder.path("t.laiotrace")).expect("a trace");
    for length in 0..whole.len() {
        std::fs::write(folder.path("t.laiotrace"), &whole[..length]).expect("a file");
        assert_blames(&folder, &folder.refusal("s.toml"), AT_THE_TRACE, "");
    }
    std::fs::write(folder.path("t.laiotrace"), &whole).expect("a file");
    folder.load("s.toml");
}

#[test]
fn what_is_no_trace_is_refused() {
    let folder = Folder::new();
    folder.write("s.toml", SMALL);
    folder.write("t.laiotrace", "127.0.0.1 - - \"GET / HTTP/1.0\" 200 1234\n");
    assert_blames(&folder, &folder.refusal("s.toml"), AT_THE_TRACE, "");
}

#[test]
fn there_is_one_source_of_sessions_and_one_law_of_their_beginning() {
    let both = and("[workload.synthetic]\npreset = \"rice-like\"\n");
    let key = "workload.synthetic";
    assert_refused(
        &both,
        "[workload.synthetic]",
        key,
        "cannot stand beside trace",
    );
    let neither = with("trace = \"t.laiotrace\"\n", "");
    assert_refused(&neither, "[workload]", "workload.trace", "is needed");
    let both = and("[workload.arrivals]\nkind = \"trace\"\n");
    let key = "workload.arrivals";
    assert_refused(
        &both,
        "[workload.arrivals]",
        key,
        "cannot stand beside clients",
    );
    let neither = with("clients = 2\n", "");
    assert_refused(&neither, "[workload]", "workload.clients", "is needed");
}

#[test]
fn keys_of_other_workloads_are_refused() {
    let line = "time_scale = 2.0";
    let text = with("clients = 2", &format!("clients = 2\n{line}"));
    assert_refused(&text, line, "workload.time_scale", "arrivals.kind");
    for line in ["gap = \"5 s\"", "think = \"5 s\""] {
        let key = format!("workload.{}", line.split(' ').next().expect("a key"));
        let text = drawn().replace("clients = 2", &format!("clients = 2\nrequests = 9\n{line}"));
        assert_refused(&text, line, &key, "is for traces only");
    }
    let open = with(
        "clients = 2",
        "[workload.arrivals]\nkind = \"poisson\"\nrate = 5\non = \"1 s\"",
    );
    assert_refused(
        &open,
        "on = \"1 s\"",
        "workload.arrivals.on",
        "no use for it",
    );
    let open = with(
        "clients = 2",
        "[workload.arrivals]\nkind = \"poisson\"\nrate = 0",
    );
    assert_refused(&open, "rate = 0", "workload.arrivals.rate", "above 0");
}

#[test]
fn drawn_objects_have_their_ranges() {
    let line = "zipf = -0.8";
    let text = drawn()
        .replace("zipf = 0.8", line)
        .replace("clients", "requests = 9\nclients");
    assert_refused(&text, line, "workload.synthetic.zipf", "must be 0 to 10");
    let line = "objects = 0";
    let text = drawn()
        .replace("objects = 40", line)
        .replace("clients", "requests = 9\nclients");
    assert_refused(&text, line, "workload.synthetic.objects", "must be 1 to");
}
