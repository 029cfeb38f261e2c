//! A loop whose calls block, and carriers that watch it by turns: it must never block unwatched. If
//! it did, all would sleep, which loom finds.
//!
//! The carriers' steps are those of `watcher.rs`, but that a watcher which sees nothing to do parks
//! at once, because loom cannot follow one that looks for ever.

use std::sync::Mutex;
use std::time::Duration;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering, fence};
use loom::thread;

use super::Watch;
use crate::upcall::nap::Nap;
use crate::upcall::state::{Phase, StateWord, Word};

/// What the loop does, one after the other.
#[derive(Clone, Copy)]
enum Step {
    /// A call that ends only when it is too late.
    Block,
    /// A call that ends at once, or, where it has been stolen by then, in the background.
    Call,
    /// It naps, if there is a call in the background, until one ends.
    Nap,
    /// It naps likewise, for a time that passes at once.
    NapBriefly,
}

/// What belongs to the loop. Its lock is not loom's, and so no order between threads.
struct Loop {
    steps: &'static [Step],
    calls: u64,
    in_flight: u32,
}

struct Model {
    state: StateWord,
    watch: Watch,
    nap: Nap,
    posted: AtomicBool,
    closed: AtomicBool,
    wanted: u32,
    the_loop: Mutex<Loop>,
}

impl Model {
    fn new(steps: &'static [Step], in_flight: u32, wanted: u32) -> Arc<Self> {
        Arc::new(Self {
            state: StateWord::new(),
            watch: Watch::new(),
            nap: Nap::new(),
            posted: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            wanted,
            the_loop: Mutex::new(Loop {
                steps,
                calls: 0,
                in_flight,
            }),
        })
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn next_step(&self) -> Option<Step> {
        let mut it = self.the_loop.lock().unwrap();
        let (&step, rest) = it.steps.split_first()?;
        it.steps = rest;
        Some(step)
    }

    /// The loop, on the calling carrier; returns when that carrier has nothing more to do.
    fn run_loop(&self) {
        while let Some(step) = self.next_step() {
            match step {
                Step::Block | Step::Call => {
                    let (word, is_watched) = self.enter();
                    self.state.publish(word);
                    if is_watched && matches!(step, Step::Block) {
                        return;
                    }
                    if !self.state.finish(word) {
                        return self.end_in_background();
                    }
                }
                Step::Nap | Step::NapBriefly => {
                    let in_flight = self.the_loop.lock().unwrap().in_flight;
                    if in_flight > 0 && !self.posted.load(Ordering::SeqCst) {
                        let is_brief = matches!(step, Step::NapBriefly);
                        return self.leave_to_nap(is_brief.then_some(Duration::ZERO));
                    }
                    self.take_results();
                }
            }
        }
        self.closed.store(true, Ordering::SeqCst);
        self.watch.call_everybody();
    }

    /// As `Upcall::issue`: the word, and whether somebody watches. A call that nobody can watch does
    /// block the loop, as its documentation says; here it ends.
    fn enter(&self) -> (Word, bool) {
        let call = {
            let mut it = self.the_loop.lock().unwrap();
            it.calls += 1;
            it.calls
        };
        let word = self.state.enter(call);
        // The watcher makes it on the loop's behalf.
        fence(Ordering::SeqCst);
        let is_watched = !self.watch.is_vacant() || self.watch.call_somebody(|| false);
        (word, is_watched)
    }

    /// As `after_theft`.
    fn end_in_background(&self) {
        if self.post() {
            self.take_results();
            self.run_loop();
        } else {
            self.stand_by(false);
        }
    }

    /// As `Engine::post`.
    fn post(&self) -> bool {
        !self.posted.swap(true, Ordering::SeqCst) && {
            let napped = self.nap.end_unsignalled();
            if !napped {
                self.state.wake();
            }
            napped
        }
    }

    fn take_results(&self) {
        if self.posted.swap(false, Ordering::SeqCst) {
            self.the_loop.lock().unwrap().in_flight = 0;
        }
    }

    /// As `stand_by_for_nap`.
    fn leave_to_nap(&self, longest: Option<Duration>) {
        self.state.sleep();
        let mut nap = None;
        self.watch.park(longest, || {
            nap = Some(self.nap.begin());
            self.posted.load(Ordering::SeqCst)
        });
        if self.nap.end(nap.unwrap()) {
            self.state.wake();
            self.take_results();
            return self.run_loop();
        }
        self.stand_by(true);
    }

    /// As `stand_by`.
    fn stand_by(&self, mut called: bool) {
        while !self.is_closed() {
            if self.watch.take_vacant() || (called && self.watch.take_called()) {
                if self.watch_once() {
                    return self.run_loop();
                }
            } else if self.steal(self.state.load()) {
                return self.run_loop();
            } else {
                self.watch
                    .park(None, || self.watch.is_vacant() || self.is_closed());
            }
            called = true;
        }
    }

    /// As `keep_watch`, with one look.
    fn watch_once(&self) -> bool {
        let mut seen = self.state.load();
        while seen.phase() == Phase::Entering {
            thread::yield_now();
            seen = self.state.load();
        }
        if seen.phase() == Phase::InSyscall {
            self.watch.give_away(self.wanted);
            let stolen = self.steal(seen);
            self.watch.decided();
            return stolen;
        }
        self.watch.park(None, || {
            self.watch.vacate();
            fence(Ordering::SeqCst);
            self.state.load() != seen || self.is_closed()
        });
        false
    }

    fn steal(&self, seen: Word) -> bool {
        let stolen = self.state.steal(seen);
        if stolen {
            self.the_loop.lock().unwrap().in_flight += 1;
        }
        stolen
    }
}

/// Runs the steps with so many standbys, and, if there is a call in flight already, its carrier.
fn check(steps: &'static [Step], standbys: usize, in_flight: u32, wanted: u32) {
    let mut builder = loom::model::Builder::new();
    // Three take minutes, and find nothing either.
    builder.preemption_bound = Some(2);
    builder.check(move || {
        let model = Model::new(steps, in_flight, wanted);
        let mut carriers: Vec<_> = (0..standbys)
            .map(|_| {
                let model = Arc::clone(&model);
                thread::spawn(move || model.stand_by(true))
            })
            .collect();
        if in_flight > 0 {
            let model = Arc::clone(&model);
            carriers.push(thread::spawn(move || model.end_in_background()));
        }
        model.run_loop();
        for carrier in carriers {
            carrier.join().unwrap();
        }
        assert!(model.is_closed(), "the loop has come to its end");
    });
}

#[test]
fn a_loop_that_blocks_is_watched() {
    check(&[Step::Block], 1, 0, 0);
    check(&[Step::Call, Step::Block], 1, 0, 0);
    check(&[Step::Block, Step::Block], 2, 0, 0);
}

#[test]
fn a_duty_that_was_given_away_is_taken() {
    check(&[Step::Block, Step::Block], 2, 0, 1);
    check(&[Step::Call, Step::Block], 2, 0, 1);
}

#[test]
fn a_nap_ends_with_the_call() {
    check(&[Step::Nap], 0, 1, 0);
    check(&[Step::Nap, Step::Block], 0, 1, 0);
    check(&[Step::NapBriefly, Step::Nap, Step::Block], 0, 1, 0);
}

/// A carrier that was woken for the watch while it was still parked for an old nap.
#[test]
fn a_later_nap_does_not_use_up_a_watcher() {
    check(&[Step::Nap, Step::Call, Step::Nap, Step::Block], 1, 1, 0);
}
