//! The watcher: how a standby learns that the loop has blocked.
//!
//! One standby at a time watches, in one of the ways of `detect`. The yield watcher loops on
//! `sched_yield` on the loop's CPU. While the loop can run, the scheduler prefers it; when the loop
//! blocks, the watcher runs and sees the state word still in a call: it steals. Preemption looks
//! the same; it is told apart where that pays (see `stretch`), and else leads to false steals, which
//! are harmless.
//!
//! A watcher that steals gives its duty (see `watch`) to somebody ready, if there is anybody, or if
//! the loop's next calls are likely to block too (see `turn`) to standbys that it wakes. Otherwise it
//! leaves the watch vacant. The loop's next call fills it before it can block, by waking a parked
//! standby or starting a carrier ([`Watch::call_somebody`](super::watch::Watch::call_somebody)); the
//! one it wakes need not run before the loop blocks. A carrier whose call has ended fills a vacant
//! watch by itself, and where the loop is blocked just then it steals without any watcher's help.
//!
//! The watcher parks when the loop sleeps in `poll` or `wait`, and when the loop has made no call
//! during [`PATIENCE`] looks, so that an idle or computing loop costs nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::carrier::Carrier;
use super::engine::Engine;
use super::state::{Phase, Word};
use super::{detect, switch, sys};

/// Looks without a new call from the loop after which the watcher parks: ours. Alone on the CPU,
/// which happens when the loop blocks outside the engine's calls, a yield takes well under a
/// microsecond, so such a block wastes some 10 us.
const PATIENCE: u32 = 32;

/// The life of a carrier without a call: it watches if it was called to, or if the watch is
/// vacant, and else parks.
///
/// Whoever answers a call takes the watch before it steals; otherwise the loop would rely on a
/// watcher that is not there.
pub(crate) fn stand_by(carrier: &'static Carrier, mut called: bool) -> ! {
    let engine = carrier.engine();
    let watch = &engine.watch;
    while engine.is_open() {
        if watch.take_vacant() || (called && watch.take_called()) {
            keep_watch(carrier);
        } else if steal_now(engine) {
            // Somebody else watches, but the loop is off the CPU right now.
            engine.turn.count_steal();
            take_over(carrier);
        } else {
            watch.park(None, || watch.is_vacant() || !engine.is_open());
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
        let (phase, ran) = (seen.phase(), engine.stretch.end());
        if phase == Phase::InSyscall && engine.has_blocked(looks, ran) {
            give_away_and_steal(carrier, seen);
            return;
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
    engine.watch.vacate();
}

/// Steals the loop, seen in a call, if it is still there. Its next call will need a watcher. Where
/// one is to be expected at once, this carrier sees to it: woken by the loop, it would preempt that,
/// find nothing to do, and yield. Here, one that preempts finds the loop in its call and takes it,
/// and this carrier goes on watching.
fn give_away_and_steal(carrier: &'static Carrier, seen: Word) {
    let engine = carrier.engine();
    // Of the other detectors' standbys, only the one that watches can steal.
    let wanted = if detect::is_pinned(engine.detector) {
        engine.turn.steals_to_come()
    } else {
        0
    };
    engine.watch.give_away(wanted);
    let stolen = engine.state.steal(seen);
    engine.watch.decided();
    if stolen {
        engine.turn.count_steal();
        take_over(carrier);
    }
}

/// Vacates the watch and parks, unless the loop has moved on from `seen` meanwhile.
///
/// The loop announces its call and then looks whether the watch is vacant; the other way round
/// here. One of the two must see the other: on one CPU they do, on two both need a barrier, and
/// the watcher, which has the time, makes it for both.
fn leave_watch(engine: &Engine, seen: Word) {
    engine.watch.park(None, || {
        engine.watch.vacate();
        if !detect::is_pinned(engine.detector) {
            sys::barrier_everywhere();
        }
        engine.state.load() != seen || !engine.is_open()
    });
}

/// The life of the carrier that a loop has left to nap (see `nap`): it parks, at most for `longest`,
/// and is then the loop again, unless somebody else is.
pub(crate) fn stand_by_for_nap(carrier: &'static Carrier, longest: Option<Duration>) -> ! {
    let engine = carrier.engine();
    carrier.occupation.end();
    carrier.stands_by.store(true, Ordering::Release);
    let mut nap = None;
    engine.watch.park(longest, || {
        nap = Some(engine.nap.begin());
        !engine.finished.is_empty()
    });
    if nap.is_some_and(|nap| engine.nap.end(nap)) {
        take_over(carrier);
    }
    stand_by(carrier, true)
}

/// Goes on as the loop.
pub(crate) fn take_over(carrier: &'static Carrier) -> ! {
    let engine = carrier.engine();
    carrier.stands_by.store(false, Ordering::Relaxed);
    carrier.stopwatch.stop();
    engine.set_current(carrier);
    engine.stretch.begin();
    // SAFETY: the state word, or the nap, has just been won, and this is a carrier on its own stack.
    unsafe { switch::resume(engine) }
}
