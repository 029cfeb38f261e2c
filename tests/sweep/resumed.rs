//! However a sweep was interrupted, the same command goes on, and what is there in the end are the
//! bytes of an uninterrupted one.

use std::process::{Child, Stdio};
use std::time::Duration;

use crate::fixture::{AXES, Fixture, POINTS, stderr};

/// Enough work that it can be interrupted between two points.
const LONGER: [&str; 8] = [
    AXES[0],
    AXES[1],
    AXES[2],
    AXES[3],
    "--set",
    "workload.requests=600",
    "--set",
    "run.replications=6",
];

/// Starts the sweep and kills it without warning as soon as `points` of its points are finished.
fn kill_after(fixture: &Fixture, points: usize, threads: &str) {
    let mut command = fixture.command("out", &[&LONGER[..], &["-j", threads]].concat());
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child: Child = child.expect("the program starts");
    while fixture.written("out").len() < points {
        let ended = child.try_wait().expect("its state");
        assert!(ended.is_none(), "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
}

#[test]
fn a_killed_sweep_goes_on_and_ends_with_the_same_bytes() {
    let fixture = Fixture::new();
    fixture.shown("whole", &LONGER);
    // Killed three times at different places, once with several points under way.
    kill_after(&fixture, 1, "1");
    assert!(!fixture.path("out/results.csv").exists());
    kill_after(&fixture, 3, "1");
    kill_after(&fixture, 4, "2");
    let before = fixture.written("out");
    assert!(before.len() < POINTS, "something is left to do");
    let shown = fixture.shown("out", &LONGER);
    let words = format!(
        "{} points computed, {} were",
        POINTS - before.len(),
        before.len()
    );
    assert!(shown.contains(&words), "{shown}");
    let after = fixture.written("out");
    assert!(
        before.iter().all(|(name, time)| after[name] == *time),
        "kept as they were"
    );
    assert_eq!(fixture.files("out"), fixture.files("whole"));
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let fixture = Fixture::new();
    fixture.shown("one", &[&AXES[..], &["-j", "1"]].concat());
    fixture.shown("eight", &[&AXES[..], &["-j", "8"]].concat());
    assert_eq!(fixture.files("one"), fixture.files("eight"));
}

#[test]
fn a_second_time_nothing_is_computed() {
    let fixture = Fixture::new();
    fixture.shown("out", &AXES);
    let (written, files) = (fixture.written("out"), fixture.files("out"));
    let shown = fixture.shown("out", &AXES);
    assert!(
        shown.contains("Nothing to compute: all 8 points were in out"),
        "{shown}"
    );
    assert_eq!(fixture.written("out"), written);
    assert_eq!(fixture.files("out"), files);
}

#[test]
fn damaged_points_are_computed_again_and_no_others() {
    let fixture = Fixture::new();
    fixture.shown("out", &AXES);
    let (written, files) = (fixture.written("out"), fixture.files("out"));
    let path = |name: &str| fixture.path("out/points").join(name);
    let mut changed = std::fs::read(path("00002.json")).expect("read");
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(path("00002.json"), &changed).expect("written");
    let whole = std::fs::read(path("00005.json")).expect("read");
    std::fs::write(path("00005.json"), &whole[..whole.len() - 1]).expect("written");
    // A whole point, but of another place.
    std::fs::copy(path("00001.json"), path("00007.json")).expect("copied");
    std::fs::remove_file(path("00004.json")).expect("removed");
    let output = fixture.run("out", &AXES);
    assert!(output.status.success(), "{}", stderr(&output));
    for damaged in ["00002", "00005", "00007"] {
        let words = format!("points/{damaged}.json is damaged");
        assert!(stderr(&output).contains(&words), "{}", stderr(&output));
    }
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("4 points computed, 4 were"), "{shown}");
    for kept in ["00000.json", "00001.json", "00003.json", "00006.json"] {
        assert_eq!(fixture.written("out")[kept], written[kept], "{kept}");
    }
    assert_eq!(fixture.files("out"), files);
}

#[test]
fn a_time_limit_ends_it_early_and_it_goes_on() {
    let fixture = Fixture::new();
    // More rounds than the limit leaves time for: also a round that was made is no finished point.
    let set = [
        "--set",
        "run.precision=5%",
        "--set",
        "run.max_replications=20",
    ];
    let args = [&["--axis", "clients=4,8"][..], &set].concat();
    let output = fixture.run("out", &[&args[..], &["--time-limit", "1 ms"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("0 of 2 points are finished"), "{shown}");
    assert!(!fixture.path("out/results.csv").exists());
    fixture.shown("out", &args);
    fixture.shown("whole", &args);
    assert_eq!(fixture.files("out"), fixture.files("whole"));
}

#[test]
fn ctrl_c_keeps_finished_points() {
    let fixture = Fixture::new();
    let mut command = fixture.command("out", &[&LONGER[..], &["-j", "1"]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().expect("the program starts");
    while fixture.written("out").is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut kill = std::process::Command::new("kill");
    let sent = kill.args(["-INT", &child.id().to_string()]).status();
    assert!(sent.expect("kill").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let finished = fixture.written("out").len();
    assert!((1..POINTS).contains(&finished), "{finished}");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        shown.contains(&format!("{finished} of 8 points are finished")),
        "{shown}"
    );
    fixture.shown("out", &LONGER);
    fixture.shown("whole", &LONGER);
    assert_eq!(fixture.files("out"), fixture.files("whole"));
}

#[test]
fn what_a_killed_program_had_begun_to_write_is_cleared_away() {
    let fixture = Fixture::new();
    let args = ["--axis", "clients=4,8"];
    fixture.shown("whole", &args);
    // As if killed before anything was finished, and while writing.
    std::fs::create_dir_all(fixture.path("out/points")).expect("created");
    fixture.shown("out", &args);
    for begun in ["points/.00001.json.Ab3xY9", ".results.csv.Ab3xY9"] {
        std::fs::write(fixture.path("out").join(begun), "{\"half").expect("written");
    }
    fixture.shown("out", &args);
    assert_eq!(fixture.files("out"), fixture.files("whole"));
}
