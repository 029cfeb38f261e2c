//! Carriers that post and a loop that sleeps, in every order that the memory model allows.

use loom::cell::UnsafeCell;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::{Finished, Node};
use crate::Completion;
use crate::upcall::nap::Nap;

/// What the kernel makes of an eventfd: a count under a lock. Who sleeps on it for ever makes loom
/// fail.
struct EventFd {
    count: Mutex<u64>,
    readable: Condvar,
}

impl EventFd {
    fn new() -> Self {
        Self {
            count: Mutex::new(0),
            readable: Condvar::new(),
        }
    }

    fn signal(&self) {
        *self.count.lock().unwrap() += 1;
        self.readable.notify_one();
    }

    fn empty(&self) -> u64 {
        std::mem::take(&mut *self.count.lock().unwrap())
    }

    fn wait_readable(&self) {
        let mut count = self.count.lock().unwrap();
        while *count == 0 {
            count = self.readable.wait(count).unwrap();
        }
    }
}

struct Model {
    finished: Finished,
    eventfd: EventFd,
    nap: Nap,
    /// Stands for the carrier that has ended a nap and goes on as the loop.
    resumed: EventFd,
    /// What the kernel has written for each call. loom fails if the loop reads it unordered.
    memory: Vec<UnsafeCell<u64>>,
}

impl Model {
    fn new(calls: u64) -> Arc<Self> {
        Arc::new(Self {
            finished: Finished::new(),
            eventfd: EventFd::new(),
            nap: Nap::new(),
            resumed: EventFd::new(),
            memory: (0..calls).map(|_| UnsafeCell::new(0)).collect(),
        })
    }

    /// A carrier whose call has ended: as `Engine::post`.
    fn post(&self, call: u64) {
        // SAFETY: loom checks that nobody else uses it.
        self.memory[call as usize].with_mut(|memory| unsafe { *memory = call + 1 });
        // SAFETY: a new node, given away.
        if unsafe { self.finished.push(Node::leaked(), call, call as i64) } {
            if self.nap.end_unsignalled() {
                self.resumed.signal();
            } else {
                self.eventfd.signal();
            }
        }
    }
}

/// The loop's side.
struct Loop {
    model: Arc<Model>,
    unread_signals: u64,
    ended: Vec<Completion>,
}

impl Loop {
    fn take(&mut self) {
        let Model {
            finished,
            eventfd,
            nap,
            ..
        } = &*self.model;
        finished.take(
            &mut self.ended,
            &mut self.unread_signals,
            nap.take_unsignalled(),
            || eventfd.empty(),
        );
    }

    /// Sleeps until a result ends the nap, unless there is one.
    fn nap(&self) {
        let Model {
            finished,
            nap,
            resumed,
            ..
        } = &*self.model;
        let which = nap.begin();
        if finished.is_empty() || !nap.end(which) {
            resumed.wait_readable();
            assert_eq!(resumed.empty(), 1, "one carrier goes on");
        }
    }

    fn check_ended(&self) {
        let mut calls: Vec<u64> = self.ended.iter().map(|ended| ended.handle.0).collect();
        for ended in &self.ended {
            let call = ended.handle.0;
            assert_eq!(*ended.result.as_ref().unwrap(), call as i64);
            // SAFETY: loom checks that nobody writes it meanwhile.
            let memory = self.model.memory[call as usize].with(|memory| unsafe { *memory });
            assert_eq!(memory, call + 1);
        }
        calls.sort_unstable();
        let all = 0..self.model.memory.len() as u64;
        assert_eq!(calls, all.collect::<Vec<_>>());
    }
}

/// Where the loop sleeps.
#[derive(Clone, Copy)]
enum Sleep {
    OnEventFd,
    Nap,
}

/// `polls` times the loop looks without having been woken; then it only looks when it has been.
fn every_result_wakes(calls: u64, polls: usize, sleep: Sleep) {
    let mut builder = loom::model::Builder::new();
    if matches!(sleep, Sleep::Nap) {
        // More take minutes.
        builder.preemption_bound = Some(2);
    }
    builder.check(move || {
        let model = Model::new(calls);
        let carriers: Vec<_> = (0..calls)
            .map(|call| {
                let model = Arc::clone(&model);
                thread::spawn(move || model.post(call))
            })
            .collect();
        let mut waiting = Loop {
            model: Arc::clone(&model),
            unread_signals: 0,
            ended: Vec::new(),
        };
        for _ in 0..polls {
            waiting.take();
        }
        while waiting.ended.len() < calls as usize {
            match sleep {
                Sleep::OnEventFd => model.eventfd.wait_readable(),
                Sleep::Nap => waiting.nap(),
            }
            waiting.take();
        }
        waiting.check_ended();
        for carrier in carriers {
            carrier.join().unwrap();
        }
        // Late signals are read, and nothing is left to end a sleep.
        waiting.take();
        assert_eq!((waiting.unread_signals, model.eventfd.empty()), (0, 0));
        assert_eq!(waiting.ended.len(), calls as usize);
    });
}

#[test]
fn a_result_wakes_a_loop_that_sleeps_anywhere() {
    every_result_wakes(2, 0, Sleep::OnEventFd);
}

#[test]
fn a_result_wakes_a_loop_that_goes_to_sleep_just_then() {
    every_result_wakes(1, 2, Sleep::OnEventFd);
    every_result_wakes(2, 1, Sleep::OnEventFd);
}

/// Also a result that was taken while its carrier was about to say so, and ended a later nap.
#[test]
fn a_result_ends_a_nap_and_leaves_no_signal_owed() {
    every_result_wakes(1, 1, Sleep::Nap);
    every_result_wakes(2, 1, Sleep::Nap);
}
