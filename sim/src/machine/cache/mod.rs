//! The buffer cache: pages of files and of metadata blocks, and the names and inodes built from
//! them, in one memory.
//!
//! State: a page is absent, in flight (being read; it cannot be reclaimed) or present; a name
//! with its inode is absent or present. Present pages stand in one least-recently-used list,
//! present names in another. Events: a look-up touches an entry; an entry that needs room reclaims.
//! Transitions: absent -> in flight ([`Cache::begin_fill`]) -> present ([`Cache::end_fill`]) ->
//! absent (reclaimed).
//!
//! Which pages reclaim takes is the [`Policy`]'s choice. Names are shrunk beside them as Linux does it
//! (`do_shrink_slab` in mm/shrinker.c, `shrink_lruvec` in mm/vmscan.c): a pass that frees 32 pages
//! runs at the priority at which so many pages are scanned, would scan two names for every
//! 2^priority, and leaves them alone unless that makes a batch of 1024. So names outlive pages in
//! a small memory. An inode of which pages are cached is passed over (`inode_lru_isolate` in
//! fs/inode.c).
//!
//! Leaves out: dirty pages, scans deferred by the shrinkers. LRU is checked against the exact miss counts of an independent LRU
//! simulator on a block trace and against King's exact LRU hit ratios.

mod linux;
pub mod readahead;

use serde::{Deserialize, Serialize};

use super::PAGE_BYTES;

/// A page, or a name with its inode: a dense index, pages first.
pub type EntryId = u32;

const NONE: u32 = u32::MAX;

/// Pages freed by a pass of reclaim: Linux's `SWAP_CLUSTER_MAX`.
const PAGES_PER_PASS: u64 = 32;
/// Names scanned at least, or none: the `batch` of a super block's shrinker (fs/super.c).
const NAMES_PER_BATCH: u32 = 1024;
/// The gentlest priority of reclaim: Linux's `DEF_PRIORITY`.
const GENTLEST: u32 = 12;

/// The owner of a metadata block: no name keeps it.
pub const NO_OWNER: u32 = u32::MAX;

/// Which page is reclaimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The least recently used.
    Lru,
    /// Linux's active and inactive lists; see the module `linux`.
    Linux,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Absent,
    InFlight,
    Present,
    /// Present, in Linux's active list.
    Active,
}

#[derive(Clone, Copy)]
struct Entry {
    /// Towards the recently used end; the request in flight for a page in flight.
    newer: u32,
    older: u32,
}

/// Present entries by use.
#[derive(Clone, Copy)]
struct List {
    newest: u32,
    oldest: u32,
    len: u32,
}

impl List {
    const EMPTY: Self = Self {
        newest: NONE,
        oldest: NONE,
        len: 0,
    };
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
    /// All present pages, or Linux's inactive ones.
    page_list: List,
    /// Linux's active pages.
    active_list: List,
    name_list: List,
    /// `None` where the least recently used page is reclaimed.
    linux: Option<linux::Linux>,
    /// Pages reclaimed since the last pass over the names.
    in_pass: u64,
    capacity_bytes: u64,
    used_bytes: u64,
    reserved_bytes: u64,
    stats: CacheStats,
}

