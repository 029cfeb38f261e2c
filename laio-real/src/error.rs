//! Why an engine could not be started.

use std::io;

/// Why [`Laio::new`](crate::Laio::new) or [`Builder::start`](crate::Builder::start) refused.
///
/// Nothing has been changed on the calling thread when one of these is returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine switches stacks in assembly, written for x86-64 only.
    #[error("laio runs on x86-64 Linux only")]
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
    /// An engine of this process is alive; drop it first.
    #[error("an engine is already running in this process")]
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
    #[error("cannot pin the loop to CPU {cpu}")]
    Pin {
        /// The processor asked for.
        cpu: usize,
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
