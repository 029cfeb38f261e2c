//! The I/O interfaces on the simulated machine: one file each, reading like a column of the table
//! in `ARCHITECTURE.md`.
//!
//! Each covers the operations that its file names first; what it does not cover runs in the loop,
//! blocking.

mod blocking;
mod helper;
mod laio;
mod nonblocking;

pub use blocking::NbBlocking;
pub use helper::NbAmped;
pub use laio::NbLaio;
pub use nonblocking::MAX_EVENTS;

use super::event_loop::{Io, Issue};
use super::script::{ConnId, Op, Outcome};
use crate::engine::Nanos;
use crate::machine::Machine;
use crate::machine::calls::{Call, FileSlot, Progress};
use crate::machine::cpu::ProcId;

/// The process that runs the event loop.
pub const LOOP: ProcId = ProcId(0);

/// The CPU of the server, its helpers and carriers.
pub const SERVER_CPU: usize = 0;

/// What an interface needs to know to begin.
#[derive(Clone, Copy, Debug)]
pub struct IoSetup {
    /// Number of helper processes, where the interface has them.
    pub helpers: u32,
    /// Whether file operations are metered, as in the servers of `validate`.
    pub metered: bool,
}

/// An interface whose workers the simulator can step.
pub trait SimIo: Io<Cx = Machine> {
    /// Sets it up on a machine, with its processes and the memory they take.
    fn new(setup: IoSetup, machine: &mut Machine) -> Self;

    /// Steps the worker that is the process `proc`. `false`: it sleeps.
    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId) -> bool;

    /// The call in which the loop sleeps.
    fn in_call(&mut self) -> &mut InCall;
}

/// The file operation in which the loop itself sleeps, if it does: a stall.
#[derive(Debug, Default)]
pub struct InCall {
    sleeping: Option<(Call, Nanos)>,
}

impl InCall {
    /// Runs `op` in the loop; if it must wait, the loop sleeps.
    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        let mut call = machine.begin(FileSlot::Conn(conn), op);
        match machine.advance(&mut call) {
            Progress::Ran(outcome) => Issue::Done(outcome),
            Progress::Waits(wait) => {
                machine.await_io(wait, LOOP);
                machine.counters.loop_stalls += 1;
                self.sleeping = Some((call, machine.local()));
                Issue::Slept
            }
        }
    }

    /// Whether the loop sleeps in a call.
    pub fn is_sleeping(&self) -> bool {
        self.sleeping.is_some()
    }

    /// The loop was woken: goes on with the call. `None`: it sleeps again.
    ///
    /// # Panics
    /// If the loop does not sleep in a call.
    pub fn resume(&mut self, machine: &mut Machine) -> Option<Outcome> {
        let (call, since) = self.sleeping.as_mut().expect("the loop sleeps in a call");
        machine.counters.stalled += machine.now() - *since;
        match machine.advance(call) {
            Progress::Ran(outcome) => {
                self.sleeping = None;
                Some(outcome)
            }
            Progress::Waits(wait) => {
                machine.await_io(wait, LOOP);
                *since = machine.local();
                None
            }
        }
    }
}
