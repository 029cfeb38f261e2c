//! [`PendingEvents`] against a heap with sequence numbers.

use super::*;
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The obvious queue: a heap of (time, sequence number, payload).
#[derive(Default)]
struct Reference {
    heap: BinaryHeap<Reverse<(Nanos, u64, u64)>>,
    pushed: u64,
}

impl Reference {
    fn push(&mut self, at: Nanos, payload: u64) {
        self.heap.push(Reverse((at, self.pushed, payload)));
        self.pushed += 1;
    }

    fn pop(&mut self) -> Option<(Nanos, u64)> {
        self.heap
            .pop()
            .map(|Reverse((at, _, payload))| (at, payload))
    }

    fn next_time(&self) -> Nanos {
        self.heap.peek().map_or(Nanos::MAX, |&Reverse((at, ..))| at)
    }
}

/// Both queues, fed alike and compared at every step.
#[derive(Default)]
struct Pair {
    ours: PendingEvents,
    reference: Reference,
    now: Nanos,
    payload: u64,
}

impl Pair {
    fn push(&mut self, at: Nanos) {
        self.payload += 1;
        self.ours.push(at, self.payload);
        self.reference.push(at, self.payload);
    }

    fn push_after(&mut self, delay: u64) {
        self.push(Nanos(self.now.0.saturating_add(delay)));
    }

    fn pop(&mut self) {
        let popped = self.ours.pop();
        assert_eq!(popped, self.reference.pop());
        self.now = popped.map_or(self.now, |(at, _)| at);
    }

    fn check(&self) {
        assert_eq!(self.ours.next_time(), self.reference.next_time());
        assert_eq!(self.ours.len(), self.reference.heap.len());
        assert_eq!(self.ours.is_empty(), self.reference.heap.is_empty());
    }

    fn drain(&mut self) {
        while !self.ours.is_empty() {
            self.pop();
            self.check();
        }
        self.pop();
    }

    fn clear(&mut self) {
        self.ours.clear();
        self.reference.heap.clear();
        self.now = Nanos::ZERO;
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push { delay: u64, times: usize },
    PushBeforeNext,
    Spread { delay: u64, gap: u64, times: u64 },
    Pop { times: usize },
    Clear,
}

/// Delays of every magnitude, few enough of the small ones to tie often.
fn delay() -> impl Strategy<Value = u64> {
    (0..60u32, any::<u64>()).prop_map(|(bits, random)| random & ((1 << bits) - 1))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (delay(), 1..3usize).prop_map(|(delay, times)| Step::Push { delay, times }),
        1 => (delay(), 1..300usize).prop_map(|(delay, times)| Step::Push { delay, times }),
        2 => Just(Step::PushBeforeNext),
        2 => (delay(), 0..5000u64, 1..300u64)
            .prop_map(|(delay, gap, times)| Step::Spread { delay, gap, times }),
        6 => (1..3usize).prop_map(|times| Step::Pop { times }),
        2 => (1..400usize).prop_map(|times| Step::Pop { times }),
        1 => Just(Step::Clear),
    ]
}

fn apply(pair: &mut Pair, step: Step) {
    match step {
        Step::Push { delay, times } => (0..times).for_each(|_| pair.push_after(delay)),
        Step::PushBeforeNext => {
            let next = pair.ours.next_time();
            let halfway = pair.now.0 + (next.0 - pair.now.0) / 2;
            pair.push(Nanos(halfway));
        }
        Step::Spread { delay, gap, times } => {
            // Latest first, the order that suits the queue least.
            (0..times)
                .rev()
                .for_each(|i| pair.push_after(delay + i * gap));
        }
        Step::Pop { times } => (0..times).for_each(|_| pair.pop()),
        Step::Clear => pair.clear(),
    }
}

proptest! {
    #[test]
    fn behaves_like_a_heap_with_sequence_numbers(
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut pair = Pair::default();
        for step in steps {
            apply(&mut pair, step);
            pair.check();
        }
        pair.drain();
    }
}

#[test]
fn equal_times_come_out_first_in_first_out() {
    let mut pair = Pair::default();
    (0..1000).for_each(|_| pair.push(Nanos(7)));
    (0..500).for_each(|_| pair.pop());
    (0..1000).for_each(|_| pair.push(Nanos(7)));
    pair.drain();
}

#[test]
fn an_event_may_be_scheduled_before_the_next_one() {
    let mut events = PendingEvents::new();
    (0..1000).for_each(|i| events.push(Nanos(1_000_000 + i), i));
    assert_eq!(events.next_time(), Nanos(1_000_000));
    (0..1000).for_each(|i| events.push(Nanos(500 + i), i));
    assert_eq!(events.next_time(), Nanos(500));
    assert_eq!(events.pop(), Some((Nanos(500), 0)));
}

#[test]
fn the_end_of_time_is_a_time() {
    let mut pair = Pair::default();
    (0..200).for_each(|_| pair.push(Nanos::MAX));
    pair.push(Nanos(1));
    pair.drain();
}

#[test]
#[should_panic(expected = "before the present")]
fn an_event_before_the_present_panics() {
    let mut events = PendingEvents::new();
    events.push(Nanos(10), 0);
    events.pop();
    events.push(Nanos(9), 0);
}

#[test]
fn clearing_restarts_time_and_keeps_the_memory() {
    let mut events = PendingEvents::new();
    (0..10_000).for_each(|i| events.push(Nanos(i * i), i));
    (0..5_000).for_each(|_| assert!(events.pop().is_some()));
    let held = events.memory_bytes();
    events.clear();
    assert_eq!(events.pop(), None);
    (0..10_000).for_each(|i| events.push(Nanos(i * i), i));
    assert_eq!(events.pop(), Some((Nanos(0), 0)));
    assert_eq!(events.memory_bytes(), held);
}

#[test]
fn a_steady_number_of_events_needs_no_more_memory() {
    let mut events = PendingEvents::new();
    let delay = |i: u64| Nanos(i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
    (0..100_000).for_each(|i| events.push(delay(i), i));
    let held = events.memory_bytes();
    for _ in 0..500_000 {
        let (now, i) = events.pop().expect("events are pending");
        events.push(now + delay(i + 100_000), i + 100_000);
    }
    assert!(events.memory_bytes() <= held + held / 8);
    assert!(events.memory_bytes() <= 24 * events.len());
}
