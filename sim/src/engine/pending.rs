//! The pending-event set: a monotone radix queue with a sorted run in front.
//!
//! The earliest events lie in the **run**, a small array sorted by time. All
//! later ones lie in **buckets**, filed by the most significant hexadecimal
//! digit in which their time differs from `base`, a time not after the last
//! event popped: the buckets are in the order of time, what is in one is not.
//! When the run is used up, the first bucket is sorted into it if it is small,
//! and otherwise filed anew against its own earliest time, which moves each of
//! its events at least one digit down. So an event is moved a few times in
//! all, always from and to memory in sequence, however many are pending.
//!
//! Events of equal time come out in the order they went in, without a sequence
//! number: they always share a bucket, and no step reorders within a bucket.
//!
//! **Cancelling.** There is no cancel. A model that arms timers puts a
//! generation into the payload and drops the event when it comes out with an
//! old one: one comparison, where any search for the event would cost more
//! than popping it. A cancelled timer keeps its 16 bytes until its time.

use super::Nanos;

/// Hexadecimal digits in a time.
const LEVELS: usize = 16;
const DIGITS: usize = 16;
const BUCKETS: usize = LEVELS * DIGITS;

/// Events in a chunk of a bucket. Ours: a bucket wastes half a chunk on average.
const CHUNK: usize = 32;
/// A bucket of at most this many events is sorted into the run. Ours, tuned
/// with `bench-engines`.
const SORTED: usize = 64;
/// A run that would exceed this many events is cut in half. Ours, tuned
/// likewise.
const RUN: usize = 128;
/// The end of a list of chunks.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, Default)]
struct Event {
    at: Nanos,
    payload: u64,
}

/// A list of chunks, all full but the last; `head` and `tail` mean nothing
/// while it is empty.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    earliest: Nanos,
    len: usize,
    head: u32,
    tail: u32,
}

const EMPTY: Bucket = Bucket {
    earliest: Nanos::MAX,
    len: 0,
    head: NONE,
    tail: NONE,
};

/// The events of a simulation that are still to happen, each a time and a
/// payload that means something to the model only.
///
/// Times popped never decrease; among equal times the order is first in,
/// first out.
#[derive(Debug)]
pub struct PendingEvents {
    /// Latest first, so that the next event is popped from the end.
    run: Vec<Event>,
    /// Every event before this time is in the run, every other in a bucket.
    limit: Nanos,
    base: Nanos,
    last_popped: Nanos,
    bucketed: usize,
    /// One bit per bucket: is there anything in it?
    occupied: [u64; BUCKETS / 64],
    buckets: Box<[Bucket; BUCKETS]>,
    chunks: Chunks,
}

impl Default for PendingEvents {
    fn default() -> Self {
        Self::new()
    }
}

impl PendingEvents {
    /// No events, at the start of time.
    pub fn new() -> Self {
        Self {
            run: Vec::with_capacity(RUN),
            limit: Nanos::MAX,
            base: Nanos::ZERO,
            last_popped: Nanos::ZERO,
            bucketed: 0,
            occupied: [0; BUCKETS / 64],
            buckets: Box::new([EMPTY; BUCKETS]),
            chunks: Chunks::new(),
        }
    }

    /// Schedules an event.
    ///
    /// # Panics
    ///
    /// If `at` is earlier than the last event popped: an effect before its
    /// cause.
    pub fn push(&mut self, at: Nanos, payload: u64) {
        assert!(at >= self.last_popped, "an event before the present");
        let event = Event { at, payload };
        if at >= self.limit {
            self.file(event);
            return;
        }
        if self.run.len() == RUN {
            self.cut_run();
            if at >= self.limit {
                self.file(event);
                return;
            }
        }
        let place = self.run.partition_point(|other| other.at > at);
        self.run.insert(place, event);
    }

    /// Removes the next event: its time and its payload.
    pub fn pop(&mut self) -> Option<(Nanos, u64)> {
        if self.run.is_empty() {
            self.refill();
        }
        let event = self.run.pop()?;
        self.last_popped = event.at;
        Some((event.at, event.payload))
    }

    /// The time of the next event, [`Nanos::MAX`] if there is none. An event
    /// may still be scheduled before it.
    pub fn next_time(&self) -> Nanos {
        match self.run.last() {
            Some(event) => event.at,
            None => self.first_bucketed_time(),
        }
    }

    /// The number of pending events.
    pub fn len(&self) -> usize {
        self.run.len() + self.bucketed
    }

    /// Whether no event is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops every event and starts again at the start of time, keeping the
    /// memory.
    pub fn clear(&mut self) {
        self.run.clear();
        self.limit = Nanos::MAX;
        self.base = Nanos::ZERO;
        self.last_popped = Nanos::ZERO;
        self.bucketed = 0;
        self.occupied = [0; BUCKETS / 64];
        self.buckets.fill(EMPTY);
        self.chunks.free_all();
    }

