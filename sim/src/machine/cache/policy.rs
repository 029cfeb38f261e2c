//! The replacement policies: what each does when a page is read, used and reclaimed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EntryId;
use super::linux::Linux;
use super::list::List;
use super::random::Random;
use super::slots::{NOTHING, Slots, Stage};
use crate::engine::random::Stream;

/// Which page is reclaimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The least recently used.
    Lru,
    /// The one whose reading ended first, used since or not.
    Fifo,
    /// Any, with equal probability.
    Random,
    /// Linux's active and inactive lists.
    Linux,
}

/// A policy's order of the present pages.
pub(super) enum Replacement {
    Lru(List),
    Fifo(List),
    Random(Random),
    Linux(Linux),
}

impl Replacement {
    /// `victims` is drawn from where the policy is [`Policy::Random`].
    pub(super) fn new(policy: Policy, victims: Stream) -> Self {
        match policy {
            Policy::Lru => Self::Lru(List::EMPTY),
            Policy::Fifo => Self::Fifo(List::EMPTY),
            Policy::Random => Self::Random(Random::new(victims)),
            Policy::Linux => Self::Linux(Linux::new()),
        }
    }

    /// How many pages are present.
    pub(super) fn present(&self) -> u32 {
        match self {
            Self::Lru(list) | Self::Fifo(list) => list.len(),
            Self::Random(random) => random.len(),
            Self::Linux(linux) => linux.present(),
        }
    }

    /// A page of which this was remembered is being read.
    pub(super) fn begin(&mut self, slots: &mut Slots, page: EntryId, remembered: u32) {
        if let Self::Linux(_) = self {
            Linux::begin(slots, page, remembered);
        }
    }

    /// It has been read.
    pub(super) fn insert(&mut self, slots: &mut Slots, page: EntryId) {
        slots.set_stage(page, Stage::Present);
        let slot = slots.of(page);
        match self {
            Self::Lru(list) | Self::Fifo(list) => list.push(slots.table(), slot),
            Self::Random(random) => random.insert(slots, slot),
            Self::Linux(linux) => linux.insert(slots, page),
        }
    }

    /// It is used.
    pub(super) fn touch(&mut self, slots: &mut Slots, page: EntryId) {
        match self {
            Self::Lru(list) => {
                let slot = slots.of(page);
                list.renew(slots.table(), slot);
            }
            Self::Fifo(_) | Self::Random(_) => {}
            Self::Linux(linux) => linux.touch(slots, page),
        }
    }

    /// It is reclaimed. Returns what to remember of it.
    pub(super) fn remove(&mut self, slots: &mut Slots, page: EntryId) -> u32 {
        let slot = slots.of(page);
        match self {
            Self::Lru(list) | Self::Fifo(list) => list.remove(slots.table(), slot),
            Self::Random(random) => random.remove(slots, slot),
            Self::Linux(linux) => return linux.remove(slots, page),
        }
        NOTHING
    }

    /// The statistics are gathered.
    pub(super) fn gather_statistics(&mut self) {
        if let Self::Linux(linux) = self {
            linux.gather_statistics();
        }
    }

    /// A pass of reclaim begins. Returns how many pages it takes, if there are so many.
    pub(super) fn begin_pass(&mut self, slots: &mut Slots) -> u64 {
        match self {
            Self::Lru(_) | Self::Fifo(_) | Self::Random(_) => 1,
            Self::Linux(linux) => linux.begin_pass(slots),
        }
    }

    /// The next page to reclaim.
    pub(super) fn victim(&mut self, slots: &Slots) -> Option<EntryId> {
        let slot = match self {
            Self::Lru(list) | Self::Fifo(list) => list.oldest(),
            Self::Random(random) => random.victim(slots),
            Self::Linux(linux) => linux.victim(),
        };
        slot.map(|slot| slots.page(slot))
    }
}
