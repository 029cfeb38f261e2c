//! The loop on the main thread, and everyday library calls after steals: memory, output, threads,
//! processes, thread-local storage. Without the test harness, which runs tests on other threads.
//! Ends by returning from `main` with a call in the background.

mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode};

use common::{PipeRead, wander};
use laio::Laio;

type Test = (&'static str, fn(&mut Laio));

fn main() -> ExitCode {
    let mut laio = Laio::builder().cpu(0).start().expect("the engine starts");
    let tests: [Test; 8] = [
        (
            "memory_is_allocated_and_freed",
            memory_is_allocated_and_freed,
        ),
        ("output_works", output_works),
        (
            "threads_are_started_and_joined",
            threads_are_started_and_joined,
        ),
        ("thread_local_storage_stays", thread_local_storage_stays),
        (
            "children_run_and_are_waited_for",
            children_run_and_are_waited_for,
        ),
        ("errno_is_the_loops_own", errno_is_the_loops_own),
        (
            "floating_point_control_follows",
            floating_point_control_follows,
        ),
        ("panics_unwind", panics_unwind),
    ];
    let mut failed = 0;
    for (name, test) in tests {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            wander(&mut laio);
            test(&mut laio);
            wander(&mut laio);
        }));
        println!(
            "test {name} ... {}",
            if outcome.is_ok() { "ok" } else { "FAILED" }
        );
        failed += usize::from(outcome.is_err());
    }
    println!("{} passed, {failed} failed", tests.len() - failed);
    // Never ended.
    Box::leak(Box::new(PipeRead::new())).issue(&mut laio);
    ExitCode::from(u8::from(failed > 0))
}

fn memory_is_allocated_and_freed(laio: &mut Laio) {
    let mut blocks = Vec::new();
    for size in 0..500 {
        blocks.push(vec![size as u8; 1 << (size % 18)]);
        if size % 50 == 0 {
            wander(laio);
        }
    }
    // Some of them freed by another thread than allocated them.
    let half = blocks.split_off(250);
    std::thread::spawn(move || drop(half)).join().unwrap();
    for (size, block) in blocks.iter().enumerate() {
        assert!(block.iter().all(|&byte| byte == size as u8));
    }
}

fn output_works(laio: &mut Laio) {
    for line in 0..3 {
        println!("line {line}");
        eprint!("");
        wander(laio);
    }
}

fn threads_are_started_and_joined(laio: &mut Laio) {
    for round in 0..10u64 {
        let thread = std::thread::spawn(move || (0..1000).sum::<u64>() + round);
        wander(laio);
        assert_eq!(thread.join().unwrap(), 499_500 + round);
    }
}

thread_local! {
    static MARK: Cell<u32> = const { Cell::new(0) };
}

fn thread_local_storage_stays(laio: &mut Laio) {
    let thread = std::thread::current().id();
    for mark in 1..10 {
        MARK.set(mark);
        wander(laio);
        assert_eq!(MARK.get(), mark);
        assert_eq!(std::thread::current().id(), thread);
        assert_eq!(std::thread::spawn(|| MARK.get()).join().unwrap(), 0);
    }
}

fn children_run_and_are_waited_for(laio: &mut Laio) {
    for _ in 0..3 {
        let output = Command::new("echo").arg("from the child").output().unwrap();
        assert_eq!(output.stdout, b"from the child\n");
        wander(laio);
    }
}

fn errno_is_the_loops_own(laio: &mut Laio) {
    let errno = || std::io::Error::last_os_error().raw_os_error();
    // SAFETY: no such descriptor.
    unsafe { libc::close(-1) };
    let mut read = PipeRead::new();
    read.issue(laio);
    assert_eq!(
        errno(),
        Some(libc::EBADF),
        "the call that blocked left errno alone"
    );
    PipeRead::end_all(&mut [read], laio);
}

fn floating_point_control_follows(laio: &mut Laio) {
    const ROUND_UP: u32 = 2 << 13;
    let control = read_mxcsr();
    write_mxcsr(control | ROUND_UP);
    let mut read = PipeRead::new();
    read.issue(laio);
    let after = read_mxcsr();
    write_mxcsr(control);
    assert_eq!(after & ROUND_UP, ROUND_UP);
    PipeRead::end_all(&mut [read], laio);
}

fn read_mxcsr() -> u32 {
    let mut value = 0u32;
    // SAFETY: stores four bytes.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut value) };
    value
}

fn write_mxcsr(value: u32) {
    // SAFETY: loads four bytes; no floating-point code runs before the old value is back.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const value) };
}

fn panics_unwind(laio: &mut Laio) {
    let mut read = PipeRead::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        read.issue(laio);
        std::panic::resume_unwind(Box::new("on a carrier"));
    }));
    assert_eq!(
        *outcome.unwrap_err().downcast::<&str>().unwrap(),
        "on a carrier"
    );
    PipeRead::end_all(&mut [read], laio);
}
