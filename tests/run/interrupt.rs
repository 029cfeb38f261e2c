//! Ctrl-C: what is complete is kept and marked.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::fixture::Fixture;

/// Clock ticks of CPU time that a process has used (proc(5), `stat`, fields 14 and 15).
fn cpu_ticks(child: &Child) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("alive");
    let (_, after_name) = stat.rsplit_once(')').expect("a name in parentheses");
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    fields[11..13]
        .iter()
        .map(|field| field.parse::<u64>().expect("a number"))
        .sum()
}

fn wait_until(child: &mut Child, mut ready: impl FnMut(&Child) -> bool) {
    while !ready(child) {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before it was interrupted"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn ctrl_c_keeps_what_is_complete_and_marks_it_as_cut() {
    let fixture = Fixture::new();
    // Far more than it will get to.
    let args = ["--set", "run.replications=100000", "-j", "2", "-o", "out"];
    let mut command = fixture.command(&args);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The folder is there once the handler is; from then on CPU time goes into runs.
    wait_until(&mut child, |_| fixture.path("out").exists());
    let ticks = cpu_ticks(&child);
    wait_until(&mut child, |child| cpu_ticks(child) > ticks + 100);
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.expect("kill").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));

    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(shown.contains("CUT SHORT"), "{shown}");
    assert!(shown.contains("(cut: "), "{shown}");

    let record: serde_json::Value = serde_json::from_str(&fixture.read("out/run.json")).unwrap();
    assert_eq!(record["complete"], false);
    let rows = fixture.read("out/results.csv").lines().count() as u64 - 1;
    assert_eq!(record["runs"]["complete"], rows);
    assert_eq!(record["runs"]["planned"], 600_000);
    assert!(rows > 0, "some runs were complete");

    let summary = fixture.read("out/summary.csv");
    assert!(summary.lines().count() > 1, "there is a row to look at");
    assert!(
        summary.lines().skip(1).all(|line| line.contains(",false,")),
        "{summary}"
    );
}
