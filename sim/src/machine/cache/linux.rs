//! Linux's page replacement: an inactive and an active list, and refault distances.
//!
//! A page read for the first time goes to the inactive list's new end; its first use marks it as
//! referenced, the next one moves it to the active list (`folio_mark_accessed`, mm/swap.c). Reclaim
//! takes 32 pages at a time from the inactive list's old end, referenced or not, for clean file
//! pages that are not mapped (`folio_check_references`, mm/vmscan.c). As long as there are fewer
//! inactive than active pages, or pages have come back too soon since the last pass, the oldest
//! active pages become inactive (`prepare_scan_control`, `inactive_is_low`, `shrink_active_list`).
//! A page that comes back after no more evictions and activations than there are active pages goes
//! to the active list at once (`workingset_refault`, mm/workingset.c). All of Linux 6.18, without
//! its multi-generational LRU.
//!
//! Leaves out: pages that are mapped, dirty, or anonymous; the batches per CPU in which the kernel
//! adds pages to its lists; the ratio of the lists above 1 GiB, where fewer inactive pages do.

use super::{Cache, EntryId, NONE, PAGES_PER_PASS, State};

/// What the two lists need beside them.
pub(super) struct Linux {
    /// By page: used since it was read, or since it was last activated or deactivated.
    referenced: Vec<bool>,
    /// By page: the clock at its eviction, plus one; zero if it never was.
    evicted_at: Vec<u64>,
    /// Evictions and activations so far (`nonresident_age`).
    clock: u64,
    /// Pages activated when they came back, since the last pass.
    refaults: u64,
}

impl Linux {
    pub(super) fn new(pages: u32) -> Self {
        Self {
            referenced: vec![false; pages as usize],
            evicted_at: vec![0; pages as usize],
            clock: 0,
            refaults: 0,
        }
    }

    pub(super) fn evicted(&mut self, page: EntryId) {
        self.referenced[page as usize] = false;
        self.evicted_at[page as usize] = self.clock + 1;
        self.clock += 1;
    }
}

impl Cache {
    /// The list for a page that has just been read.
    pub(super) fn list_of_read(&mut self, page: EntryId) -> State {
        let active = u64::from(self.active_list.len);
        let Some(linux) = &mut self.linux else {
            return State::Present;
        };
        match linux.evicted_at[page as usize].checked_sub(1) {
            Some(evicted_at) if linux.clock - evicted_at <= active => {
                linux.clock += 1;
                linux.refaults += 1;
                State::Active
            }
            _ => State::Present,
        }
    }

    /// A use of a present page.
    pub(super) fn mark_accessed(&mut self, page: EntryId) {
        let Some(linux) = &mut self.linux else { return };
        let referenced = &mut linux.referenced[page as usize];
        if !*referenced {
            *referenced = true;
        } else if self.states[page as usize] == State::Present {
            *referenced = false;
            linux.clock += 1;
            self.move_to(page, State::Active);
        }
    }

    /// Reclaims up to [`PAGES_PER_PASS`] pages; returns how many.
    pub(super) fn reclaim_pass(&mut self) -> u64 {
        let refaults = match &mut self.linux {
            Some(linux) => std::mem::take(&mut linux.refaults),
            None => 0,
        };
        if refaults > 0 {
            // Both lists are scanned in proportion to their lengths.
            let active = u64::from(self.active_list.len);
            let inactive = u64::from(self.page_list.len).max(1);
            self.deactivate((active * PAGES_PER_PASS).div_ceil(inactive));
        }
        while self.page_list.len < self.active_list.len {
            self.deactivate(1);
        }
        self.reclaim_oldest(PAGES_PER_PASS)
    }

    fn deactivate(&mut self, pages: u64) {
        for _ in 0..pages {
            let page = self.active_list.oldest;
            if page == NONE {
                return;
            }
            self.move_to(page, State::Present);
            if let Some(linux) = &mut self.linux {
                linux.referenced[page as usize] = false;
            }
        }
    }

    fn move_to(&mut self, page: EntryId, state: State) {
        self.unlink(page);
        self.states[page as usize] = state;
        self.link_newest(page);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NO_OWNER, PageState, Policy};
    use super::*;
    use crate::machine::PAGE_BYTES;

    fn cache(capacity_pages: u64, pages: usize) -> Cache {
        Cache::new(
            Policy::Linux,
            capacity_pages * PAGE_BYTES,
            vec![NO_OWNER; pages],
            0,
            0,
        )
    }

    fn read(cache: &mut Cache, page: EntryId) {
        if cache.look_up(page) == PageState::Absent {
            cache.begin_fill(page, 0);
            cache.end_fill(page);
            cache.look_up(page);
        }
    }

    #[test]
    fn a_scan_does_not_drive_out_what_was_used_twice() {
        let mut cache = cache(128, 1000);
        for _ in 0..2 {
            (0..40).for_each(|page| read(&mut cache, page));
        }
        (100..1000).for_each(|page| read(&mut cache, page));
        assert!((0..40).all(|page| cache.peek(page) == PageState::Present));
    }

    #[test]
    fn a_page_that_comes_back_soon_is_activated_at_once() {
        let mut cache = cache(128, 1000);
        for _ in 0..2 {
            (0..60).for_each(|page| read(&mut cache, page));
        }
        (100..200).for_each(|page| read(&mut cache, page));
        let evicted = (100..200)
            .rfind(|&page| cache.peek(page) == PageState::Absent)
            .expect("more pages than room");
        read(&mut cache, evicted);
        assert_eq!(cache.states[evicted as usize], State::Active);
    }

    #[test]
    fn reclaim_makes_room_for_a_pass_of_pages() {
        let mut cache = cache(128, 1000);
        (0..129).for_each(|page| read(&mut cache, page));
        assert_eq!(cache.used_bytes(), (129 - PAGES_PER_PASS) * PAGE_BYTES);
    }
}
