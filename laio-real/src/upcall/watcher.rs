//! The watcher: how a standby learns that the loop has blocked.
//!
//! One standby at a time watches, in one of the ways of `detect`. The yield watcher loops on
//! `sched_yield` on the loop's CPU. While the loop can run, the scheduler prefers it; when the loop
//! blocks, the watcher runs and sees the state word still in a call: it steals. Preemption looks
//! the same, hence the false steals, which are harmless.
//!
//! A watcher that steals leaves the watch vacant. The loop's next call fills it before it can
//! block, by waking a parked standby or starting a carrier ([`Watch::call_somebody`]); the one it
//! wakes need not run before the loop blocks. A carrier whose call has ended fills a vacant watch
//! by itself, and where the loop is blocked just then it steals without any watcher's help.
//!
//! The watcher parks when the loop sleeps in `poll` or `wait`, and when the loop has made no call
//! during [`PATIENCE`] looks, so that an idle or computing loop costs nothing.

use std::sync::atomic::{AtomicU32, Ordering};

use super::carrier::Carrier;
use super::engine::Engine;
use super::state::{Phase, Word};
use super::{detect, switch, sys};

/// Nobody watches.
const VACANT: u32 = 0;
/// Somebody has been woken or started and will watch when it runs.
const CALLED: u32 = 1;
/// Somebody watches.
const TAKEN: u32 = 2;

/// Looks without a new call from the loop after which the watcher parks: ours. Alone on the CPU,
/// which happens when the loop blocks outside the engine's calls, a yield takes well under a
/// microsecond, so such a block wastes some 10 us.
const PATIENCE: u32 = 32;

/// The duty to watch, and where standbys park.
pub(crate) struct Watch {
    duty: AtomicU32,
    /// Counts the calls for a watcher; parked standbys sleep on it.
    calls: AtomicU32,
    parked: AtomicU32,
}

impl Watch {
    pub(crate) const fn new() -> Self {
        Self {
            duty: AtomicU32::new(VACANT),
            calls: AtomicU32::new(0),
            parked: AtomicU32::new(0),
        }
    }

    /// Loop: whether nobody watches or is about to. The caller has announced its call in the state
    /// word, so a watcher that is just about to park will notice and stay.
    #[inline]
    pub(crate) fn is_vacant(&self) -> bool {
        self.duty.load(Ordering::Acquire) == VACANT
    }

    /// Loop: has the vacant watch filled by a parked standby or else by a new carrier, which
    /// `start` starts. False if neither was to be had.
    pub(crate) fn call_somebody(&self, mut start: impl FnMut() -> bool) -> bool {
        while self.change(VACANT, CALLED) {
            if self.parked.load(Ordering::SeqCst) > 0 {
                self.calls.fetch_add(1, Ordering::SeqCst);
                sys::futex_wake(&self.calls, 1);
                return true;
            }
            if start() {
                return true;
            }
            self.change(CALLED, VACANT);
            // A carrier that has finished its call since may have seen the watch called and parked.
            if self.parked.load(Ordering::SeqCst) == 0 {
                return false;
            }
        }
        true
    }

    /// Wakes every parked standby, to look at the engine's state anew.
    pub(crate) fn call_everybody(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        sys::futex_wake(&self.calls, i32::MAX as u32);
    }

    /// Sleeps until the next call for a watcher, unless `stay` says, once this carrier counts as
    /// parked, that something has changed.
    fn park(&self, stay: impl FnOnce() -> bool) {
        let calls = self.calls.load(Ordering::SeqCst);
        self.parked.fetch_add(1, Ordering::SeqCst);
        if !stay() {
            sys::futex_wait(&self.calls, calls);
        }
        self.parked.fetch_sub(1, Ordering::SeqCst);
    }

    fn change(&self, from: u32, to: u32) -> bool {
        self.duty
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }
}

/// The life of a carrier without a call: it watches if it was called to, or if the watch is
/// vacant, and else parks.
///
/// Whoever answers a call takes the watch before it steals; otherwise the loop would rely on a
/// watcher that is not there.
pub(crate) fn stand_by(carrier: &'static Carrier, mut called: bool) -> ! {
    let engine = carrier.engine();
    let watch = &engine.watch;
    while engine.is_open() {
        if watch.change(VACANT, TAKEN) || (called && watch.change(CALLED, TAKEN)) {
            keep_watch(carrier);
        } else if steal_now(engine) {
            // Somebody else watches, but the loop is off the CPU right now.
            take_over(carrier);
        } else {
            watch.park(|| watch.is_vacant() || !engine.is_open());
        }
        called = true;
    }
    retire(carrier)
}

/// Takes the loop if it is off the CPU, in a call.
fn steal_now(engine: &Engine) -> bool {
    let seen = engine.state.load();
    seen.phase() == Phase::InSyscall && engine.is_off_cpu() && engine.state.steal(seen)
}

/// The end of a carrier. The home carrier's kernel thread only falls asleep, because the C library
/// would take its end for the end of the loop's thread; before, it takes the loop if that wants to
/// come home.
fn retire(carrier: &'static Carrier) -> ! {
    let engine = carrier.engine();
    if !carrier.is_home() {
        sys::exit_thread();
    }
    while engine.is_going_home() {
        if engine.state.steal(engine.state.load()) {
            take_over(carrier);
        }
        sys::yield_cpu();
    }
    carrier.sleep_for_ever()
}

/// Watches until the loop is stolen (then it does not return) or there is nothing to watch (then
/// it vacates the watch and parks for a while).
fn keep_watch(carrier: &'static Carrier) {
    let engine = carrier.engine();
    let mut seen = engine.state.load();
    let mut looks = 0;
    while engine.is_open() {
        let phase = seen.phase();
        if phase == Phase::InSyscall && engine.has_blocked(looks) && engine.state.steal(seen) {
            engine.watch.duty.store(VACANT, Ordering::SeqCst);
            take_over(carrier);
        }
        if phase == Phase::Asleep || (phase == Phase::Idle && looks >= PATIENCE) {
            leave_watch(engine, seen);
            return;
        }
        engine.wait_to_look();
        let now = engine.state.load();
        looks = if now == seen { looks + 1 } else { 0 };
        seen = now;
    }
    engine.watch.duty.store(VACANT, Ordering::SeqCst);
}

/// Vacates the watch and parks, unless the loop has moved on from `seen` meanwhile.
///
/// The loop announces its call and then looks whether the watch is vacant; the other way round
/// here. One of the two must see the other: on one CPU they do, on two both need a barrier, and
/// the watcher, which has the time, makes it for both.
fn leave_watch(engine: &Engine, seen: Word) {
    engine.watch.park(|| {
        engine.watch.duty.store(VACANT, Ordering::SeqCst);
        if !detect::is_pinned(engine.detector) {
            sys::barrier_everywhere();
        }
        engine.state.load() != seen || !engine.is_open()
    });
}

/// Goes on as the loop.
fn take_over(carrier: &'static Carrier) -> ! {
    let engine = carrier.engine();
    carrier.stands_by.store(false, Ordering::Relaxed);
    engine.set_current(carrier);
    // SAFETY: the state word has just been won, and this is a carrier on its own stack.
    unsafe { switch::resume(engine) }
}
