//! Fork, exec, exit, abort and the end of the loop's thread, by a loop that has wandered and has
//! calls in the background. Most happen in child processes.

mod common;

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output};
use std::sync::mpsc::{self, Sender};

use common::{PipeRead, begin_child, collect, run_child, turn, wander};
use laio::{EngineKind, Laio};

fn upcall() -> Laio {
    Laio::builder().engine(EngineKind::Upcall).start().unwrap()
}

/// An engine whose loop is on another kernel thread than it began on, with reads in the background
/// that never end.
fn wandered() -> Laio {
    let mut laio = upcall();
    Box::leak(Box::new(PipeRead::issue_all::<5>(&mut laio)));
    laio
}

fn assert_ended_with(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{output:#?}");
}

/// Forks; the child runs `child` and exits with what it returns.
fn fork(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child has a copy of the loop's thread, and nothing that needs the others.
    unsafe {
        let id = libc::fork();
        assert!(id >= 0);
        if id == 0 {
            libc::_exit(child());
        }
        id
    }
}

/// Waits for a child through the engine; its exit code.
fn wait_for(laio: &mut Laio, id: i32) -> i32 {
    let mut status = 0i32;
    let args = [id as usize, &raw mut status as usize, 0, 0, 0, 0];
    // SAFETY: the status stays until the call has ended.
    let waited = match unsafe { laio.syscall(libc::SYS_wait4, args) } {
        laio::Submission::Done(waited) => waited,
        laio::Submission::Background(_) => collect(laio, 1).remove(0).result,
    };
    assert_eq!(waited.unwrap(), i64::from(id));
    assert!(libc::WIFEXITED(status), "{status}");
    libc::WEXITSTATUS(status)
}

#[test]
fn a_forked_child_makes_plain_calls_and_its_parent_goes_on() {
    let _turn = turn();
    let mut laio = upcall();
    let mut reads = PipeRead::issue_all::<5>(&mut laio);
    for code in 0..10 {
        let child = fork(|| {
            // Memory, output and thread-local storage are the loop's own.
            let text = format!("{:?}", std::thread::current().id());
            if text.is_empty() { -1 } else { code }
        });
        assert_eq!(wait_for(&mut laio, child), code);
    }
    PipeRead::end_all(&mut reads, &mut laio);
    wander(&mut laio);
}

#[test]
fn a_forked_child_can_have_an_engine_of_its_own_on_another_thread() {
    let _turn = turn();
    let mut laio = upcall();
    let mut reads = PipeRead::issue_all::<5>(&mut laio);
    let child = fork(|| {
        let looping = std::thread::spawn(|| {
            wander(&mut upcall());
            7
        });
        looping.join().unwrap()
    });
    assert_eq!(wait_for(&mut laio, child), 7);
    PipeRead::end_all(&mut reads, &mut laio);
}

#[test]
fn programs_are_run_and_inherit_no_blocked_signals_if_made_unpinned() {
    let _turn = turn();
    let mut laio = upcall();
    let mut reads = PipeRead::issue_all::<5>(&mut laio);
    let blocked = |output: Output| {
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_whitespace().nth(1).unwrap().to_owned()
    };
    let grep = || {
        let mut grep = Command::new("grep");
        grep.args(["SigBlk", "/proc/self/status"]).output().unwrap()
    };
    assert_eq!(blocked(laio.unpinned(grep)), "0000000000000000");
    PipeRead::end_all(&mut reads, &mut laio);
}

#[test]
#[ignore = "a child of the_loop_becomes_another_program"]
fn child_that_becomes_another_program() {
    if begin_child() {
        let _laio = wandered();
        panic!("{}", Command::new("sh").args(["-c", "exit 7"]).exec());
    }
}

#[test]
fn the_loop_becomes_another_program() {
    let _turn = turn();
    assert_ended_with(&run_child("child_that_becomes_another_program"), 7);
}

extern "C" fn say_goodbye() {
    eprintln!("goodbye");
}

#[test]
#[ignore = "a child of exit_runs_its_handlers_and_ends_the_process"]
fn child_that_exits() {
    if begin_child() {
        // SAFETY: the handler stays.
        unsafe { libc::atexit(say_goodbye) };
        let _laio = wandered();
        std::process::exit(7);
    }
}

#[test]
#[ignore = "a child of exit_runs_its_handlers_and_ends_the_process"]
fn child_that_exits_on_another_thread() {
    if begin_child() {
        // SAFETY: the handler stays.
        unsafe { libc::atexit(say_goodbye) };
        let mut laio = wandered();
        std::thread::spawn(|| std::process::exit(7));
        loop {
            wander(&mut laio);
        }
    }
}

#[test]
fn exit_runs_its_handlers_and_ends_the_process() {
    let _turn = turn();
    for child in ["child_that_exits", "child_that_exits_on_another_thread"] {
        let output = run_child(child);
        assert_ended_with(&output, 7);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(text.matches("goodbye").count(), 1, "{text}");
    }
}

#[test]
#[ignore = "a child of exit_through_the_engine_ends_the_process"]
fn child_that_exits_through_the_engine() {
    if begin_child() {
        let mut laio = wandered();
        // SAFETY: takes no memory.
        let _ = unsafe { laio.syscall(libc::SYS_exit_group, [7, 0, 0, 0, 0, 0]) };
    }
}

#[test]
fn exit_through_the_engine_ends_the_process() {
    let _turn = turn();
    assert_ended_with(&run_child("child_that_exits_through_the_engine"), 7);
}

#[test]
#[ignore = "a child of abort_and_faults_end_the_process"]
fn child_that_aborts() {
    if begin_child() {
        let _laio = wandered();
        std::process::abort();
    }
}

#[test]
#[ignore = "a child of abort_and_faults_end_the_process"]
fn child_that_faults() {
    if begin_child() {
        let _laio = wandered();
        let nowhere = std::hint::black_box(std::ptr::without_provenance_mut::<u8>(8));
        // SAFETY: none: the fault is what is tested.
        unsafe { nowhere.write_volatile(0) };
    }
}

#[test]
fn abort_and_faults_end_the_process() {
    let _turn = turn();
    let signal = |child| run_child(child).status.signal();
    assert_eq!(signal("child_that_aborts"), Some(libc::SIGABRT));
    assert_eq!(signal("child_that_faults"), Some(libc::SIGSEGV));
}

/// The default action of a signal that is blocked on the loop and on all carriers.
#[test]
#[ignore = "a child of a_signal_from_outside_ends_the_process"]
fn child_that_is_terminated() {
    if begin_child() {
        let mut laio = wandered();
        // SAFETY: takes no memory.
        unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
        let mut read = PipeRead::new();
        read.issue(&mut laio);
        collect(&mut laio, 1);
    }
}

#[test]
fn a_signal_from_outside_ends_the_process() {
    let _turn = turn();
    let output = run_child("child_that_is_terminated");
    assert_eq!(output.status.signal(), Some(libc::SIGTERM), "{output:#?}");
}

/// Says when it is dropped.
struct Parting(Sender<()>);

impl Drop for Parting {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

thread_local! {
    static PARTING: std::cell::Cell<Option<Parting>> = const { std::cell::Cell::new(None) };
}

/// Its home sits in a read for ever, so that the loop's thread ends on another kernel thread.
#[test]
#[ignore = "a child of the_loops_thread_ends_away_from_home"]
fn child_whose_loop_ends_away_from_home() {
    if begin_child() {
        let (parting, parted) = mpsc::channel();
        let looping = std::thread::spawn(move || {
            PARTING.set(Some(Parting(parting)));
            drop(wandered());
        });
        parted.recv().expect("the destructors run");
        // Nobody may wait for the thread; the process goes on without it.
        drop(looping);
        wander(&mut upcall());
        std::process::exit(7);
    }
}

#[test]
fn the_loops_thread_ends_away_from_home() {
    let _turn = turn();
    assert_ended_with(&run_child("child_whose_loop_ends_away_from_home"), 7);
}
