//! The engines and detectors by name.

use std::fmt;

/// How blocked calls get into the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EngineKind {
    /// The loop is taken out of a call that blocks: any system call, at the price of a plain one.
    Upcall,
    /// io_uring where it has an operation, tried without waiting first where that is cheaper.
    Uring,
    /// Threads make the calls: on any processor.
    Pool,
}

impl EngineKind {
    /// Every engine.
    pub const ALL: [Self; 3] = [Self::Upcall, Self::Uring, Self::Pool];
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upcall => "upcall",
            Self::Uring => "uring",
            Self::Pool => "pool",
        })
    }
}

/// How the upcall engine learns that the loop has blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Detector {
    /// A carrier that yields on the loop's CPU: it runs when the loop does not. If the loop has run for
    /// a millisecond or so, the carrier asks the kernel whether that is preempted only. Needs nothing but
    /// `sched_yield` and the right to pin threads, and is the default where those are to be had.
    Yield,
    /// The same, and a ring of context-switch records tells blocking from preemption, so there are
    /// no false steals. Needs `perf_event_open` (`kernel.perf_event_paranoid` at most 2) and 8 KiB
    /// of locked memory for each carrier; a carrier that gets none is watched as by `Yield`.
    YieldPerf,
    /// That ring wakes a carrier: the loop need not be pinned. A carrier that gets no ring is
    /// watched as by `Timer`.
    Perf,
    /// A carrier looks every 50 us, plus the timer slack, and takes a call that it sees twice for
    /// blocked. The loop is not pinned.
    Timer,
}

impl Detector {
    /// Every detector.
    pub const ALL: [Self; 4] = [Self::Yield, Self::YieldPerf, Self::Perf, Self::Timer];
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yield => "yield",
            Self::YieldPerf => "yield+perf",
            Self::Perf => "perf",
            Self::Timer => "timer",
        })
    }
}
