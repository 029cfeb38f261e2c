//! The buffer cache: pages of files and of metadata blocks, and the names and inodes built from
//! them, in one memory.
//!
//! State: a page is absent, in flight (being read; it cannot be reclaimed) or present; a name
//! with its inode is absent or present. Present entries stand in one least-recently-used list.
//! Events: a look-up touches an entry; an entry that needs room reclaims from the list's old end.
//! Transitions: absent -> in flight ([`Cache::begin_fill`]) -> present ([`Cache::end_fill`]) ->
//! absent (reclaimed). An inode of which pages are cached is passed over, as Linux does
//! (`inode_lru_isolate` in fs/inode.c skips inodes with pages).
//!
//! Leaves out: Linux's second list with its promotion on the second touch, dirty pages, and the
//! shrinkers' separate pace for names. Checked against the exact miss counts of an independent
//! LRU simulator on a block trace and against King's exact LRU hit ratios.

pub mod readahead;

use super::PAGE_BYTES;

/// A page, or a name with its inode: a dense index, pages first.
pub type EntryId = u32;

const NONE: u32 = u32::MAX;

/// The owner of a metadata block: no name keeps it.
pub const NO_OWNER: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Absent,
    InFlight,
    Present,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Towards the recently used end; the request in flight for a page in flight.
    newer: u32,
    older: u32,
}

/// Whether a page can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageState {
    /// It must be read.
    Absent,
    /// It is being read by this disk request.
    InFlight(u32),
    /// It is cached.
    Present,
}

/// What the cache counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheStats {
    /// Page look-ups that found the page.
    pub hits: u64,
    /// Page look-ups that found it absent or in flight.
    pub misses: u64,
    /// Entries reclaimed.
    pub reclaimed: u64,
}

/// Page cache and name cache in one bounded memory.
pub struct Cache {
    entries: Vec<Entry>,
    states: Vec<State>,
    /// The name to which each page belongs, or [`NO_OWNER`].
    owners: Vec<u32>,
    pages: u32,
    inode_bytes: u64,
    /// Cached pages, in flight or present, by owning inode entry (index less `pages`).
    pages_of: Vec<u32>,
    newest: u32,
    oldest: u32,
    capacity_bytes: u64,
    used_bytes: u64,
    reserved_bytes: u64,
    stats: CacheStats,
}

impl Cache {
    /// An empty cache of `capacity_bytes` for the pages whose owning names (or [`NO_OWNER`]) are
    /// given, and for `inodes` names, each of which takes `inode_bytes`.
    pub fn new(capacity_bytes: u64, owners: Vec<u32>, inodes: u32, inode_bytes: u64) -> Self {
        let pages = owners.len() as u32;
        let entries = (pages + inodes) as usize;
        let unlinked = Entry {
            newer: NONE,
            older: NONE,
        };
        Self {
            entries: vec![unlinked; entries],
            states: vec![State::Absent; entries],
            owners,
            pages,
            inode_bytes,
            pages_of: vec![0; inodes as usize],
            newest: NONE,
            oldest: NONE,
            capacity_bytes,
            used_bytes: 0,
            reserved_bytes: 0,
            stats: CacheStats::default(),
        }
    }

    /// The entry of the `index`-th name.
    pub fn inode(&self, index: u32) -> EntryId {
        self.pages + index
    }

    /// Looks a page up without counting or touching it: a residency test, or read-ahead.
    pub fn peek(&self, page: EntryId) -> PageState {
        match self.states[page as usize] {
            State::Absent => PageState::Absent,
            State::InFlight => PageState::InFlight(self.entries[page as usize].newer),
            State::Present => PageState::Present,
        }
    }

    /// Looks a page up for use: counts, and makes a present one the most recently used.
    pub fn look_up(&mut self, page: EntryId) -> PageState {
        let state = self.peek(page);
        if state == PageState::Present {
            self.stats.hits += 1;
            self.touch(page);
        } else {
            self.stats.misses += 1;
        }
        state
    }

