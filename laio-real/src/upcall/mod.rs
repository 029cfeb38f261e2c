//! The upcall engine: carriers take the loop out of calls that block.
//!
//! `state` is the protocol between them, `switch` the assembly under it; `carrier` and `watcher`
//! are the life of a carrier, `watch` (with `bell` and `turn`) how they come to watch, `sensor` its sense of having blocked, `detect` and `ring` that of the
//! loop having blocked (and `stretch`, of its being preempted). On the loop's side, `life`
//! starts and ends an engine, `call` makes calls, `cancel`
//! interrupts them, `parked` keeps those that need no carrier, `wait` waits for their ends,
//! in a `nap` if it can.

mod attempt;
mod bell;
mod call;
mod cancel;
mod carrier;
mod credentials;
mod detect;
mod engine;
mod finished;
mod home;
mod life;
mod nap;
mod parked;
mod ring;
mod sensor;
mod signals;
mod state;
mod stopwatch;
mod stretch;
mod switch;
mod sync;
mod sys;
mod turn;
mod wait;
mod watch;
mod watcher;

use std::fmt;
use std::ptr::NonNull;
use std::time::Instant;

use self::carrier::Carrier;
use self::engine::Engine;
use self::home::Scheduling;
use self::parked::Lot;
use self::sensor::LibcRseq;
use self::signals::Signals;
use self::tally::Tally;
use crate::epoll::Epoll;
use crate::{CallCounters, Counters, Detector, report, tally};

/// Carriers that calls leave alone as long as possible: the one that runs the loop, and the last
/// that is free to watch.
const RESERVE: usize = 2;

/// A LAIO engine. It belongs to the thread that started it, the event loop.
///
/// The [crate's documentation](crate) says what an engine changes about its thread, and when not
/// to use one.
///
/// # Dropping
/// The loop returns to the kernel thread that it started on, and that thread's scheduling and
/// signal mask are restored; the other carriers end. Both need calls that have ended. With calls
/// still in the background ([`Counters::in_flight`]) their carriers, and a little memory, stay
/// until each ends, and their results are lost; if one of them sits on the loop's original kernel
/// thread, the loop stays on a carrier for good, and a `join` on its thread would never return.
/// Leaving `main` is fine at any time.
///
/// # Layout
/// First comes what every call uses: a call that touches fewer cache lines finds more of them in
/// the cache after a call that has used much of it.
#[repr(C)]
pub(crate) struct Upcall {
    engine: NonNull<Engine>,
    /// The carrier that runs the loop now.
    current: NonNull<Carrier>,
    /// The engine's.
    tally: NonNull<Tally>,
    /// Calls issued; the number of the last one.
    call: u64,
    /// Stolen calls whose completion has not been taken.
    in_flight: usize,
    /// From how many calls on carriers on these are scarce: [`RESERVE`] fewer than there may be for
    /// the time being.
    scarce_from: usize,
    /// All carriers; the first is the loop's original kernel thread, its home.
    carriers: Vec<NonNull<Carrier>>,
    max_carriers: usize,
    /// The last call that no carrier was free to watch.
    unwatched: u64,
    passed_through: u64,
    parked: Lot,
    /// What [`poll`](Self::poll) sleeps in: holds the eventfd and the parked operations.
    epoll: Epoll,
    /// Signals sent to the eventfd, or about to be, for results that have been taken; not read from
    /// it yet.
    unread_signals: u64,
    /// When the loop last yielded to calls that had ended.
    gave_way: Instant,
    signals: Signals,
    scheduling: Scheduling,
    libc_rseq: Option<LibcRseq>,
}

impl Upcall {
    /// What has been counted since the start.
    pub(crate) fn counters(&self) -> Counters {
        Counters {
            calls: self.tally().sum(),
            passed_through: self.passed_through,
            carriers: self.carriers.len(),
            in_flight: self.in_flight,
        }
    }

    /// What has been counted for system call `number`.
    pub(crate) fn call_counters(&self, number: i64) -> CallCounters {
        self.tally().read(number as usize)
    }

    /// How blocking is detected.
    pub(crate) fn detector(&self) -> Detector {
        self.engine().detector
    }

    fn engine(&self) -> &'static Engine {
        // SAFETY: freed at the end of `drop` only; no reference outlives a method.
        unsafe { self.engine.as_ref() }
    }

    fn tally(&self) -> &'static Tally {
        // SAFETY: as above: the engine keeps it.
        unsafe { self.tally.as_ref() }
    }

    /// The carrier that runs the loop now.
    fn carrier(&self) -> &'static Carrier {
        // SAFETY: as above.
        unsafe { self.current.as_ref() }
    }
}

impl fmt::Debug for Upcall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upcall")
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
