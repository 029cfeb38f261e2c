//! The pending-event set: a monotone radix queue with a sorted run in front.
//!
//! The earliest events lie in the **run**, a small array sorted by time. All
//! later ones lie in **buckets**, filed by the most significant hexadecimal
//! digit in which their time differs from `base`, a time not after the last
//! event popped. The buckets are in the order of time; inside one, events are
//! in the order they were scheduled. When the run is used up, the first bucket
//! is sorted into it if it is small, and otherwise filed anew against its own
//! earliest time, which takes each of its events at least one digit down. So
//! an event is moved a few times in all, from and to memory in sequence,
//! however many are pending.
//!
//! Events of equal time come out in the order they went in, without a sequence
//! number: they always share a bucket, and no step changes their order.
//!
//! The **newest** event stays apart until the next is scheduled. Where an event
//! belongs is hard to predict, and its time is often the result of a logarithm
//! just begun: a processor that guesses wrong finds out only when that is
//! computed, and starts on the next event only then. One event later the time
//! is known and a wrong guess costs little. (In the closed network of
//! `bench-engines` this took the 49 ns of an event to 28.)
//!
//! **Cancelling.** There is no cancel. A model that stops timers keeps a
//! generation per timer, schedules it as part of the payload, and ignores the
//! event that comes out with an old one: one comparison, where finding the
//! event would cost more than popping it. A cancelled event keeps its 16 bytes
//! until its time.

mod buckets;
mod chunks;
#[cfg(test)]
mod tests;

use super::Nanos;
use buckets::Buckets;
use chunks::CHUNK;

/// Events in the run, at most. Ours, tuned with `bench-engines`: an event is
/// moved past others in it one by one.
const RUN: usize = 32;

#[derive(Clone, Copy, Debug, Default)]
struct Event {
    at: Nanos,
    payload: u64,
}

/// The events of a simulation that are still to happen: each a time, and a
/// payload that means something to the model only.
///
/// Times popped never decrease, and equal times come out first in, first out.
#[derive(Debug)]
pub struct PendingEvents {
    /// Latest first, so that the next event is popped from the end.
    run: Vec<Event>,
    /// Not in the run or a bucket yet.
    newest: Option<Event>,
    /// Every other event before this time is in the run, and every one after
    /// it in a bucket. One at this time is in the run only if it is due before
    /// those in the bucket.
    limit: Nanos,
    buckets: Buckets,
    last_popped: Nanos,
    len: usize,
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
            newest: None,
            limit: Nanos::MAX,
            buckets: Buckets::new(),
            last_popped: Nanos::ZERO,
            len: 0,
        }
    }

    /// Schedules an event.
    ///
    /// # Panics
    ///
    /// If `at` is earlier than the last event popped: an effect before its
    /// cause.
    #[inline]
    pub fn push(&mut self, at: Nanos, payload: u64) {
        assert!(at >= self.last_popped, "an event before the present");
        self.len += 1;
        if let Some(event) = self.newest.replace(Event { at, payload }) {
            self.place(event);
        }
    }

    /// Removes the next event: its time and its payload.
    #[inline]
    pub fn pop(&mut self) -> Option<(Nanos, u64)> {
        let newest_at = self.newest_time();
        let event = match self.run.last() {
            Some(&first) if first.at <= newest_at => {
                self.run.pop();
                first
            }
            _ if newest_at < self.limit => self.newest.take()?,
            _ => {
                self.refill();
                self.run.pop()?
            }
        };
        self.len -= 1;
        self.last_popped = event.at;
        Some((event.at, event.payload))
    }

    /// The time of the next event, [`Nanos::MAX`] if there is none. An event
    /// may still be scheduled before it.
    #[inline]
    pub fn next_time(&self) -> Nanos {
        let others = match self.run.last() {
            Some(first) => first.at,
            None => self.buckets.earliest(),
        };
        others.min(self.newest_time())
    }

    /// The number of pending events.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no event is pending.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Drops every event and starts again at the start of time, keeping the
    /// memory.
    pub fn clear(&mut self) {
        self.run.clear();
        self.newest = None;
        self.limit = Nanos::MAX;
        self.buckets.clear();
        self.last_popped = Nanos::ZERO;
        self.len = 0;
    }

    /// The memory held, spare capacity included, in bytes: about 7,000, and 16
    /// to 20 per event where many are pending. It grows with the largest number
    /// ever pending and never shrinks.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.run.capacity() * size_of::<Event>() + self.buckets.memory_bytes()
    }

    #[inline]
    fn newest_time(&self) -> Nanos {
        self.newest.map_or(Nanos::MAX, |event| event.at)
    }

    #[inline]
    fn place(&mut self, event: Event) {
        if event.at >= self.limit {
            self.buckets.file(event);
        } else {
            self.insert(event);
        }
    }

    #[inline]
    fn insert(&mut self, event: Event) {
        if self.run.len() == RUN {
            self.cut_run_and_place(event);
            return;
        }
        let mut place = self.run.len();
        self.run.push(event);
        while place > 0 && self.run[place - 1].at <= event.at {
            self.run[place] = self.run[place - 1];
            place -= 1;
        }
        self.run[place] = event;
    }

    /// Makes room by filing the later half of the run, with everything that
    /// ties with it, in buckets.
    #[cold]
    fn cut_run_and_place(&mut self, event: Event) {
        self.limit = self.run[RUN / 2].at;
        let later = self.run.partition_point(|other| other.at >= self.limit);
        for event in self.run.drain(..later).rev() {
            self.buckets.file(event);
        }
        self.place(event);
    }

    /// Fills the empty run with the earliest events. One of them is popped
    /// next, so nothing comes before them.
    #[inline(never)]
    fn refill(&mut self) {
        if let Some(event) = self.newest.take() {
            self.buckets.file(event);
        }
        self.buckets
            .take_first(|events| sort_into_run(events, &mut self.run));
        self.limit = self.buckets.earliest();
    }
}

/// Each event goes to its place at once: the number of those that are due
/// after it. Comparing all pairs beats sorting, because no branch depends on
/// the times.
#[inline]
fn sort_into_run(events: &[Event], run: &mut Vec<Event>) {
    let mut places = [0; CHUNK];
    for (i, event) in events.iter().enumerate() {
        let (before, this) = places.split_at_mut(i);
        for (place, other) in before.iter_mut().zip(events) {
            let other_is_later = usize::from(other.at > event.at);
            this[0] += other_is_later;
            *place += 1 - other_is_later;
        }
    }
    run.resize(events.len(), Event::default());
    for (event, place) in events.iter().zip(places) {
        run[place] = *event;
    }
}