    /// Whether a name is cached; makes it the most recently used.
    pub fn look_up_inode(&mut self, inode: EntryId) -> bool {
        let present = self.states[inode as usize] == State::Present;
        if present {
            self.touch(inode);
        }
        present
    }

    /// Whether a name is cached, without touching it.
    pub fn has_inode(&self, inode: EntryId) -> bool {
        self.states[inode as usize] == State::Present
    }

    /// Makes room for an absent page and marks it as being read by `request`. Returns how many
    /// entries were reclaimed.
    pub fn begin_fill(&mut self, page: EntryId, request: u32) -> u64 {
        debug_assert_eq!(self.states[page as usize], State::Absent);
        self.states[page as usize] = State::InFlight;
        self.entries[page as usize].newer = request;
        if let Some(pages) = self.pages_of.get_mut(self.owners[page as usize] as usize) {
            *pages += 1;
        }
        self.used_bytes += PAGE_BYTES;
        self.make_room()
    }

    /// The page has been read.
    pub fn end_fill(&mut self, page: EntryId) {
        debug_assert_eq!(self.states[page as usize], State::InFlight);
        self.states[page as usize] = State::Present;
        self.link_newest(page);
    }

    /// Caches a name. Returns how many entries were reclaimed for it.
    pub fn insert_inode(&mut self, inode: EntryId) -> u64 {
        if self.look_up_inode(inode) {
            return 0;
        }
        self.states[inode as usize] = State::Present;
        self.link_newest(inode);
        self.used_bytes += self.inode_bytes;
        self.make_room()
    }

    /// Takes memory away from the cache for processes, threads and connections. Returns how many
    /// entries were reclaimed.
    pub fn reserve(&mut self, bytes: u64) -> u64 {
        self.reserved_bytes += bytes;
        self.make_room()
    }

    /// Gives such memory back.
    pub fn release(&mut self, bytes: u64) {
        self.reserved_bytes -= bytes;
    }

    /// What was counted so far.
    pub fn stats(&self) -> CacheStats {
        self.stats
    }

    /// Counts from zero again, contents kept: the measured part of a warm run begins.
    pub fn reset_stats(&mut self) {
        self.stats = CacheStats::default();
    }

    /// Bytes of pages and names held.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    fn touch(&mut self, entry: EntryId) {
        if self.newest != entry {
            self.unlink(entry);
            self.link_newest(entry);
        }
    }

    fn link_newest(&mut self, entry: EntryId) {
        self.entries[entry as usize] = Entry {
            newer: NONE,
            older: self.newest,
        };
        match self.newest {
            NONE => self.oldest = entry,
            newest => self.entries[newest as usize].newer = entry,
        }
        self.newest = entry;
    }

    fn unlink(&mut self, entry: EntryId) {
        let Entry { newer, older } = self.entries[entry as usize];
        match newer {
            NONE => self.newest = older,
            newer => self.entries[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.entries[older as usize].newer = newer,
        }
    }

    /// Reclaims from the old end until all fits, or nothing is left that can be reclaimed.
    fn make_room(&mut self) -> u64 {
        let mut reclaimed = 0;
        let mut passed_over = 0;
        while self.used_bytes + self.reserved_bytes > self.capacity_bytes && self.oldest != NONE {
            let victim = self.oldest;
            if self.is_kept(victim) && passed_over < self.pages_of.len() {
                passed_over += 1;
                self.touch(victim);
            } else {
                self.reclaim(victim);
                reclaimed += 1;
            }
        }
        self.stats.reclaimed += reclaimed;
        reclaimed
    }

    fn is_kept(&self, entry: EntryId) -> bool {
        entry >= self.pages && self.pages_of[(entry - self.pages) as usize] > 0
    }

    fn reclaim(&mut self, entry: EntryId) {
        self.unlink(entry);
        self.states[entry as usize] = State::Absent;
        if entry >= self.pages {
            self.used_bytes -= self.inode_bytes;
            return;
        }
        self.used_bytes -= PAGE_BYTES;
        if let Some(pages) = self.pages_of.get_mut(self.owners[entry as usize] as usize) {
            *pages -= 1;
        }
    }
}
