//! The buffer cache: pages of files and of metadata blocks, and the names and inodes built from
//! them, in one memory.
//!
//! State: a page is absent, in flight (being read; it cannot be reclaimed) or present; a name
//! with its inode is absent or present. Present pages stand in the policy's order, present names in
//! a least-recently-used list. Events: a look-up touches an entry; an entry that needs room
//! reclaims. Transitions: absent -> in flight ([`Cache::begin_fill`]) -> present
//! ([`Cache::end_fill`]) -> absent (reclaimed).
//!
//! Which pages reclaim takes is the [`Policy`]'s choice. Names are shrunk beside them as Linux does it
//! (`do_shrink_slab` in mm/shrinker.c, `shrink_lruvec` in mm/vmscan.c): a pass that frees 32 pages
//! runs at the priority at which so many pages are scanned, would scan two names for every
//! 2^priority, and leaves them alone unless that makes a batch of 1024. So names outlive pages in
//! a small memory. An inode of which pages are cached is passed over (`inode_lru_isolate` in
//! fs/inode.c).
//!
//! Leaves out: dirty pages, scans deferred by the shrinkers. LRU and FIFO are checked against the
//! exact miss counts of an independent cache simulator on a block trace, against each page's stack
//! distance, and, with random replacement, against the exact hit ratios of King and of Gelenbe.

mod linux;
mod list;
mod names;
mod policy;
mod random;
pub mod readahead;
mod slots;

use std::sync::Arc;

use self::names::Names;
pub use self::policy::Policy;
use self::policy::Replacement;
use self::slots::{Slots, Stage};
use super::PAGE_BYTES;
use crate::engine::random::Stream;

/// A page, or a name with its inode: a dense index, pages first.
pub type EntryId = u32;

/// Pages freed by a pass of reclaim, or at least so many: Linux's `SWAP_CLUSTER_MAX`.
const PAGES_PER_PASS: u64 = 32;

/// The priority at which a pass of reclaim begins: Linux's `DEF_PRIORITY`. It scans a 2^priority-th.
const GENTLEST_PRIORITY: u32 = 12;

/// The owner of a metadata block: no name keeps it.
pub const NO_OWNER: u32 = u32::MAX;

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

impl CacheStats {
    /// What was counted after `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            hits: self.hits - earlier.hits,
            misses: self.misses - earlier.misses,
            reclaimed: self.reclaimed - earlier.reclaimed,
        }
    }
}

/// Page cache and name cache in one bounded memory.
pub struct Cache {
    /// The name to which each page belongs, or [`NO_OWNER`].
    owners: Arc<[u32]>,
    slots: Slots,
    replacement: Replacement,
    names: Names,
    inode_bytes: u64,
    /// Pages reclaimed since the last pass over the names.
    in_pass: u64,
    capacity_bytes: u64,
    used_bytes: u64,
    reserved_bytes: u64,
    stats: CacheStats,
}

impl Cache {
    /// An empty cache of `capacity_bytes` for the pages whose owning names (or [`NO_OWNER`]) are
    /// given, and for `inodes` names, each of which takes `inode_bytes`. `victims` is drawn from
    /// under [`Policy::Random`] alone.
    ///
    /// # Panics
    /// If pages and names are more than an [`EntryId`] can tell apart. Later on, if more than a
    /// tebibyte of pages is cached.
    pub fn new(
        policy: Policy,
        capacity_bytes: u64,
        owners: impl Into<Arc<[u32]>>,
        inodes: u32,
        inode_bytes: u64,
        victims: Stream,
    ) -> Self {
        let owners = owners.into();
        let entries = owners.len() as u64 + u64::from(inodes);
        assert!(entries <= EntryId::MAX.into(), "{entries} pages and names");
        let pages = owners.len() as u32;
        // One page more is in flight while room is made for it.
        let cached = (capacity_bytes / PAGE_BYTES + 1).min(pages.into());
        Self {
            owners,
            slots: Slots::new(pages, cached as u32),
            replacement: Replacement::new(policy, victims),
            names: Names::new(inodes),
            inode_bytes,
            in_pass: 0,
            capacity_bytes,
            used_bytes: 0,
            reserved_bytes: 0,
            stats: CacheStats::default(),
        }
    }

    fn pages(&self) -> u32 {
        self.owners.len() as u32
    }

    /// The entry of the `index`-th name.
    pub fn inode(&self, index: u32) -> EntryId {
        self.pages() + index
    }

    /// Looks a page up without counting or touching it: a residency test, or read-ahead.
    pub fn peek(&self, page: EntryId) -> PageState {
        match self.slots.stage(page) {
            Stage::Absent => PageState::Absent,
            Stage::InFlight => PageState::InFlight(self.slots.links(self.slots.of(page)).newer),
            Stage::Present | Stage::Active => PageState::Present,
        }
    }

    /// Looks a page up for use: counts, and tells the policy of a present page's use.
    pub fn look_up(&mut self, page: EntryId) -> PageState {
        let state = self.peek(page);
        if state == PageState::Present {
            self.stats.hits += 1;
            self.replacement.touch(&mut self.slots, page);
        } else {
            self.stats.misses += 1;
        }
        state
    }

