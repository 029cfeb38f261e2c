//! Why an engine could not be started.

use std::io;

use crate::Detector;

/// Why [`Laio::new`](crate::Laio::new) or [`Builder::start`](crate::Builder::start) refused.
///
/// Nothing has been changed on the calling thread when one of these is returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The upcall engine switches stacks in assembly, written for x86-64 only.
    #[error("the upcall engine runs on x86-64 Linux only; choose another")]
    UnsupportedPlatform,
    /// The processor or the kernel (before 5.9) does not let user code write the FS base.
    #[error(
        "the FSGSBASE instructions are not enabled; laio needs Linux 5.9 or later on a processor that has them"
    )]
    NoFsgsbase,
    /// A shadow stack is on: resuming the loop on another kernel thread would fault.
    #[error(
        "this thread runs with a CET shadow stack; start the program with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off"
    )]
    ShadowStack,
    /// The calling thread is the loop of a living engine already; drop that one first.
    #[error("an engine is already running on this thread")]
    AlreadyRunning,
    /// The calling thread has a real-time, deadline or idle policy, under which the yield watcher
    /// has not been tried.
    #[error("the calling thread has scheduling policy {0}; laio needs SCHED_OTHER or SCHED_BATCH")]
    SchedulingPolicy(i32),
    /// Fewer than two carriers: one runs the loop, one watches it.
    #[error(
        "a limit of {0} carriers is too small: one runs the loop and one watches it, so at least 2"
    )]
    TooFewCarriers(usize),
    /// The loop could not be pinned to the asked processor.
    #[error("cannot pin the loop to CPU {cpu}; choose one that the thread may run on")]
    Pin {
        /// The processor asked for.
        cpu: usize,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The detector asked for, or, if none was, even the last resort, cannot work here.
    /// `perf_event_open` is refused at `kernel.perf_event_paranoid` above 2, and by the seccomp
    /// filters of many containers.
    #[error("the {detector} detector cannot work here: {call} failed")]
    Detector {
        /// The detector.
        detector: Detector,
        /// The call that it needs.
        call: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel has no io_uring, or forbids it, or lacks what the io_uring engine relies on (Linux
    /// 5.19 at least).
    #[error("io_uring is not to be had here; choose another engine")]
    NoIoUring {
        /// The kernel's answer.
        source: io::Error,
    },
    /// A system call needed for the set-up failed.
    #[error("{call} failed while starting the engine")]
    Os {
        /// The call that failed.
        call: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl Error {
    /// Whether it is the machine that cannot run the upcall engine, whatever the options: if no
    /// detector was asked for, none works.
    pub(crate) fn is_of_the_machine(&self) -> bool {
        matches!(
            self,
            Self::UnsupportedPlatform
                | Self::NoFsgsbase
                | Self::ShadowStack
                | Self::Detector { .. }
        )
    }
}
