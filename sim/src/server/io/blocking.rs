//! `nb-b`: non-blocking sockets, and disk I/O that blocks the loop (SPED; thttpd as shipped).
//!
//! Covers every file operation. Would not block: the CPU of the call. Would block: the CPU up to
//! the block; the loop sleeps and everybody waits; switch, wake-up, the rest of the call.

use super::nonblocking::{Sockets, non_blocking_connections};
use super::{InCall, IoSetup, SimIo};
use crate::machine::Machine;
use crate::machine::cpu::ProcId;
use crate::server::event_loop::{Accepted, Io, Issue, Ready};
use crate::server::script::{ConnId, Op};

/// See the module's page.
pub struct NbBlocking {
    sockets: Sockets,
}

impl SimIo for NbBlocking {
    fn new(setup: &IoSetup, _: &mut Machine) -> Self {
        Self {
            sockets: Sockets::new(setup),
        }
    }

    fn step_worker(&mut self, _: &mut Machine, proc: ProcId, _: u32) -> bool {
        unreachable!("{proc:?}: this interface has no workers")
    }

    fn in_call(&mut self) -> &mut InCall {
        &mut self.sockets.in_call
    }
}

impl Io for NbBlocking {
    type Cx = Machine;

    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        self.sockets.issue(machine, conn, op)
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        self.sockets.collect(machine, ready, 0)
    }

    non_blocking_connections!();
}