impl Cache {
    /// An empty cache of `capacity_bytes` for the pages whose owning names (or [`NO_OWNER`]) are
    /// given, and for `inodes` names, each of which takes `inode_bytes`.
    pub fn new(
        policy: Policy,
        capacity_bytes: u64,
        owners: Vec<u32>,
        inodes: u32,
        inode_bytes: u64,
    ) -> Self {
        let pages = owners.len() as u32;
        let linux = match policy {
            Policy::Lru => None,
            Policy::Linux => Some(linux::Linux::new(pages)),
        };
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
            page_list: List::EMPTY,
            active_list: List::EMPTY,
            linux,
            name_list: List::EMPTY,
            in_pass: 0,
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
            State::Present | State::Active => PageState::Present,
        }
    }

    /// Looks a page up for use: counts, and makes a present one the most recently used.
    pub fn look_up(&mut self, page: EntryId) -> PageState {
        let state = self.peek(page);
        if state == PageState::Present {
            self.stats.hits += 1;
            if self.linux.is_some() {
                self.mark_accessed(page);
            } else {
                self.touch(page);
            }
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
        self.states[page as usize] = self.list_of_read(page);
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

    /// The kernel's proactive page-out takes a page, whatever its use.
    pub fn page_out(&mut self, page: EntryId) {
        if self.peek(page) == PageState::Present {
            self.reclaim(page);
        }
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

    fn list(&mut self, entry: EntryId) -> &mut List {
        if entry >= self.pages {
            &mut self.name_list
        } else if self.states[entry as usize] == State::Active {
            &mut self.active_list
        } else {
            &mut self.page_list
        }
    }

    fn touch(&mut self, entry: EntryId) {
        if self.list(entry).newest != entry {
            self.unlink(entry);
            self.link_newest(entry);
        }
    }

    fn link_newest(&mut self, entry: EntryId) {
        let list = self.list(entry);
        let second = std::mem::replace(&mut list.newest, entry);
        if second == NONE {
            list.oldest = entry;
        }
        list.len += 1;
        self.entries[entry as usize] = Entry {
            newer: NONE,
            older: second,
        };
        if second != NONE {
            self.entries[second as usize].newer = entry;
        }
    }

    fn unlink(&mut self, entry: EntryId) {
        let Entry { newer, older } = self.entries[entry as usize];
        let list = self.list(entry);
        list.len -= 1;
        if newer == NONE {
            list.newest = older;
        }
        if older == NONE {
            list.oldest = newer;
        }
        if newer != NONE {
            self.entries[newer as usize].older = older;
        }
        if older != NONE {
            self.entries[older as usize].newer = newer;
        }
    }

    /// Reclaims until all fits, or nothing is left that can be reclaimed.
    fn make_room(&mut self) -> u64 {
        let before = self.stats.reclaimed;
        while self.used_bytes + self.reserved_bytes > self.capacity_bytes {
            let reclaimed = match self.linux {
                None => self.reclaim_oldest(1),
                Some(_) => self.reclaim_pass(),
            };
            if reclaimed > 0 {
                self.count_pass(reclaimed);
            // Without pages to take, the priority sinks until names are: one is enough here.
            } else if self.shrink_names(self.name_list.len.min(1)) == 0 {
                break;
            }
        }
        self.stats.reclaimed - before
    }

    /// Reclaims so many pages from the old end, or as many as there are.
    fn reclaim_oldest(&mut self, pages: u64) -> u64 {
        let mut reclaimed = 0;
        while reclaimed < pages && self.page_list.oldest != NONE {
            self.reclaim(self.page_list.oldest);
            reclaimed += 1;
        }
        reclaimed
    }

    /// Shrinks the names once for every pass's worth of pages.
    fn count_pass(&mut self, reclaimed: u64) {
        self.in_pass += reclaimed;
        if self.in_pass >= PAGES_PER_PASS {
            self.in_pass -= PAGES_PER_PASS;
            let scan = self.names_to_scan();
            self.shrink_names(scan);
        }
    }

    /// Names that a pass scans beside its pages.
    fn names_to_scan(&self) -> u32 {
        let pages = self.page_list.len + self.active_list.len;
        let passes = u64::from(pages) / PAGES_PER_PASS;
        let priority = passes.max(1).ilog2().min(GENTLEST);
        let names = self.name_list.len;
        let scan = (names >> priority) * 2;
        if scan >= NAMES_PER_BATCH || scan >= names {
            scan.min(names)
        } else {
            0
        }
    }

    /// Scans the `scan` oldest names: reclaims them, but for those with cached pages, which go to
    /// the new end. Returns how many were reclaimed.
    fn shrink_names(&mut self, scan: u32) -> u32 {
        let mut reclaimed = 0;
        for _ in 0..scan {
            let name = self.name_list.oldest;
            if self.pages_of[(name - self.pages) as usize] > 0 {
                self.touch(name);
            } else {
                self.reclaim(name);
                reclaimed += 1;
            }
        }
        reclaimed
    }

    fn reclaim(&mut self, entry: EntryId) {
        self.unlink(entry);
        self.stats.reclaimed += 1;
        self.states[entry as usize] = State::Absent;
        if entry >= self.pages {
            self.used_bytes -= self.inode_bytes;
            return;
        }
        self.used_bytes -= PAGE_BYTES;
        if let Some(pages) = self.pages_of.get_mut(self.owners[entry as usize] as usize) {
            *pages -= 1;
        }
        if let Some(linux) = &mut self.linux {
            linux.evicted(entry);
        }
    }
}
