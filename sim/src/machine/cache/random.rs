//! Replacement at random: each present page is as likely a victim as any other.
//!
//! The present pages stand in an array of any order, whose elements lie in the slots' own unused
//! links: the array's i-th element in the link `older` of slot i, a present slot's place in the
//! array in its link `newer`. There are at least as many slots as present pages.

use super::slots::Slots;
use crate::engine::random::{Stream, uniform_below};

/// The array's length, and where victims are drawn from.
pub(super) struct Random {
    victims: Stream,
    len: u32,
}

impl Random {
    pub(super) fn new(victims: Stream) -> Self {
        Self { victims, len: 0 }
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// A page in this slot is present.
    pub(super) fn insert(&mut self, slots: &mut Slots, slot: u32) {
        put(slots, self.len, slot);
        self.len += 1;
    }

    /// The last of the array takes the removed one's place.
    pub(super) fn remove(&mut self, slots: &mut Slots, slot: u32) {
        self.len -= 1;
        let last = slots.links(self.len).older;
        put(slots, slots.links(slot).newer, last);
    }

    pub(super) fn victim(&mut self, slots: &Slots) -> Option<u32> {
        if self.len == 0 {
            return None;
        }
        let place = uniform_below(&mut self.victims, self.len.into());
        Some(slots.links(place as u32).older)
    }
}

fn put(slots: &mut Slots, place: u32, slot: u32) {
    slots.links_mut(place).older = slot;
    slots.links_mut(slot).newer = place;
}
