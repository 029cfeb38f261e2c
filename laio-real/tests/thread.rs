//! The loop's thread: what an engine changes about it, and gives back.

mod common;

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use common::{PipeRead, turn, wander};
use laio::Laio;

#[derive(Debug, PartialEq)]
struct KernelThread {
    id: i32,
    policy: i32,
    cpus: Vec<bool>,
    blocked_signals: Vec<i32>,
}

impl KernelThread {
    fn current() -> Self {
        // SAFETY: the calls fill sets of the sizes told; all zeroes are valid sets.
        unsafe {
            let mut cpus = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
            libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut cpus);
            let mut mask = MaybeUninit::<libc::sigset_t>::zeroed().assume_init();
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut mask);
            Self {
                id: libc::gettid(),
                policy: libc::sched_getscheduler(0),
                cpus: (0..1024).map(|cpu| libc::CPU_ISSET(cpu, &cpus)).collect(),
                blocked_signals: (1..65)
                    .filter(|&s| libc::sigismember(&mask, s) == 1)
                    .collect(),
            }
        }
    }
}

#[test]
fn dropping_brings_the_loop_home_and_restores_its_thread() {
    let _turn = turn();
    let before = KernelThread::current();
    let mut laio = Laio::builder().cpu(0).start().unwrap();
    let mut reads = PipeRead::issue_all::<5>(&mut laio);
    let during = KernelThread::current();
    assert_ne!(during.id, before.id, "the loop wanders");
    assert_eq!(during.cpus.iter().position(|&allowed| allowed), Some(0));
    assert!(during.blocked_signals.contains(&libc::SIGTERM));
    assert!(!during.blocked_signals.contains(&libc::SIGSEGV));
    PipeRead::end_all(&mut reads, &mut laio);
    drop(laio);
    assert_eq!(KernelThread::current(), before);
    // The C library's own rseq area is back in use.
    // SAFETY: takes no memory.
    assert!(unsafe { libc::sched_getcpu() } >= 0);
}

/// What a child process says of the CPUs it may use.
fn child_cpus() -> Vec<u8> {
    let mut grep = std::process::Command::new("grep");
    let output = grep
        .args(["Cpus_allowed_list", "/proc/self/status"])
        .output();
    output.unwrap().stdout
}

#[test]
fn threads_and_children_made_unpinned_inherit_what_the_loop_had_before() {
    let _turn = turn();
    let before = KernelThread::current();
    let children_cpus = child_cpus();
    let mut laio = Laio::builder().cpu(0).start().unwrap();
    wander(&mut laio);
    let pinned = std::thread::spawn(KernelThread::current).join().unwrap();
    let (thread, child) = laio.unpinned(|| {
        let thread = std::thread::spawn(KernelThread::current);
        (thread.join().unwrap(), child_cpus())
    });
    assert_eq!(pinned.cpus.iter().filter(|&&allowed| allowed).count(), 1);
    let rest = |thread: KernelThread| (thread.policy, thread.cpus, thread.blocked_signals);
    assert_eq!(child, children_cpus);
    let now = KernelThread::current();
    assert_eq!(now.cpus, pinned.cpus);
    assert!(now.blocked_signals.contains(&libc::SIGTERM));
    assert_eq!(rest(thread), rest(before));
    wander(&mut laio);
}

#[test]
fn a_call_that_outlives_its_engine_ends_in_peace() {
    let outlived = || {
        let _turn = turn();
        let mut laio = Laio::new().unwrap();
        let mut read = PipeRead::new();
        read.issue(&mut laio);
        drop(laio);
        let mut next = Laio::new().unwrap();
        wander(&mut next);
        read.end();
        // The old carrier posts to nobody and ends.
        std::thread::sleep(Duration::from_millis(50));
        wander(&mut next);
        next.counters()
    };
    // On a thread of its own, not joined: the loop cannot go home from a read that its home sits
    // in, and ends on another kernel thread.
    let (result, counters) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        result.send(outlived()).unwrap();
        loop {
            std::thread::park();
        }
    });
    let counters = counters.recv().unwrap();
    assert_eq!((counters.calls.stolen, counters.in_flight), (6, 0));
}

static HANDLED_ON: AtomicI32 = AtomicI32::new(0);

extern "C" fn note_thread(_signal: i32) {
    // SAFETY: takes no memory.
    HANDLED_ON.store(unsafe { libc::gettid() }, Ordering::SeqCst);
}

#[test]
fn a_signal_is_handled_elsewhere_and_interrupts_no_call() {
    let _turn = turn();
    let handler = note_thread as extern "C" fn(i32);
    // SAFETY: the handler only makes a call and stores an atomic.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    // A child that signals this process; it inherits nothing that would keep it from that.
    let mut laio = Laio::new().unwrap();
    let mut read = PipeRead::new();
    read.issue(&mut laio);
    let id = std::process::id().to_string();
    let status = std::process::Command::new("kill")
        .args(["-USR1", &id])
        .status()
        .unwrap();
    assert!(status.success());
    while HANDLED_ON.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    // It would report EINTR now.
    PipeRead::end_all(&mut [read], &mut laio);
    // SAFETY: takes no memory.
    assert_ne!(HANDLED_ON.load(Ordering::SeqCst), unsafe { libc::gettid() });
}
