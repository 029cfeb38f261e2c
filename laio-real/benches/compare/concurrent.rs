//! The ways to have calls in flight while the loop goes on.

mod hybrid;
mod lazy;
mod posix_aio;
mod ring;
mod threads;
mod tokio_blocking;

use std::time::Duration;

use io_uring::IoUring;
use laio::{EngineKind, Laio};

use crate::cpus::Cpus;
use crate::operations::Call;
use crate::residency;

pub(crate) use posix_aio::block_signal;

/// Calls in flight. A call's result is what the kernel returns: errors are negative.
pub(crate) trait Concurrent {
    /// Issues a call under a number of the caller's; returns the result if it has ended already.
    /// What the call uses must outlive it.
    fn submit(&mut self, slot: usize, call: &Call) -> Option<i64>;

    /// Sees to it that all submitted calls are on their way.
    fn flush(&mut self) {}

    /// Sleeps, as a loop does that has nothing to do, while no call ends.
    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    /// Waits until at least one has ended, and appends what has.
    fn wait(&mut self, ended: &mut Vec<(usize, i64)>);
}

pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) cpus: Cpus,
    /// Opens it for so many calls in flight; `None` where it is not to be had.
    pub(crate) open: fn(usize) -> Option<Box<dyn Concurrent>>,
    /// Whether it can make calls of this kind.
    pub(crate) makes: fn(&Call) -> bool,
}

/// Threads of a pool of the standard library's: as many as this crate's engines use by default.
const DEFAULT_THREADS: usize = 256;
/// More than there are ever calls in flight here.
const NO_LIMIT: usize = 1024;

/// What the CPU times of the others are compared with.
pub(crate) const THREADS: &str = "std threads";

/// Those that have a limit above which calls in flight wait for others to end, without it. They are
/// like the others where the limit is not reached.
pub(crate) const UNLIMITED: &[Contender] = &[
    Contender {
        name: "**laio upcall**, 1024 carriers",
        cpus: Cpus::One,
        open: |_| {
            let builder = Laio::builder().engine(EngineKind::Upcall);
            lazy::open(builder.max_carriers(NO_LIMIT))
        },
        makes: |_| true,
    },
    Contender {
        name: "std threads, 1024 of them",
        cpus: Cpus::One,
        open: |_| Some(threads::open(NO_LIMIT)),
        makes: |_| true,
    },
];

/// All, each as its documentation recommends.
pub(crate) const CONTENDERS: &[Contender] = &[
    Contender {
        name: "**laio upcall**",
        cpus: Cpus::One,
        open: |_| lazy::open(Laio::builder().engine(EngineKind::Upcall)),
        makes: |_| true,
    },
    Contender {
        name: "**laio uring**",
        cpus: Cpus::One,
        open: |_| lazy::open(Laio::builder().engine(EngineKind::Uring)),
        makes: |_| true,
    },
    Contender {
        name: "**laio pool**",
        cpus: Cpus::One,
        open: |_| lazy::open(Laio::builder().engine(EngineKind::Pool)),
        makes: |_| true,
    },
    Contender {
        name: "**laio pool**, all CPUs",
        cpus: Cpus::All,
        open: |_| lazy::open(Laio::builder().engine(EngineKind::Pool)),
        makes: |_| true,
    },
    Contender {
        name: "io_uring, COOP",
        cpus: Cpus::One,
        open: |calls| ring::open(calls, IoUring::builder().setup_coop_taskrun()),
        makes: |call| call.in_ring().is_some(),
    },
    Contender {
        name: "io_uring, DEFER",
        cpus: Cpus::One,
        open: |calls| {
            let mut builder = IoUring::builder();
            ring::open(calls, builder.setup_single_issuer().setup_defer_taskrun())
        },
        makes: |call| call.in_ring().is_some(),
    },
    Contender {
        name: "io_uring, DEFER, behind a plain attempt",
        cpus: Cpus::One,
        open: |calls| {
            let mut builder = IoUring::builder();
            hybrid::open(calls, builder.setup_single_issuer().setup_defer_taskrun())
        },
        makes: residency::can_be_tried,
    },
    Contender {
        name: THREADS,
        cpus: Cpus::One,
        open: |_| Some(threads::open(DEFAULT_THREADS)),
        makes: |_| true,
    },
    Contender {
        name: "std threads, all CPUs",
        cpus: Cpus::All,
        open: |_| Some(threads::open(DEFAULT_THREADS)),
        makes: |_| true,
    },
    Contender {
        name: "POSIX AIO",
        cpus: Cpus::One,
        open: |_| Some(posix_aio::open()),
        makes: posix_aio::makes,
    },
    Contender {
        name: "tokio `spawn_blocking`",
        cpus: Cpus::One,
        open: |_| tokio_blocking::open(),
        makes: |_| true,
    },
];
