//! The later events, by the digits of their times.

use super::chunks::{CHUNK, Chunks, List};
use super::{Event, Nanos};

/// Bits in a digit. Ours, tuned with `bench-engines`: with more, small
/// populations spread over too many buckets; with fewer, large ones are filed
/// anew too often.
const BITS: u32 = 4;
const DIGITS: usize = 1 << BITS;
const BUCKETS: usize = DIGITS * u64::BITS.div_ceil(BITS) as usize;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    earliest: Nanos,
    events: List,
}

const EMPTY: Bucket = Bucket {
    earliest: Nanos::MAX,
    events: List::EMPTY,
};

/// Buckets in the order of time; inside one, events are in the order they were
/// filed.
#[derive(Debug)]
pub(super) struct Buckets {
    /// No event is filed before this time. An event's bucket is given by the
    /// most significant digit in which its time differs from this one: first
    /// by its position, then by its value.
    base: Nanos,
    buckets: Box<[Bucket; BUCKETS]>,
    /// One bit per bucket: does it hold anything?
    occupied: [u64; BUCKETS / 64],
    chunks: Chunks,
}

impl Buckets {
    pub(super) fn new() -> Self {
        Self {
            base: Nanos::ZERO,
            buckets: Box::new([EMPTY; BUCKETS]),
            occupied: [0; BUCKETS / 64],
            chunks: Chunks::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.base = Nanos::ZERO;
        self.buckets.fill(EMPTY);
        self.occupied = [0; BUCKETS / 64];
        self.chunks.free_all();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.buckets) + self.chunks.memory_bytes()
    }

    #[inline]
    pub(super) fn file(&mut self, event: Event) {
        let index = self.index(event.at);
        let bucket = &mut self.buckets[index];
        bucket.earliest = bucket.earliest.min(event.at);
        if bucket.events.is_full() {
            self.occupied[index / 64] |= 1 << (index % 64);
            self.chunks.extend(&mut bucket.events);
        }
        self.chunks.append(&mut bucket.events, event);
    }

    #[inline]
    fn index(&self, at: Nanos) -> usize {
        let differing_bits = (at.0 ^ self.base.0) | 1;
        let position = differing_bits.ilog2() / BITS;
        let digit = (at.0 >> (BITS * position)) as usize % DIGITS;
        position as usize * DIGITS + digit
    }

    fn first(&self) -> Option<usize> {
        let word = self.occupied.iter().position(|&bits| bits != 0)?;
        Some(word * 64 + self.occupied[word].trailing_zeros() as usize)
    }

    /// The time of the first event, [`Nanos::MAX`] if there is none.
    pub(super) fn earliest(&self) -> Nanos {
        self.first()
            .map_or(Nanos::MAX, |index| self.buckets[index].earliest)
    }

    /// Hands `take` the first events, at most a chunk of them and not in the
    /// order of time, and drops them; no event may be filed before the first of
    /// them from now on.
    ///
    /// Any event left is later than these or, if these are all at one time, at
    /// that time and due after them.
    pub(super) fn take_first(&mut self, take: impl FnOnce(&[Event])) {
        while let Some(index) = self.first() {
            self.base = self.buckets[index].earliest;
            let len = self.buckets[index].events.len;
            // What differs from `base` in the last digit only, all alike, is at
            // one time, and filing it anew would not split it.
            if len <= CHUNK || index < DIGITS {
                take(self.chunks.first(&self.buckets[index].events));
                self.drop_first_chunk(index);
                return;
            }
            self.file_anew(index);
        }
    }

    fn drop_first_chunk(&mut self, index: usize) {
        let bucket = &mut self.buckets[index];
        self.chunks.drop_first(&mut bucket.events);
        if bucket.events.len == 0 {
            self.empty(index);
        }
    }

    /// Files the events of a bucket against a new `base` among them: each gets
    /// at least one digit down.
    fn file_anew(&mut self, index: usize) {
        let mut list = self.buckets[index].events;
        self.empty(index);
        while list.len > 0 {
            for place in 0..list.len.min(CHUNK) {
                self.file(self.chunks.first(&list)[place]);
            }
            self.chunks.drop_first(&mut list);
        }
    }

    fn empty(&mut self, index: usize) {
        self.buckets[index] = EMPTY;
        self.occupied[index / 64] &= !(1 << (index % 64));
    }
}
