//! The upcall engine: carriers take the loop out of calls that block.
//!
//! `state` is the protocol between them, `switch` the assembly under it; `carrier` and `watcher`
//! are the life of a carrier, `sensor` its sense of having blocked. On the loop's side, `life`
//! starts and ends an engine, `call` makes calls, `wait` waits for their ends.

mod call;
mod carrier;
mod engine;
mod finished;
mod home;
mod life;
mod passthrough;
mod sensor;
mod signals;
mod state;
mod switch;
mod sys;
mod tally;
mod wait;
mod watcher;

use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::time::Instant;
use std::{fmt, io};

use self::carrier::Carrier;
use self::engine::Engine;
use self::home::Scheduling;
use self::sensor::LibcRseq;
use self::signals::Signals;
use self::tally::Tally;
use self::wait::Epoll;
use crate::{CallCounters, Counters, Error};

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
pub struct Laio {
    engine: NonNull<Engine>,
    /// All carriers; the first is the loop's original kernel thread, its home.
    carriers: Vec<NonNull<Carrier>>,
    max_carriers: usize,
    /// The one that runs the loop now.
    current: NonNull<Carrier>,
    /// Calls issued; the number of the last one.
    call: u64,
    tally: Tally,
    passed_through: u64,
    /// Stolen calls whose completion has not been taken.
    in_flight: usize,
    eventfd: OwnedFd,
    /// What [`poll`](Self::poll) sleeps in: holds the eventfd only.
    epoll: Epoll,
    /// Wake-ups sent to the eventfd, or about to be, and not read from it yet.
    unread_wakeups: u64,
    /// When the loop last yielded to calls that had ended.
    gave_way: Instant,
    signals: Signals,
    scheduling: Scheduling,
    libc_rseq: Option<LibcRseq>,
}

impl Laio {
    /// What has been counted since the start.
    pub fn counters(&self) -> Counters {
        Counters {
            calls: self.tally.sum(&self.engine().false_steals),
            passed_through: self.passed_through,
            carriers: self.carriers.len(),
            in_flight: self.in_flight,
        }
    }

    /// What has been counted for system call `number`.
    pub fn call_counters(&self, number: i64) -> CallCounters {
        self.tally
            .read(number as usize, &self.engine().false_steals)
    }

    fn engine(&self) -> &'static Engine {
        // SAFETY: freed at the end of `drop` only; no reference outlives a method.
        unsafe { self.engine.as_ref() }
    }

    /// The carrier that runs the loop now.
    fn carrier(&self) -> &'static Carrier {
        // SAFETY: as above.
        unsafe { self.current.as_ref() }
    }
}

/// The last failure, of `call`, on this thread.
fn os_error(call: &'static str) -> Error {
    let source = io::Error::last_os_error();
    Error::Os { call, source }
}

impl fmt::Debug for Laio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Laio")
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
