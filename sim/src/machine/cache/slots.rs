//! Where the cached pages stand: a word of four bytes for every page of the footprint, and a slot
//! of 12 for each cached one.
//!
//! A page's word holds its stage in two bits; for a cached page also two flags and the number of
//! its slot, so that most uses of a page touch nothing but its word. For an absent page the rest of
//! the word is what the policy remembers of it, as the kernel's shadow entries take the place of
//! the page in the file's tree (mm/workingset.c).

use super::EntryId;
use super::list::{Linked, Links, NONE};

const STAGE_SHIFT: u32 = 30;
const REFERENCED: u32 = 1 << 29;
const MARKED: u32 = 1 << 28;
/// The slot's number in a cached page's word.
const SLOT: u32 = MARKED - 1;
/// What is remembered, in an absent page's word.
const REMEMBERED: u32 = (1 << STAGE_SHIFT) - 1;
/// What is remembered of a page of which nothing is.
pub(super) const NOTHING: u32 = REMEMBERED;

/// Where a page is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Absent,
    /// Being read; its link `newer` is the disk request.
    InFlight,
    Present,
    /// Present, in Linux's active list.
    Active,
}

/// A cached page.
pub(super) struct Slot {
    pub(super) links: Links,
    /// Which page; in a free slot, the next free one.
    page: EntryId,
}

const _: () = assert!(size_of::<Slot>() == 12);

impl Linked for Slot {
    fn links(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// The words and the slots.
pub(super) struct Slots {
    words: Vec<u32>,
    table: Vec<Slot>,
    free: u32,
}

impl Slots {
    /// Slots for `cached` of `pages` pages; more are added if so many are in flight that they
    /// exceed the memory.
    pub(super) fn new(pages: u32, cached: u32) -> Self {
        Self {
            words: vec![NOTHING; pages as usize],
            table: Vec::with_capacity(cached.min(pages) as usize),
            free: NONE,
        }
    }

    pub(super) fn stage(&self, page: EntryId) -> Stage {
        match self.words[page as usize] >> STAGE_SHIFT {
            0 => Stage::Absent,
            1 => Stage::InFlight,
            2 => Stage::Present,
            _ => Stage::Active,
        }
    }

    /// Moves a cached page to another stage.
    pub(super) fn set_stage(&mut self, page: EntryId, stage: Stage) {
        let word = &mut self.words[page as usize];
        *word &= REMEMBERED;
        *word |= (stage as u32) << STAGE_SHIFT;
    }

    /// Linux: whether a cached page was used since it was read, or since it was last activated or
    /// deactivated.
    pub(super) fn is_referenced(&self, page: EntryId) -> bool {
        self.words[page as usize] & REFERENCED != 0
    }

    pub(super) fn set_referenced(&mut self, page: EntryId, referenced: bool) {
        let word = &mut self.words[page as usize];
        *word &= !REFERENCED;
        if referenced {
            *word |= REFERENCED;
        }
    }

    /// Marks a cached page: its use triggers read-ahead.
    pub(super) fn mark(&mut self, page: EntryId) {
        self.words[page as usize] |= MARKED;
    }

    /// Takes a cached page's mark away. Returns whether there was one.
    pub(super) fn take_mark(&mut self, page: EntryId) -> bool {
        let word = &mut self.words[page as usize];
        let marked = *word & MARKED != 0;
        *word &= !MARKED;
        marked
    }

    /// The slot of a cached page.
    pub(super) fn of(&self, page: EntryId) -> u32 {
        self.words[page as usize] & SLOT
    }

    /// The page of a slot that is not free.
    pub(super) fn page(&self, slot: u32) -> EntryId {
        self.table[slot as usize].page
    }

    pub(super) fn links(&self, slot: u32) -> Links {
        self.table[slot as usize].links
    }

    pub(super) fn links_mut(&mut self, slot: u32) -> &mut Links {
        &mut self.table[slot as usize].links
    }

    pub(super) fn table(&mut self) -> &mut [Slot] {
        &mut self.table
    }

    /// Gives an absent page, which `request` reads, a slot. Returns what was remembered of it.
    pub(super) fn take(&mut self, page: EntryId, request: u32) -> u32 {
        let slot = self.free_slot();
        let taken = &mut self.table[slot as usize];
        taken.links.newer = request;
        taken.page = page;
        let remembered = std::mem::replace(&mut self.words[page as usize], slot);
        self.set_stage(page, Stage::InFlight);
        remembered
    }

    fn free_slot(&mut self) -> u32 {
        if self.free != NONE {
            let slot = self.free;
            self.free = self.table[slot as usize].page;
            return slot;
        }
        if self.table.len() == self.table.capacity() {
            // A vector's own growth would double it.
            self.table.reserve_exact(self.table.len() / 16 + 1);
        }
        let slot = self.table.len() as u32;
        assert!(slot <= SLOT, "slot numbers have 28 bits: a tebibyte cached");
        self.table.push(Slot {
            links: Links::UNLINKED,
            page: NONE,
        });
        slot
    }

    /// Takes the slot away from a cached page, of which `remember` is to be remembered.
    pub(super) fn free(&mut self, page: EntryId, remember: u32) {
        let slot = self.of(page);
        self.words[page as usize] = remember;
        self.table[slot as usize].page = std::mem::replace(&mut self.free, slot);
    }

    /// Bytes of this process's memory: words and slots.
    pub(super) fn footprint_bytes(&self) -> u64 {
        (size_of_val(&*self.words) + size_of_val(&*self.table)) as u64
    }
}
