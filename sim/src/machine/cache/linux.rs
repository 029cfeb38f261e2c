//! Linux's page replacement: an inactive and an active list, and refault distances.
//!
//! A page read for the first time goes to the inactive list's new end; its first use marks it as
//! referenced, the next one moves it to the active list (`folio_mark_accessed`, mm/swap.c). A pass
//! of reclaim scans both lists, first a 2^12th of each, then twice the share as long as that was
//! too little (`get_scan_count`), until it has taken 32 pages or more (`shrink_lruvec`). It takes
//! them from the inactive list's old end, referenced or not, for clean file pages that are not
//! mapped (`folio_check_references`, mm/vmscan.c). What it scans of the active list becomes
//! inactive if, by the memory group's statistics, there were fewer inactive than active pages, or
//! pages had come back too soon (`prepare_scan_control`, `inactive_is_low`, `shrink_active_list`).
//! A page that comes back after no more evictions and activations than there were active pages, by
//! the same statistics, goes to the active list at once (`workingset_refault`, mm/workingset.c).
//! All of Linux 6.18, without its multi-generational LRU.
//!
//! The statistics are gathered every two seconds (`FLUSH_TIME`, mm/memcontrol.c), and neither
//! reclaim nor refaults ask for newer ones (`mem_cgroup_flush_stats_ratelimited`). In between,
//! active pages become inactive or do not, whatever the lists' lengths have become: in a group of
//! 12 MiB the inactive list was seen to hold anything from 0.4 to 8 MiB.
//!
//! The clock of evictions and activations goes round in 30 bits, less one value for pages never
//! evicted. A page's age is the difference on that circle, so it is exact unless the clock has gone
//! round since, after 2^30 - 1 ticks; then the page can pass for one just evicted. The kernel cuts
//! its shadow entries short, and puts up with the same (`EVICTION_MASK` and the comment on
//! `refault_distance` in mm/workingset.c).
//!
//! Leaves out: pages that are mapped, dirty, or anonymous; those in flight, which are on the
//! inactive list already and cannot be taken; the batches per CPU in which the kernel adds pages to
//! its lists; the ratio of the lists above 1 GiB, where fewer inactive pages do.

use super::list::List;
use super::slots::{NOTHING, Slots, Stage};
use super::{EntryId, GENTLEST_PRIORITY, PAGES_PER_PASS};

/// Values of the clock: all 30 bits but [`NOTHING`].
const PERIOD: u32 = NOTHING;

/// Both lists, and what they need beside them.
pub(super) struct Linux {
    inactive: List,
    active: List,
    /// Evictions and activations so far, modulo [`PERIOD`] (`nonresident_age`).
    clock: u32,
    /// Pages activated when they came back.
    refaults: u64,
    gathered: Statistics,
    /// Refaults that the last pass knew of.
    refaults_before: u64,
}

/// What the memory group's statistics say of the lists.
#[derive(Clone, Copy, Debug, Default)]
struct Statistics {
    inactive: u32,
    active: u32,
    refaults: u64,
}

impl Linux {
    pub(super) fn new() -> Self {
        Self {
            inactive: List::EMPTY,
            active: List::EMPTY,
            clock: 0,
            refaults: 0,
            gathered: Statistics::default(),
            refaults_before: 0,
        }
    }

    pub(super) fn present(&self) -> u32 {
        self.inactive.len() + self.active.len()
    }

    /// Until the page has been read, its slot keeps when it was evicted.
    pub(super) fn begin(slots: &mut Slots, page: EntryId, evicted_at: u32) {
        slots.links_mut(slots.of(page)).older = evicted_at;
    }

    /// A page has been read.
    pub(super) fn insert(&mut self, slots: &mut Slots, page: EntryId) {
        let slot = slots.of(page);
        if self.came_back_soon(slots.links(slot).older) {
            self.tick();
            self.refaults += 1;
            self.activate(slots, page);
        } else {
            self.inactive.push(slots.table(), slot);
        }
    }

