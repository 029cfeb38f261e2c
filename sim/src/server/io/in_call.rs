//! The file operation in which the loop itself sleeps, if it does: a stall.

use crate::engine::Nanos;
use crate::machine::Machine;
use crate::machine::calls::{Call, Caller, Progress, Sockets, Wait};
use crate::machine::cpu::ProcId;
use crate::server::event_loop::Issue;
use crate::server::script::{ConnId, Op};

/// The call that a loop makes itself.
#[derive(Debug)]
pub struct InCall {
    event_loop: ProcId,
    sleeping: Option<(Call, Nanos)>,
}

impl InCall {
    /// For the loop of this process.
    pub(super) fn new(event_loop: ProcId) -> Self {
        Self {
            event_loop,
            sleeping: None,
        }
    }

    /// Runs `op` in the loop, sockets not blocking; if it must wait for the disk, the loop sleeps.
    pub(super) fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        let call = machine.begin(Caller::Conn(conn), op, Sockets::DoNotBlock);
        self.go_on(machine, call)
    }

    /// The same with a call that has begun.
    pub(super) fn go_on(&mut self, machine: &mut Machine, mut call: Call) -> Issue {
        match machine.advance(&mut call) {
            Progress::Ran(outcome) => Issue::Done(outcome),
            Progress::Again => Issue::Background,
            Progress::Waits(wait) => self.sleep(machine, call, wait),
        }
    }

    /// The loop sleeps in `call`.
    pub(super) fn sleep(&mut self, machine: &mut Machine, call: Call, wait: Wait) -> Issue {
        machine.sleep_until(wait, self.event_loop);
        machine.counters.loop_stalls += 1;
        self.sleeping = Some((call, machine.local()));
        Issue::Slept
    }

    /// Whether the loop sleeps in a call.
    pub fn is_sleeping(&self) -> bool {
        self.sleeping.is_some()
    }

    /// The loop was woken: goes on with the call. `None`: it sleeps again.
    ///
    /// # Panics
    /// If the loop does not sleep in a call.
    pub fn resume(&mut self, machine: &mut Machine) -> Option<Issue> {
        let (call, since) = self.sleeping.as_mut().expect("the loop sleeps in a call");
        machine.counters.stalled += machine.now() - *since;
        let issue = match machine.advance(call) {
            Progress::Ran(outcome) => Issue::Done(outcome),
            Progress::Again => Issue::Background,
            Progress::Waits(wait) => {
                machine.sleep_until(wait, self.event_loop);
                *since = machine.local();
                return None;
            }
        };
        self.sleeping = None;
        Some(issue)
    }
}
