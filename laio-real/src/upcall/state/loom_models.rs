//! A loop that makes two calls, and thieves, in every order that the memory model allows.

use std::sync::Mutex;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::StateWord;

const CALLS: u64 = 2;

/// How the calls ended. Its lock is not loom's, and so no order between threads.
#[derive(Default)]
struct Ends {
    inline: Vec<u64>,
    stolen: Vec<u64>,
    background: Vec<u64>,
    /// How often the loop has made its last call and gone on.
    loops_ended: usize,
}

struct Model {
    state: StateWord,
    /// The loop's saved stack: by whom it was saved. loom fails if two threads use it unordered.
    saved: UnsafeCell<u64>,
    ends: Mutex<Ends>,
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            state: StateWord::new(),
            saved: UnsafeCell::new(0),
            ends: Mutex::default(),
        })
    }

    fn record(&self, end: impl FnOnce(&mut Ends)) {
        end(&mut self.ends.lock().unwrap());
    }

    /// The loop on the calling carrier, from call `first` on; returns when that carrier has lost
    /// it, or at its end.
    fn run_loop(&self, first: u64) {
        for call in first..=CALLS {
            let word = self.state.enter(call);
            // SAFETY: loom checks that nobody else uses it.
            self.saved.with_mut(|saved| unsafe { *saved = call });
            self.state.publish(word);
            if !self.state.finish(word) {
                self.record(|ends| ends.background.push(call));
                return;
            }
            self.record(|ends| ends.inline.push(call));
        }
        self.record(|ends| ends.loops_ended += 1);
    }

    /// A thief: looks once, and steals by what it saw, however late. If that works it is the loop.
    fn steal_once(&self) {
        let seen = self.state.load();
        if self.state.steal(seen) {
            // SAFETY: loom checks that nobody writes it meanwhile.
            let saved = self.saved.with(|saved| unsafe { *saved });
            assert_eq!(saved, seen.call(), "a later call was stolen");
            self.record(|ends| ends.stolen.push(saved));
            self.run_loop(saved + 1);
        }
    }

    fn check(&self) {
        let mut ends = self.ends.lock().unwrap();
        assert_eq!(ends.loops_ended, 1);
        ends.stolen.sort_unstable();
        ends.background.sort_unstable();
        assert_eq!(ends.stolen, ends.background);
        let mut all = [ends.inline.as_slice(), &ends.stolen].concat();
        all.sort_unstable();
        assert_eq!(all, (1..=CALLS).collect::<Vec<_>>());
    }
}

fn with_thieves(thieves: usize) {
    loom::model(move || {
        let model = Model::new();
        let thieves: Vec<_> = (0..thieves)
            .map(|_| {
                let model = Arc::clone(&model);
                thread::spawn(move || model.steal_once())
            })
            .collect();
        model.run_loop(1);
        for thief in thieves {
            thief.join().unwrap();
        }
        model.check();
    });
}

#[test]
fn a_thief_or_the_carrier_continues_the_loop_and_never_both() {
    with_thieves(1);
}

#[test]
fn a_late_thief_steals_no_later_call() {
    with_thieves(2);
}

/// Somebody wakes the loop, perhaps when it has gone on, and steals.
#[test]
fn a_late_waker_disturbs_no_call() {
    loom::model(|| {
        let model = Model::new();
        let thief = {
            let model = Arc::clone(&model);
            thread::spawn(move || {
                model.state.wake();
                model.steal_once();
            })
        };
        model.state.sleep();
        model.state.wake();
        assert!(model.ends.lock().unwrap().stolen.is_empty());
        model.run_loop(1);
        thief.join().unwrap();
        model.check();
    });
}

/// A thief that has seen the first announcement, or the second, or the call.
#[test]
fn a_call_that_was_withdrawn_and_announced_again_is_stolen_only_once() {
    loom::model(|| {
        let model = Model::new();
        let thief = {
            let model = Arc::clone(&model);
            thread::spawn(move || model.steal_once())
        };
        model.state.enter(1);
        model.state.withdraw();
        model.run_loop(1);
        thief.join().unwrap();
        model.check();
    });
}
