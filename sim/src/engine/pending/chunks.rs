//! The memory of the buckets: equal chunks, handed out and taken back.

use super::Event;

/// Events in a chunk. A bucket wastes half a chunk on average, and up to a
/// chunk is sorted at once. Ours, tuned with `bench-engines`.
pub(super) const CHUNK: usize = 16;
/// The end of a list of chunks.
const NONE: u32 = u32::MAX;

/// A list of events: chunks in a row, all full but the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) len: usize,
    /// Mean nothing while the list is empty.
    head: u32,
    tail: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self {
        len: 0,
        head: NONE,
        tail: NONE,
    };

    /// Whether there is no room for one more event.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len.is_multiple_of(CHUNK)
    }
}

#[derive(Debug)]
pub(super) struct Chunks {
    events: Vec<Event>,
    /// Per chunk, the one that follows it in its list.
    next: Vec<u32>,
    free: u32,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self {
            events: Vec::new(),
            next: Vec::new(),
            free: NONE,
        }
    }

    /// Appends to a list that is not full.
    #[inline]
    pub(super) fn append(&mut self, list: &mut List, event: Event) {
        self.events[list.tail as usize * CHUNK + list.len % CHUNK] = event;
        list.len += 1;
    }

    /// Adds a chunk to a list that is full.
    #[inline]
    pub(super) fn extend(&mut self, list: &mut List) {
        if self.free == NONE {
            self.grow();
        }
        let chunk = self.free;
        self.free = self.next[chunk as usize];
        if list.len == 0 {
            list.head = chunk;
        } else {
            self.next[list.tail as usize] = chunk;
        }
        list.tail = chunk;
    }

    /// The events in the first chunk of a list that is not empty.
    #[inline]
    pub(super) fn first(&self, list: &List) -> &[Event] {
        let start = list.head as usize * CHUNK;
        &self.events[start..start + list.len.min(CHUNK)]
    }

    /// Takes the first chunk off a list that is not empty.
    #[inline]
    pub(super) fn drop_first(&mut self, list: &mut List) {
        list.len = list.len.saturating_sub(CHUNK);
        let following = std::mem::replace(&mut self.next[list.head as usize], self.free);
        self.free = list.head;
        list.head = following;
    }

    /// Adds an eighth, so that little memory lies idle.
    #[cold]
    fn grow(&mut self) {
        let old = self.next.len();
        let new = old + old / 8 + 1;
        self.events.reserve_exact((new - old) * CHUNK);
        self.events.resize(new * CHUNK, Event::default());
        self.next.reserve_exact(new - old);
        self.next.resize(new, NONE);
        self.free_from(old);
    }

    pub(super) fn free_all(&mut self) {
        self.free = NONE;
        self.free_from(0);
    }

    fn free_from(&mut self, first: usize) {
        for chunk in (first..self.next.len()).rev() {
            self.next[chunk] = self.free;
            self.free = chunk as u32;
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.events.capacity() * size_of::<Event>() + self.next.capacity() * size_of::<u32>()
    }
}
