//! What is counted and timed, and `LAIO_STATS`.

mod common;

use std::os::fd::AsRawFd;
use std::process::{Command, Output};
use std::time::Duration;

use common::{PipeRead, background, collect, millis, start, turn};
use laio::{EngineKind, Laio, Submission, Times};

/// Each of the engines, one after the other.
fn engines() -> impl Iterator<Item = Laio> {
    let kinds = EngineKind::ALL.into_iter();
    kinds.filter_map(|kind| start(Laio::builder(), kind))
}

#[test]
fn the_first_call_and_every_64th_of_a_number_are_timed() {
    let _turn = turn();
    engines().for_each(time_33_reads);
}

fn time_33_reads(mut laio: Laio) {
    let mut read = PipeRead::new();
    for _ in 0..129 {
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
    engines().for_each(time_a_nap);
}

fn time_a_nap(mut laio: Laio) {
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
    for mut laio in engines() {
        for _ in 0..100 {
            // SAFETY: the call takes no memory.
            let _ = unsafe { laio.syscall(libc::SYS_getppid, [0; 6]) };
        }
        let calls = laio.call_counters(libc::SYS_getppid);
        assert_eq!((calls.issued, calls.done_inline()), (100, 100));
        assert_eq!(calls.completion.samples, 0);
    }
}

#[test]
fn what_is_handed_over_or_made_by_the_ring_is_told_from_what_is_done_inline() {
    let _turn = turn();
    let (reader, writer) = std::io::pipe().unwrap();
    for mut laio in engines() {
        let (mut byte, kind) = (0_u8, laio.engine());
        let args = |fd: i32, byte: &mut u8| [fd as usize, &raw mut *byte as usize, 1, 0, 0, 0];
        for _ in 0..80 {
            for (number, fd) in [
                (libc::SYS_write, writer.as_raw_fd()),
                (libc::SYS_read, reader.as_raw_fd()),
            ] {
                // SAFETY: the byte outlives the call.
                let made = unsafe { laio.syscall(number, args(fd, &mut byte)) };
                if matches!(made, Submission::Background(_)) {
                    collect(&mut laio, 1);
                }
            }
        }
        let (reads, all) = (laio.call_counters(libc::SYS_read), laio.counters().calls);
        assert_eq!((reads.issued, all.issued), (80, 160), "{kind}");
        assert_eq!(reads.late, 0, "{kind}: a byte was there");
        match kind {
            EngineKind::Pool => {
                assert_eq!(reads.done_inline(), 0);
                // The first and the sixty-fifth.
                assert_eq!(
                    (reads.control_back.samples, reads.completion.samples),
                    (2, 2)
                );
                assert!(reads.completion.mean() > Some(Duration::ZERO));
            }
            EngineKind::Uring => {
                assert_eq!((reads.done_inline(), reads.blocked()), (80, 0));
                assert_eq!(reads.completion, Times::default());
            }
            // It may be preempted.
            _ => assert!(reads.done_inline() > 0),
        }
    }
}

#[test]
fn a_call_in_the_background_counts_until_poll_has_returned_it() {
    let _turn = turn();
    for mut laio in engines() {
        let mut first = PipeRead::new();
        first.issue(&mut laio);
        first.end();
        // It ends, and others are issued meanwhile.
        let mut others = PipeRead::issue_all::<3>(&mut laio);
        assert_eq!(laio.counters().in_flight, 4, "{}", laio.engine());
        collect(&mut laio, 1);
        assert_eq!(laio.counters().in_flight, 3, "{}", laio.engine());
        PipeRead::end_all(&mut others, &mut laio);
        assert_eq!(laio.counters().in_flight, 0, "{}", laio.engine());
    }
}

/// The engine that a child is to start.
const ENGINE: &str = "LAIO_TEST_STATS_ENGINE";

fn childs_engine() -> Laio {
    let name = std::env::var(ENGINE).unwrap_or_default();
    let mut kinds = EngineKind::ALL.into_iter();
    let kind = kinds.find(|kind| kind.to_string() == name);
    Laio::builder()
        .engine(kind.unwrap_or(EngineKind::Upcall))
        .start()
        .unwrap()
}

/// The body of the children of the next test.
fn work(laio: &mut Laio) {
    let mut reads = PipeRead::issue_all::<3>(laio);
    PipeRead::end_all(&mut reads, laio);
    // SAFETY: the call takes no memory.
    common::done(unsafe { laio.syscall(libc::SYS_getppid, [0; 6]) }).unwrap();
}

#[test]
#[ignore = "a child of stats_are_printed_when_asked_for"]
fn child_that_drops_its_engine() {
    work(&mut childs_engine());
}

#[test]
#[ignore = "a child of stats_are_printed_when_asked_for"]
fn child_that_exits_with_its_engine() {
    let mut laio = childs_engine();
    work(&mut laio);
    // SAFETY: the child of the fork only ends, by `exit`, which runs what was inherited for it. It
    // is not to report what is its parent's.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::exit(0);
        }
        assert_eq!(libc::waitpid(child, std::ptr::null_mut(), 0), child);
    }
    std::process::exit(0);
}

fn run_child(name: &str, kind: EngineKind, stats: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(ENGINE, kind.to_string())
        .env("LAIO_STATS", stats)
        .output()
        .unwrap()
}

#[test]
fn stats_are_printed_when_asked_for() {
    let _turn = turn();
    let kinds: Vec<_> = engines().map(|laio| laio.engine()).collect();
    for kind in kinds {
        check_stats(kind, "child_that_drops_its_engine");
        check_stats(kind, "child_that_exits_with_its_engine");
    }
}

fn check_stats(kind: EngineKind, child: &str) {
    let output = run_child(child, kind, "1");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    let mut lines = text.lines();
    let title = lines.find(|line| line.starts_with(&format!("laio: {kind} engine")));
    assert!(title.is_some(), "{text}");
    assert_eq!(text.matches("laio:").count(), 1, "{text}");
    let table: Vec<Vec<String>> = lines
        .map(|line| line.replace(" %", "_%").replace(" us", "_us"))
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect();
    let titles = &table[0];
    let cell = |name: &str, title: &str| {
        let row = table.iter().find(|row| row[0] == name);
        let row = row.unwrap_or_else(|| panic!("no {name} in {text}"));
        let at = titles.iter().position(|one| one == title);
        row[at.unwrap_or_else(|| panic!("no {title} in {text}"))].clone()
    };
    for (name, issued, stolen) in [("read", "3", "3"), ("getppid", "1", "0"), ("all", "4", "3")] {
        assert_eq!(
            (cell(name, "issued"), cell(name, "stolen")),
            (issued.into(), stolen.into())
        );
    }
    // A thread of the pool may come when there is something to read.
    if kind != EngineKind::Pool {
        assert_eq!(cell("read", "false"), "0");
        assert_eq!(cell("read", "blocked_%"), "100.00");
    }
    let [control_us, complete_us] =
        ["control_us", "complete_us"].map(|title| cell("read", title).parse::<f64>().unwrap());
    assert!(0.0 < control_us && control_us < complete_us, "{text}");
    assert_eq!(cell("getppid", "complete_us"), "-");
    // Only the upcall engine has such calls.
    let is_upcall = kind == EngineKind::Upcall;
    assert_eq!(
        titles.iter().any(|title| title == "late"),
        is_upcall,
        "{text}"
    );
    assert_eq!(
        titles.iter().any(|title| title == "parked"),
        is_upcall,
        "{text}"
    );

    let silent = run_child(child, kind, "0");
    assert!(
        silent.status.success() && silent.stderr.is_empty(),
        "{silent:?}"
    );
}
