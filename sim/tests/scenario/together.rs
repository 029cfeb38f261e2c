//! Keys that do not go together.

use crate::folder::{and, assert_refused, drawn};

#[test]
fn loopback_has_no_links() {
    let links = [
        "rtt = \"1 ms\"",
        "client_link = \"1 Mbit/s\"",
        "server_link = \"unlimited\"",
        "slow_start = true",
    ];
    for line in links {
        let key = format!("network.{}", line.split(' ').next().expect("a key"));
        let text = and(&format!("[network]\nloopback = true\n{line}\n"));
        assert_refused(&text, line, &key, "means nothing on loopback");
    }
}

#[test]
fn nothing_is_left_out_of_a_terminating_run() {
    for line in ["warm_up = \"auto\"", "warm_up = \"off\""] {
        let text = and(&format!("[run]\n{line}\n"));
        assert_refused(
            &text,
            line,
            "run.warm_up",
            "a terminating run is measured from its first",
        );
    }
}

#[test]
fn what_has_an_end_is_not_played_for_a_time() {
    let steady = "[run]\nduration = \"10 s\"\n";
    let line = "duration = \"10 s\"";
    assert_refused(
        &and(steady),
        line,
        "run.duration",
        "these have one (a trace",
    );
    let some = drawn().replace("clients = 2", "clients = 2\nrequests = 30") + steady;
    assert_refused(&some, line, "run.duration", "workload.requests");
}

#[test]
fn a_steady_run_does_not_start_warm() {
    let text = drawn() + "[run]\nduration = \"10 s\"\nstart = \"warm\"\n";
    assert_refused(
        &text,
        "start = \"warm\"",
        "run.start",
        "for terminating runs",
    );
}

#[test]
fn drawn_requests_need_an_end() {
    let words = "synthetic requests go on without end";
    assert_refused(&drawn(), "[workload]", "workload.requests", words);
}