    fn came_back_soon(&self, evicted_at: u32) -> bool {
        evicted_at != NOTHING && self.ticks_since(evicted_at) <= self.gathered.active
    }

    fn ticks_since(&self, then: u32) -> u32 {
        let round = if self.clock < then { PERIOD } else { 0 };
        self.clock + round - then
    }

    fn tick(&mut self) {
        self.clock = (self.clock + 1) % PERIOD;
    }

    /// A use of a present page.
    pub(super) fn touch(&mut self, slots: &mut Slots, page: EntryId) {
        if !slots.is_referenced(page) {
            slots.set_referenced(page, true);
        } else if slots.stage(page) == Stage::Present {
            slots.set_referenced(page, false);
            self.tick();
            let slot = slots.of(page);
            self.inactive.remove(slots.table(), slot);
            self.activate(slots, page);
        }
    }

    fn activate(&mut self, slots: &mut Slots, page: EntryId) {
        slots.set_stage(page, Stage::Active);
        let slot = slots.of(page);
        self.active.push(slots.table(), slot);
    }

    /// A page is evicted. Returns when.
    pub(super) fn remove(&mut self, slots: &mut Slots, page: EntryId) -> u32 {
        let list = match slots.stage(page) {
            Stage::Active => &mut self.active,
            _ => &mut self.inactive,
        };
        let slot = slots.of(page);
        list.remove(slots.table(), slot);
        let evicted_at = self.clock;
        self.tick();
        evicted_at
    }

    /// The memory group's statistics are gathered.
    pub(super) fn gather_statistics(&mut self) {
        self.gathered = Statistics {
            inactive: self.inactive.len(),
            active: self.active.len(),
            refaults: self.refaults,
        };
    }

    /// Makes active pages inactive as a pass of reclaim does; returns how many pages it takes.
    pub(super) fn begin_pass(&mut self, slots: &mut Slots) -> u64 {
        let known = self.gathered;
        let deactivates = known.inactive < known.active || known.refaults != self.refaults_before;
        self.refaults_before = known.refaults;
        let (taken, mut deactivated) = self.scan(deactivates);
        if taken == 0 {
            // Nothing to take: once more, active pages included (`force_deactivate`).
            deactivated = PAGES_PER_PASS;
        }
        self.deactivate(slots, deactivated);
        taken.max(PAGES_PER_PASS)
    }

    /// How many inactive pages a pass takes, and how many active pages it makes inactive if it
    /// `deactivates`.
    fn scan(&self, deactivates: bool) -> (u64, u64) {
        let mut inactive = u64::from(self.inactive.len());
        let mut active = u64::from(self.active.len());
        let (mut taken, mut deactivated) = (0, 0);
        for priority in (0..=GENTLEST_PRIORITY).rev() {
            let to_take = (inactive >> priority).min(PAGES_PER_PASS);
            inactive -= to_take;
            taken += to_take;
            if deactivates {
                // As many rounds of 32 as taking goes on for.
                let most = if to_take == PAGES_PER_PASS {
                    PAGES_PER_PASS
                } else {
                    u64::MAX
                };
                let to_deactivate = (active >> priority).min(most);
                active -= to_deactivate;
                inactive += to_deactivate;
                deactivated += to_deactivate;
            }
            if taken >= PAGES_PER_PASS {
                break;
            }
        }
        (taken, deactivated)
    }

    pub(super) fn victim(&self) -> Option<u32> {
        self.inactive.oldest()
    }

