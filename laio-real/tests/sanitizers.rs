//! Faults on purpose. Each must be reported by the sanitizer that is there to see it, so that its
//! silence about the other tests means something: the script that runs the sanitizers checks that.
//! Without one, they are undefined behaviour, so they are not run by themselves.

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::sync::Barrier;

/// A number that two threads write without asking each other.
struct Contested(UnsafeCell<u64>);

// SAFETY: it is not safe to share; that is the point.
unsafe impl Sync for Contested {}

static CONTESTED: Contested = Contested(UnsafeCell::new(0));

fn count() {
    for _ in 0..1000 {
        // SAFETY: none: a race.
        unsafe { *black_box(CONTESTED.0.get()) += 1 };
    }
}

#[test]
#[ignore = "a data race"]
fn a_data_race() {
    // Neither may be over before the other has begun: what orders the end of a thread before the
    // start of the next would order their writes too.
    let both_run = Barrier::new(2);
    let race = || {
        both_run.wait();
        count();
    };
    std::thread::scope(|scope| {
        scope.spawn(race);
        scope.spawn(race);
    });
}

#[test]
#[ignore = "a use of freed memory"]
fn a_use_of_freed_memory() {
    let freed = {
        let byte = black_box(Box::new(1_u8));
        &raw const *byte
    };
    // SAFETY: none: it has been freed.
    black_box(unsafe { freed.read_volatile() });
}

#[test]
#[ignore = "a leak"]
fn a_leak() {
    std::mem::forget(black_box(vec![1_u8; 100]));
}
