//! What a loop that has wandered between kernel threads may still rely on: unwinding, thread-local
//! destructors, generators and output, memory, locks, backtraces.

mod common;

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex};

use common::{PipeRead, Random, turn, wander};
use laio::{EngineKind, Laio};
use rand::RngExt;

/// An engine of the kind whose loops wander.
fn upcall() -> Laio {
    Laio::builder().engine(EngineKind::Upcall).start().unwrap()
}

fn kernel_thread() -> i32 {
    // SAFETY: takes no memory.
    unsafe { libc::gettid() }
}

/// Sits in thread-local storage and says when it is dropped.
struct Parting(Sender<()>);

impl Drop for Parting {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

thread_local! {
    static PARTING: Cell<Option<Parting>> = const { Cell::new(None) };
}

#[test]
fn thread_local_destructors_run_once() {
    let _turn = turn();
    let (dropped, drops) = mpsc::channel();
    let looping = std::thread::spawn(move || {
        let mut laio = upcall();
        wander(&mut laio);
        PARTING.set(Some(Parting(dropped)));
        wander(&mut laio);
    });
    looping.join().unwrap();
    // The sender is gone with the thread, so this ends.
    assert_eq!(drops.iter().count(), 1);
}

#[test]
fn a_panic_that_ends_a_thread_that_has_wandered_is_its_result() {
    let _turn = turn();
    let (dropped, drops) = mpsc::channel();
    let looping = std::thread::spawn(move || {
        let mut laio = upcall();
        PARTING.set(Some(Parting(dropped)));
        wander(&mut laio);
        let mut read = PipeRead::new();
        read.issue(&mut laio);
        PipeRead::end_all(std::slice::from_mut(&mut read), &mut laio);
        panic!("on whatever carrier");
    });
    let panic = looping.join().unwrap_err();
    assert_eq!(*panic.downcast::<&str>().unwrap(), "on whatever carrier");
    assert_eq!(drops.iter().count(), 1);
}

/// Drops what it has on the stack while the loop is on another kernel thread in every frame.
#[test]
fn a_panic_unwinds_through_frames_of_many_carriers() {
    struct Counted<'a>(&'a AtomicU32);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    fn descend(laio: &mut Laio, drops: &AtomicU32, reads: &mut Vec<PipeRead>, depth: u32) {
        let _counted = Counted(drops);
        let mut read = PipeRead::new();
        let before = kernel_thread();
        read.issue(laio);
        assert_ne!(kernel_thread(), before, "the loop wanders");
        reads.push(read);
        if depth == 1 {
            panic!("at the bottom");
        }
        descend(laio, drops, reads, depth - 1);
    }

    let _turn = turn();
    let mut laio = upcall();
    for _ in 0..20 {
        let (drops, mut reads) = (AtomicU32::new(0), Vec::new());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            descend(&mut laio, &drops, &mut reads, 10);
        }));
        let panic = outcome.unwrap_err();
        assert_eq!(*panic.downcast::<&str>().unwrap(), "at the bottom");
        assert_eq!(drops.into_inner(), 10);
        PipeRead::end_all(&mut reads, &mut laio);
    }
}

#[test]
fn the_threads_random_generator_goes_on() {
    let _turn = turn();
    let mut laio = upcall();
    let mut generator = rand::rng();
    let mut drawn = HashSet::new();
    for _ in 0..50 {
        wander(&mut laio);
        for _ in 0..100 {
            // The kept handle and a new one draw from the same generator.
            assert!(drawn.insert(generator.random::<u128>()));
            assert!(drawn.insert(rand::rng().random::<u128>()));
        }
    }
    let elsewhere = std::thread::spawn(|| rand::rng().random::<u128>());
    assert!(drawn.insert(elsewhere.join().unwrap()));
}

#[test]
fn output_is_captured_and_formatted_as_ever() {
    let _turn = turn();
    let mut laio = upcall();
    for line in 0..50 {
        wander(&mut laio);
        println!("line {line} on {}", kernel_thread());
        // Holds the lock of the output across a steal.
        let held = std::io::stdout().lock();
        wander(&mut laio);
        drop(held);
    }
}

#[test]
fn memory_is_allocated_on_one_carrier_and_freed_on_another() {
    let _turn = turn();
    let mut laio = upcall();
    let mut random = Random(7);
    let mut blocks: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for round in 0..200 {
        wander(&mut laio);
        for _ in 0..500 {
            let key = random.below(2_000);
            if let Some(block) = blocks.remove(&key) {
                assert!(block.iter().all(|&byte| byte == key as u8));
            } else {
                // Now and then one that is mapped on its own.
                let size = 1 << random.below(if key == 0 { 22 } else { 13 });
                blocks.insert(key, vec![key as u8; size]);
            }
        }
        if round % 50 == 0 {
            // Freed by a thread that is no carrier.
            let taken = std::mem::take(&mut blocks);
            std::thread::spawn(move || drop(taken)).join().unwrap();
        }
    }
}

/// A counter that two threads count up in turn, the loop on a new carrier each time.
#[test]
fn a_mutex_and_a_condition_variable_work_between_the_loop_and_a_thread() {
    const ROUNDS: u32 = 500;
    let _turn = turn();
    let mut laio = upcall();
    let shared = Arc::new((Mutex::new(0), Condvar::new()));
    let theirs = Arc::clone(&shared);
    let count = |shared: &(Mutex<u32>, Condvar), mine: u32, between: &mut dyn FnMut()| {
        for round in 0..ROUNDS {
            let number = shared.0.lock().unwrap();
            let is_theirs = |now: &mut u32| *now != 2 * round + mine;
            let mut number = shared.1.wait_while(number, is_theirs).unwrap();
            // The loop changes carriers with the lock in its hands.
            between();
            *number += 1;
            drop(number);
            shared.1.notify_one();
        }
    };
    let other = laio.unpinned(|| std::thread::spawn(move || count(&theirs, 1, &mut || ())));
    count(&shared, 0, &mut || wander(&mut laio));
    other.join().unwrap();
    assert_eq!(*shared.0.lock().unwrap(), 2 * ROUNDS);
}

#[inline(never)]
fn a_frame_of_the_loop() -> Backtrace {
    std::hint::black_box(Backtrace::force_capture())
}

#[test]
fn a_backtrace_on_a_carrier_shows_the_loops_frames() {
    let _turn = turn();
    let home = kernel_thread();
    let mut laio = upcall();
    let mut read = PipeRead::new();
    read.issue(&mut laio);
    assert_ne!(kernel_thread(), home);
    let backtrace = a_frame_of_the_loop().to_string();
    PipeRead::end_all(&mut [read], &mut laio);
    for frame in [
        "a_frame_of_the_loop",
        "a_backtrace_on_a_carrier_shows_the_loops_frames",
    ] {
        assert!(backtrace.contains(frame), "{backtrace}");
    }
}