    /// The memory held, spare capacity included, in bytes.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.buckets)
            + self.run.capacity() * size_of::<Event>()
            + self.chunks.memory_bytes()
    }

    fn bucket_of(&self, at: Nanos) -> usize {
        let differs = (at.0 ^ self.base.0) | 1;
        let level = (63 - differs.leading_zeros() as usize) / 4;
        let digit = (at.0 >> (4 * level)) as usize % DIGITS;
        level * DIGITS + digit
    }

    fn file(&mut self, event: Event) {
        let index = self.bucket_of(event.at);
        self.occupied[index / 64] |= 1 << (index % 64);
        self.bucketed += 1;
        let bucket = &mut self.buckets[index];
        bucket.earliest = bucket.earliest.min(event.at);
        self.chunks.append(bucket, event);
    }

    fn first_bucket(&self) -> Option<usize> {
        let word = self.occupied.iter().position(|&bits| bits != 0)?;
        Some(word * 64 + self.occupied[word].trailing_zeros() as usize)
    }

    fn first_bucketed_time(&self) -> Nanos {
        self.first_bucket()
            .map_or(Nanos::MAX, |index| self.buckets[index].earliest)
    }

    fn take_bucket(&mut self, index: usize) -> Bucket {
        self.occupied[index / 64] &= !(1 << (index % 64));
        let bucket = std::mem::replace(&mut self.buckets[index], EMPTY);
        self.bucketed -= bucket.len;
        bucket
    }

    /// Fills the empty run with the earliest events.
    fn refill(&mut self) {
        while let Some(index) = self.first_bucket() {
            // The event at `base` is popped next, so nothing comes before it.
            self.base = self.buckets[index].earliest;
            if self.buckets[index].len <= SORTED {
                self.sort_into_run(index);
                break;
            }
            if index < DIGITS {
                self.take_ties(index);
                return;
            }
            self.file_anew(index);
        }
        self.limit = self.first_bucketed_time();
    }

    fn sort_into_run(&mut self, index: usize) {
        let mut bucket = self.take_bucket(index);
        while bucket.len > 0 {
            let (events, len) = self.chunks.take_first(&mut bucket);
            self.run.extend_from_slice(&events[..len]);
        }
        self.run.sort_by_key(|event| event.at);
        self.run.reverse();
    }

    /// The events of a bucket that differ from `base` in no more than the last
    /// digit are all at the same time, and no filing tells them apart. They go
    /// to the run a chunk at a time; later ones of the same time queue up
    /// behind them in the bucket.
    fn take_ties(&mut self, index: usize) {
        let (events, len) = self.chunks.take_first(&mut self.buckets[index]);
        self.bucketed -= len;
        self.run.extend(events[..len].iter().rev());
        self.limit = self.base;
    }

    fn file_anew(&mut self, index: usize) {
        let mut bucket = self.take_bucket(index);
        while bucket.len > 0 {
            let (events, len) = self.chunks.take_first(&mut bucket);
            for &event in &events[..len] {
                self.file(event);
            }
        }
    }

    /// Files the later half of the run, with everything that ties with its
    /// earliest event, in buckets.
    fn cut_run(&mut self) {
        self.limit = self.run[RUN / 2].at;
        let later = self.run.partition_point(|event| event.at >= self.limit);
        for index in (0..later).rev() {
            self.file(self.run[index]);
        }
        self.run.drain(..later);
    }
}

/// The memory of the buckets: equal chunks, handed out and taken back.
#[derive(Debug)]
struct Chunks {
    events: Vec<Event>,
    /// Per chunk, the one that follows it in its list.
    next: Vec<u32>,
    free: u32,
}

impl Chunks {
    fn new() -> Self {
        Self {
            events: Vec::new(),
            next: Vec::new(),
            free: NONE,
        }
    }

    fn append(&mut self, bucket: &mut Bucket, event: Event) {
        let place = bucket.len % CHUNK;
        if place == 0 {
            self.extend(bucket);
        }
        self.events[bucket.tail as usize * CHUNK + place] = event;
        bucket.len += 1;
    }

    fn extend(&mut self, bucket: &mut Bucket) {
        if self.free == NONE {
            self.grow();
        }
        let chunk = self.free;
        self.free = self.next[chunk as usize];
        if bucket.len == 0 {
            bucket.head = chunk;
        } else {
            self.next[bucket.tail as usize] = chunk;
        }
        bucket.tail = chunk;
    }

    /// Takes the first chunk off a bucket that is not empty: a copy of it, and
    /// the number of events in it.
    fn take_first(&mut self, bucket: &mut Bucket) -> ([Event; CHUNK], usize) {
        let chunk = bucket.head as usize;
        let mut events = [Event::default(); CHUNK];
        events.copy_from_slice(&self.events[chunk * CHUNK..][..CHUNK]);
        let len = bucket.len.min(CHUNK);
        bucket.len -= len;
        let following = std::mem::replace(&mut self.next[chunk], self.free);
        self.free = bucket.head;
        bucket.head = following;
        (events, len)
    }

    /// Adds an eighth, so that little memory lies idle.
    fn grow(&mut self) {
        let old = self.next.len();
        let more = old / 8 + 1;
        self.events.reserve_exact(more * CHUNK);
        self.events.resize((old + more) * CHUNK, Event::default());
        self.next.reserve_exact(more);
        self.next.resize(old + more, NONE);
        self.link_free(old);
    }

    fn free_all(&mut self) {
        self.free = NONE;
        self.link_free(0);
    }

    fn link_free(&mut self, from: usize) {
        for chunk in (from..self.next.len()).rev() {
            self.next[chunk] = self.free;
            self.free = chunk as u32;
        }
    }

    fn memory_bytes(&self) -> usize {
        self.events.capacity() * size_of::<Event>() + self.next.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
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
}
