//! Names with their inodes: one list by use, and how many cached pages keep each.

use super::GENTLEST_PRIORITY;
use super::list::{Linked, Links, List};

/// Names scanned at least, or none: the `batch` of a super block's shrinker (fs/super.c).
const NAMES_PER_BATCH: u32 = 1024;

struct Name {
    links: Links,
    /// Its cached pages, in flight or present.
    pages: u32,
    cached: bool,
}

impl Linked for Name {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// All names.
pub(super) struct Names {
    table: Vec<Name>,
    list: List,
}

impl Names {
    pub(super) fn new(names: u32) -> Self {
        let absent = |_| Name {
            links: Links::UNLINKED,
            pages: 0,
            cached: false,
        };
        Self {
            table: (0..names).map(absent).collect(),
            list: List::EMPTY,
        }
    }

    pub(super) fn is_cached(&self, name: u32) -> bool {
        self.table[name as usize].cached
    }

    /// How many are cached.
    pub(super) fn len(&self) -> u32 {
        self.list.len()
    }

    /// Makes a cached name the most recently used. Returns whether it is cached.
    pub(super) fn touch(&mut self, name: u32) -> bool {
        let cached = self.is_cached(name);
        if cached {
            self.list.renew(&mut self.table, name);
        }
        cached
    }

    /// Caches a name that is not.
    pub(super) fn insert(&mut self, name: u32) {
        self.table[name as usize].cached = true;
        self.list.push(&mut self.table, name);
    }

    /// One page more of `owner`, if that is a name, is cached.
    pub(super) fn gain_page(&mut self, owner: u32) {
        if let Some(name) = self.table.get_mut(owner as usize) {
            name.pages += 1;
        }
    }

    /// One page less.
    pub(super) fn lose_page(&mut self, owner: u32) {
        if let Some(name) = self.table.get_mut(owner as usize) {
            name.pages -= 1;
        }
    }

    /// Names that a pass of reclaim scans beside its pages, of which there are `passes` passes'
    /// worth.
    pub(super) fn to_scan(&self, passes: u64) -> u32 {
        let priority = passes.max(1).ilog2().min(GENTLEST_PRIORITY);
        let names = self.len();
        let scan = (names >> priority) * 2;
        if scan >= NAMES_PER_BATCH || scan >= names {
            scan.min(names)
        } else {
            0
        }
    }

    /// Scans the `scan` oldest names: drops them, but for those with cached pages, which go to
    /// the new end. Returns how many were dropped.
    pub(super) fn shrink(&mut self, scan: u32) -> u32 {
        let mut dropped = 0;
        for _ in 0..scan {
            let Some(name) = self.list.oldest() else {
                break;
            };
            if self.table[name as usize].pages > 0 {
                self.list.renew(&mut self.table, name);
            } else {
                self.list.remove(&mut self.table, name);
                self.table[name as usize].cached = false;
                dropped += 1;
            }
        }
        dropped
    }
}
