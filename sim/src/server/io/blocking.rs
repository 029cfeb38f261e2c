//! `nb-b`: non-blocking sockets, and disk I/O that blocks the loop (SPED; thttpd as shipped).
//!
//! Covers every file operation. Would not block: the CPU of the call. Would block: the CPU up to
//! the block; the loop sleeps and everybody waits; switch, wake-up, the rest of the call.

use super::nonblocking::Sockets;
use super::{InCall, IoSetup, SimIo};
use crate::machine::Machine;
use crate::machine::cpu::ProcId;
use crate::server::event_loop::{Accepted, Io, Issue, Ready};
use crate::server::script::{ConnId, Op};

/// See the module's page.
pub struct NbBlocking {
    sockets: Sockets,
    in_call: InCall,
    metered: bool,
}

impl SimIo for NbBlocking {
    fn new(setup: IoSetup, _: &mut Machine) -> Self {
        Self {
            sockets: Sockets::default(),
            in_call: InCall::default(),
            metered: setup.metered,
        }
    }

    fn step_worker(&mut self, _: &mut Machine, proc: ProcId) -> bool {
        unreachable!("{proc:?}: this interface has no workers")
    }

    fn in_call(&mut self) -> &mut InCall {
        &mut self.in_call
    }
}

impl Io for NbBlocking {
    type Cx = Machine;

    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        match op.kind() {
            Some(kind) if kind.on_disk() => {
                machine.charge_meter(self.metered);
                self.in_call.issue(machine, conn, op)
            }
            _ => self.sockets.issue(machine, conn, op),
        }
    }

    fn accept(&mut self, machine: &mut Machine) -> Accepted {
        self.sockets.accept(machine)
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        self.sockets.collect(machine, ready, 0)
    }

    fn next_request(&mut self, machine: &mut Machine, conn: ConnId) -> bool {
        machine.network.await_request(conn)
    }

    fn hang_up(&mut self, machine: &mut Machine, conn: ConnId) {
        machine.close_connection(conn);
    }
}