    /// Marks a cached page, in flight or present, so that its use triggers read-ahead: the kernel's
    /// `PG_readahead`. Does nothing to an absent one. Reclaim forgets the mark.
    pub fn mark_readahead(&mut self, page: EntryId) {
        if self.slots.stage(page) != Stage::Absent {
            self.slots.mark(page);
        }
    }

    /// Takes such a mark away. Returns whether there was one.
    pub fn take_mark(&mut self, page: EntryId) -> bool {
        self.slots.stage(page) != Stage::Absent && self.slots.take_mark(page)
    }

    /// Whether a name is cached; makes it the most recently used.
    pub fn look_up_inode(&mut self, inode: EntryId) -> bool {
        self.names.touch(inode - self.pages())
    }

    /// Whether a name is cached, without touching it.
    pub fn has_inode(&self, inode: EntryId) -> bool {
        self.names.is_cached(inode - self.pages())
    }

    /// Makes room for an absent page and marks it as being read by `request`. Returns how many
    /// entries were reclaimed.
    pub fn begin_fill(&mut self, page: EntryId, request: u32) -> u64 {
        debug_assert_eq!(self.peek(page), PageState::Absent);
        let remembered = self.slots.take(page, request);
        self.replacement.begin(&mut self.slots, page, remembered);
        self.names.gain_page(self.owners[page as usize]);
        self.used_bytes += PAGE_BYTES;
        self.make_room()
    }

    /// The page, which was in flight, has been read.
    pub fn end_fill(&mut self, page: EntryId) {
        debug_assert_eq!(self.slots.stage(page), Stage::InFlight);
        self.replacement.insert(&mut self.slots, page);
    }

    /// Caches a name. Returns how many entries were reclaimed for it.
    pub fn insert_inode(&mut self, inode: EntryId) -> u64 {
        if self.look_up_inode(inode) {
            return 0;
        }
        self.names.insert(inode - self.pages());
        self.used_bytes += self.inode_bytes;
        self.make_room()
    }

    /// The kernel's proactive page-out takes a page, whatever its use.
    pub fn page_out(&mut self, page: EntryId) {
        if self.peek(page) == PageState::Present {
            self.reclaim(page);
        }
    }

    /// The kernel gathers the statistics by which it judges what it has cached.
    pub fn gather_statistics(&mut self) {
        self.replacement.gather_statistics();
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

    /// Bytes of pages held.
    pub fn page_bytes(&self) -> u64 {
        u64::from(self.replacement.present()) * PAGE_BYTES
    }

    /// Bytes of this process's memory that the simulated pages take: eight for each page, four of
    /// which are the owners it shares with whoever gave them, and 12 for each that was cached at
    /// the fullest.
    pub fn footprint_bytes(&self) -> u64 {
        self.slots.footprint_bytes() + size_of_val(&*self.owners) as u64
    }

    /// Reclaims until all fits, or nothing is left that can be reclaimed.
    fn make_room(&mut self) -> u64 {
        let before = self.stats.reclaimed;
        while self.used_bytes + self.reserved_bytes > self.capacity_bytes {
            let reclaimed = self.reclaim_pass();
            if reclaimed > 0 {
                self.count_pass(reclaimed);
            // Without pages to take, the priority sinks until names are: one is enough here.
            } else if self.shrink_names(self.names.len().min(1)) == 0 {
                break;
            }
        }
        self.stats.reclaimed - before
    }

    /// Reclaims what the policy takes at a time, or as much of it as there is.
    fn reclaim_pass(&mut self) -> u64 {
        let pages = self.replacement.begin_pass(&mut self.slots);
        for reclaimed in 0..pages {
            let Some(victim) = self.replacement.victim(&self.slots) else {
                return reclaimed;
            };
            self.reclaim(victim);
        }
        pages
    }

    fn reclaim(&mut self, page: EntryId) {
        let remember = self.replacement.remove(&mut self.slots, page);
        self.slots.free(page, remember);
        self.names.lose_page(self.owners[page as usize]);
        self.used_bytes -= PAGE_BYTES;
        self.stats.reclaimed += 1;
    }

    /// Shrinks the names once for every pass's worth of pages.
    fn count_pass(&mut self, reclaimed: u64) {
        self.in_pass += reclaimed;
        if self.in_pass >= PAGES_PER_PASS {
            self.in_pass -= PAGES_PER_PASS;
            let passes = u64::from(self.replacement.present()) / PAGES_PER_PASS;
            self.shrink_names(self.names.to_scan(passes));
        }
    }

    /// Scans the `scan` oldest names; returns how many were reclaimed.
    fn shrink_names(&mut self, scan: u32) -> u32 {
        let dropped = self.names.shrink(scan);
        self.used_bytes -= u64::from(dropped) * self.inode_bytes;
        self.stats.reclaimed += u64::from(dropped);
        dropped
    }
}
