//! What is counted and timed, and `LAIO_STATS`.

mod common;

use std::process::{Command, Output};
use std::time::Duration;

use common::{PipeRead, background, collect, millis, turn};
use laio::{Laio, Times};

#[test]
fn the_first_call_and_every_sixteenth_of_a_number_are_timed() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let mut read = PipeRead::new();
    for _ in 0..33 {
        read.issue(&mut laio);
        PipeRead::end_all(std::slice::from_mut(&mut read), &mut laio);
    }
    let reads = laio.call_counters(libc::SYS_read);
    assert_eq!(
        (reads.control_back.samples, reads.completion.samples),
        (3, 3)
    );
    assert_eq!(
        laio.call_counters(libc::SYS_write).completion,
        Times::default()
    );
}

#[test]
fn control_is_back_before_a_nap_ends_and_a_nap_takes_its_time() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let nap = millis(100);
    background(common::nap(&mut laio, &nap));
    let naps = laio.call_counters(libc::SYS_nanosleep);
    assert_eq!(naps.completion.mean(), None, "it has not ended");
    let control_back = naps.control_back.mean().expect("the first call is timed");
    collect(&mut laio, 1);
    let completion = laio
        .call_counters(libc::SYS_nanosleep)
        .completion
        .mean()
        .expect("it has ended");
    assert!(control_back > Duration::ZERO && control_back < completion);
    assert!(completion >= Duration::from_millis(100));
    assert_eq!(laio.counters().calls.completion.samples, 1);
}

#[test]
fn calls_that_do_not_block_are_not_in_the_times() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    for _ in 0..100 {
        // SAFETY: the call takes no memory.
        let _ = unsafe { laio.syscall(libc::SYS_getppid, [0; 6]) };
    }
    let calls = laio.call_counters(libc::SYS_getppid);
    assert_eq!(calls.completion.samples, 0);
}

/// The body of the children of the next two tests.
fn work(laio: &mut Laio) {
    let mut reads = PipeRead::issue_all::<3>(laio);
    PipeRead::end_all(&mut reads, laio);
    // SAFETY: the call takes no memory.
    common::done(unsafe { laio.syscall(libc::SYS_getppid, [0; 6]) }).unwrap();
}

#[test]
#[ignore = "a child of stats_are_printed_when_asked_for"]
fn child_that_drops_its_engine() {
    work(&mut Laio::new().unwrap());
}

#[test]
#[ignore = "a child of stats_are_printed_when_asked_for"]
fn child_that_exits_with_its_engine() {
    let mut laio = Laio::new().unwrap();
    work(&mut laio);
    std::process::exit(0);
}

fn run_child(name: &str, stats: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env("LAIO_STATS", stats)
        .output()
        .unwrap()
}

#[test]
fn stats_are_printed_when_asked_for() {
    let _turn = turn();
    for child in [
        "child_that_drops_its_engine",
        "child_that_exits_with_its_engine",
    ] {
        let output = run_child(child, "1");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        let tables = text.matches("laio: upcall engine").count();
        assert_eq!(tables, 1, "{text}");
        let row = |name: &str| {
            let mut lines = text.lines().map(|line| line.split_whitespace());
            let mut line = lines
                .find_map(|mut words| (words.next() == Some(name)).then_some(words))
                .unwrap_or_else(|| panic!("no {name} in {text}"));
            (
                line.next().unwrap().to_owned(),
                line.next().unwrap().to_owned(),
            )
        };
        assert_eq!(row("read"), ("3".to_owned(), "3".to_owned()));
        assert_eq!(row("getppid"), ("1".to_owned(), "0".to_owned()));
        assert_eq!(row("all"), ("4".to_owned(), "3".to_owned()));
        let silent = run_child(child, "0");
        assert!(
            silent.status.success() && silent.stderr.is_empty(),
            "{silent:?}"
        );
    }
}
