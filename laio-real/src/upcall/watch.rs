//! The duty to watch: who has it, and how others come to it.
//!
//! The duty is vacant, or somebody has it, or it has been *called out*: whoever is `ready`, which
//! means that it will look at the duty before it sleeps, will take it. A carrier is ready from when
//! it is woken or started until it looks, and a watcher while it gives the duty away. The loop may
//! block only if the duty is not vacant, so for each step: who calls the duty out knows somebody
//! ready, or wakes or starts somebody. (A carrier that is being started is not counted: it is for
//! one duty, the one that it was started for, and looks at it first of all.)
//!
//! Each side changes its own word, makes a barrier, and then reads the other's, so that one of the
//! two sees the other. `watch/loom_models.rs` checks that no loop blocks unwatched, in every order
//! and all that the memory model allows.

use std::time::Duration;

use super::bell::Bell;
use super::sync::{AtomicI32, AtomicU32, Ordering, fence};

/// Nobody watches.
const VACANT: u32 = 0;
/// Somebody ready will watch.
const CALLED: u32 = 1;
/// Somebody watches.
const TAKEN: u32 = 2;

/// The duty to watch, and where standbys park.
pub(crate) struct Watch {
    duty: AtomicU32,
    ready: AtomicI32,
    /// Parked standbys: those that sleep on the bell, and some about to, or just woken.
    parked: AtomicU32,
    bell: Bell,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            duty: AtomicU32::new(VACANT),
            ready: AtomicI32::new(0),
            parked: AtomicU32::new(0),
            bell: Bell::new(),
        }
    }

    /// Loop: whether nobody watches or is about to. The caller has announced its call in the state
    /// word, so a watcher that is just about to park will notice and stay.
    #[inline]
    pub(crate) fn is_vacant(&self) -> bool {
        self.duty.load(Ordering::Acquire) == VACANT
    }

    /// Loop: has the vacant watch filled by a standby or else by a new carrier, which `start`
    /// starts. False if neither was to be had.
    pub(crate) fn call_somebody(&self, mut start: impl FnMut() -> bool) -> bool {
        while self.change(VACANT, CALLED) {
            if self.is_ready(1) || self.wake(1) || start() {
                return true;
            }
            self.change(CALLED, VACANT);
            // A carrier that has finished its call since may have seen the watch called and parked.
            if !self.is_ready(1) && self.parked.load(Ordering::SeqCst) == 0 {
                return false;
            }
        }
        true
    }

    /// Watcher, about to steal: gives the duty to somebody ready, or else to the first of up to
    /// `wanted` parked standbys, which it wakes. If `wanted` is 0 or nobody is to be had, leaves
    /// it vacant. Until [`decided`](Self::decided), this carrier is ready itself: it must look at
    /// the duty again unless it becomes the loop.
    pub(crate) fn give_away(&self, wanted: u32) {
        self.ready.fetch_add(1, Ordering::SeqCst);
        self.duty.store(CALLED, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        // Itself, and another.
        if !self.is_ready(2) && !self.wake(wanted) {
            self.change(CALLED, VACANT);
        }
    }

    /// Who has given the duty away: it has stolen, or is about to look.
    pub(crate) fn decided(&self) {
        self.ready.fetch_sub(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Standby: takes the duty if it is vacant.
    pub(crate) fn take_vacant(&self) -> bool {
        self.change(VACANT, TAKEN)
    }

    /// Standby that was ready: takes the duty if it is called out.
    pub(crate) fn take_called(&self) -> bool {
        self.change(CALLED, TAKEN)
    }

    /// Watcher: nobody watches from here on.
    pub(crate) fn vacate(&self) {
        self.duty.store(VACANT, Ordering::SeqCst);
    }

    /// Sleeps until it is woken, or for `longest`, unless `stay` says, once this carrier counts as
    /// parked, that something has changed.
    pub(crate) fn park(&self, longest: Option<Duration>, stay: impl FnOnce() -> bool) {
        let rung = self.bell.rung();
        self.parked.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if !stay() && self.bell.sleep(rung, longest) {
            self.ready.fetch_sub(1, Ordering::SeqCst);
            fence(Ordering::SeqCst);
        }
        self.parked.fetch_sub(1, Ordering::SeqCst);
    }

    /// Wakes every parked standby, to look at the engine's state anew.
    pub(crate) fn call_everybody(&self) {
        fence(Ordering::SeqCst);
        self.ring(self.parked.load(Ordering::SeqCst));
    }

    /// Whether at least so many are ready.
    fn is_ready(&self, count: i32) -> bool {
        self.ready.load(Ordering::SeqCst) >= count
    }

    /// Wakes up to `count` parked standbys. False if there are none. Those that were not asleep yet
    /// will find that the bell has been rung.
    fn wake(&self, count: u32) -> bool {
        let count = count.min(self.parked.load(Ordering::SeqCst));
        if count > 0 {
            self.ring(count);
        }
        count > 0
    }

    fn ring(&self, count: u32) {
        // One of them may have looked already, and taken itself off before it is counted: then they
        // are too few for a moment, and another is woken in vain.
        let woken = self.bell.ring(count);
        self.ready.fetch_add(woken as i32, Ordering::SeqCst);
    }

    fn change(&self, from: u32, to: u32) -> bool {
        let changed = self
            .duty
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok();
        fence(Ordering::SeqCst);
        changed
    }
}

#[cfg(all(test, loom))]
mod loom_models;