    fn deactivate(&mut self, slots: &mut Slots, pages: u64) {
        for _ in 0..pages {
            let Some(slot) = self.active.oldest() else {
                return;
            };
            self.active.remove(slots.table(), slot);
            let page = slots.page(slot);
            slots.set_stage(page, Stage::Present);
            slots.set_referenced(page, false);
            self.inactive.push(slots.table(), slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::policy::Replacement;
    use super::super::{Cache, NO_OWNER, PageState, Policy};
    use super::*;
    use crate::engine::random::stream;
    use crate::machine::PAGE_BYTES;

    fn cache(capacity_pages: u64, pages: usize) -> Cache {
        Cache::new(
            Policy::Linux,
            capacity_pages * PAGE_BYTES,
            vec![NO_OWNER; pages],
            0,
            0,
            stream(1, "victims", 0, 0),
        )
    }

    fn read(cache: &mut Cache, page: EntryId) {
        if cache.look_up(page) == PageState::Absent {
            cache.begin_fill(page, 0);
            cache.end_fill(page);
            cache.look_up(page);
        }
    }

    fn lists(cache: &mut Cache) -> &mut Linux {
        match &mut cache.replacement {
            Replacement::Linux(linux) => linux,
            _ => unreachable!("a cache under this policy"),
        }
    }

    /// Reads 60 pages twice and a hundred others once; returns the last one that was evicted.
    fn evict_some(cache: &mut Cache) -> EntryId {
        for _ in 0..2 {
            (0..60).for_each(|page| read(cache, page));
        }
        (100..200).for_each(|page| read(cache, page));
        (100..200)
            .rfind(|&page| cache.peek(page) == PageState::Absent)
            .expect("more pages than room")
    }

    fn is_active(cache: &Cache, page: EntryId) -> bool {
        cache.slots.stage(page) == Stage::Active
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
        let evicted = evict_some(&mut cache);
        cache.gather_statistics();
        read(&mut cache, evicted);
        assert!(is_active(&cache, evicted));
    }

    #[test]
    fn how_soon_is_judged_by_the_active_pages_last_counted() {
        let mut cache = cache(128, 1000);
        let evicted = evict_some(&mut cache);
        read(&mut cache, evicted);
        assert!(!is_active(&cache, evicted));
    }

    #[test]
    fn active_pages_become_inactive_once_the_statistics_tell_of_them() {
        let mut cache = cache(128, 1000);
        for _ in 0..2 {
            (0..100).for_each(|page| read(&mut cache, page));
        }
        (100..200).for_each(|page| read(&mut cache, page));
        assert!((0..100).all(|page| is_active(&cache, page)));
        cache.gather_statistics();
        (200..300).for_each(|page| read(&mut cache, page));
        assert!(!(0..100).all(|page| is_active(&cache, page)));
    }

    #[test]
    fn a_page_never_seen_before_is_not() {
        let mut cache = cache(128, 1000);
        evict_some(&mut cache);
        cache.gather_statistics();
        read(&mut cache, 999);
        assert!(!is_active(&cache, 999));
    }

    #[test]
    fn the_clock_may_go_round_between_eviction_and_return() {
        let mut other = cache(128, 1000);
        evict_some(&mut other);
        let ticks = lists(&mut other).clock;
        let mut cache = cache(128, 1000);
        // The last eviction is on the round's last tick.
        lists(&mut cache).clock = PERIOD - ticks;
        let evicted = evict_some(&mut cache);
        assert_eq!(lists(&mut cache).clock, 0);
        cache.gather_statistics();
        read(&mut cache, evicted);
        assert!(is_active(&cache, evicted));
    }

    #[test]
    fn ages_are_differences_on_the_circle() {
        let mut linux = Linux::new();
        for (now, then, age) in [(7, 7, 0), (7, 5, 2), (1, PERIOD - 1, 2), (0, 1, PERIOD - 1)] {
            linux.clock = now;
            assert_eq!(linux.ticks_since(then), age);
        }
    }

    #[test]
    fn a_pass_scans_twice_as_much_until_it_has_taken_32_pages() {
        let mut cache = cache(128, 1000);
        (0..129).for_each(|page| read(&mut cache, page));
        // Of what is left each time: 128 / 128, 127 / 64, 126 / 32, 123 / 16, 116 / 8, 102 / 4; the
        // page that needs the room is not among them yet.
        let taken = 1 + 1 + 3 + 7 + 14 + 25;
        assert_eq!(cache.used_bytes(), (129 - taken) * PAGE_BYTES);
    }
}
