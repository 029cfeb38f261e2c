//! The I/O interfaces on the simulated machine: one file each, reading like a column of the table
//! in `ARCHITECTURE.md`.
//!
//! Each covers the operations that its file names first; what it does not cover runs in the loop,
//! blocking.

mod aio;
mod blocking;
mod helper;
mod in_call;
mod laio;
mod nonblocking;
mod pool;
mod residency;
mod threads;
mod uring;

pub use aio::NbAio;
pub use blocking::NbBlocking;
pub use helper::NbAmped;
pub use in_call::InCall;
pub use laio::{LaioLaio, NbLaio};
pub use threads::{NbAmted, NbAmtedNowait};
pub use uring::{NbUring, NbUringHybrid};

use super::event_loop::Io;
use crate::machine::Machine;
use crate::machine::cpu::ProcId;
use crate::scenario::keys::{AioKind, NameTest};

/// Events taken by one `epoll_wait` of the real servers. Ours; nginx takes 512, thttpd as many as
/// there are.
pub const MAX_EVENTS: usize = 64;

/// What an interface needs to know to begin.
#[derive(Clone, Copy, Debug)]
pub struct IoSetup {
    /// Which copy of the server it belongs to.
    pub copy: u32,
    /// The CPU of the copy and its workers.
    pub cpu: usize,
    /// Whether they stay there.
    pub pinned: bool,
    /// The process of the event loop.
    pub event_loop: ProcId,
    /// Events taken by one `epoll_wait`.
    pub max_events: usize,
    /// Helper processes.
    pub helpers: u32,
    /// Helper processes for names alone.
    pub name_helpers: u32,
    /// How names are tested for residency.
    pub name_test: NameTest,
    /// Threads of a pool.
    pub pool_threads: u32,
    /// Whose asynchronous I/O.
    pub aio: AioKind,
    /// Whether connections share descriptors of kept files.
    pub shares_files: bool,
    /// What carries it out.
    pub aio_workers: u32,
    /// Kernel workers of io_uring.
    pub uring_workers: u32,
    /// Carriers of LAIO at most.
    pub carriers: u32,
    /// Whether file operations are metered, as in the servers of `validate`.
    pub metered: bool,
}

/// An interface whose workers the simulator can step.
pub trait SimIo: Io<Cx = Machine> {
    /// Sets it up on a machine, with its processes and the memory they take.
    fn new(setup: &IoSetup, machine: &mut Machine) -> Self;

    /// Steps the worker `index`, which is the process `proc`. `false`: it sleeps.
    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool;

    /// The call in which the loop sleeps.
    fn in_call(&mut self) -> &mut InCall;
}
