//! `nb-laio`: non-blocking sockets, and disk I/O through lazy asynchronous I/O.
//!
//! Covers every file operation. Would not block: the CPU of the call and of the fast path, no
//! continuation. Would block: the carrier that the loop runs on sleeps in the call, a standby
//! steals the loop (its cost), the loop goes on; when the carrier wakes it competes for the CPU,
//! executes the rest of the call, posts the completion and becomes a standby. One completion is
//! taken later through `laio_poll`.
//!
//! Leaves out: late watchers (a call that blocked and returned inline all the same) and false
//! steals; the real library counts both.

use std::collections::VecDeque;

use super::nonblocking::Sockets;
use super::{InCall, IoSetup, LOOP, SERVER_CPU, SimIo};
use crate::machine::Machine;
use crate::machine::calls::{Call, FileSlot, Progress};
use crate::machine::cpu::{Activity, ProcId};
use crate::server::event_loop::{Accepted, Io, Issue, Ready, Wake};
use crate::server::script::{ConnId, Op, Outcome};

struct Carrier {
    proc: ProcId,
    /// The call that it carries, and for whom.
    call: Option<(Call, ConnId)>,
}

/// See the module's page.
pub struct NbLaio {
    sockets: Sockets,
    in_call: InCall,
    carriers: Vec<Carrier>,
    standbys: Vec<usize>,
    completions: VecDeque<(ConnId, Outcome)>,
}

impl NbLaio {
    /// A standby, or a new carrier with its memory.
    fn standby(&mut self, machine: &mut Machine) -> usize {
        self.standbys.pop().unwrap_or_else(|| {
            let proc = machine.spawn(SERVER_CPU);
            machine.reserve(machine.costs.memory.carrier);
            self.carriers.push(Carrier { proc, call: None });
            self.carriers.len() - 1
        })
    }
}

impl SimIo for NbLaio {
    fn new(_: IoSetup, _: &mut Machine) -> Self {
        Self {
            sockets: Sockets::default(),
            in_call: InCall::default(),
            carriers: Vec::new(),
            standbys: Vec::new(),
            completions: VecDeque::new(),
        }
    }

    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId) -> bool {
        let index = self
            .carriers
            .iter()
            .position(|carrier| carrier.proc == proc)
            .expect("every worker is a carrier");
        let carrier = &mut self.carriers[index];
        let Some((call, conn)) = &mut carrier.call else {
            return false;
        };
        match machine.advance(call) {
            Progress::Waits(wait) => machine.await_io(wait, proc),
            Progress::Ran(outcome) => {
                machine.charge(Activity::Interface, machine.costs.laio.completion);
                self.completions.push_back((*conn, outcome));
                carrier.call = None;
                self.standbys.push(index);
                machine.wake_if_waiting(LOOP);
            }
        }
        false
    }

    fn in_call(&mut self) -> &mut InCall {
        &mut self.in_call
    }
}

impl Io for NbLaio {
    type Cx = Machine;

    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        if !op.kind().is_some_and(|kind| kind.on_disk()) {
            return self.sockets.issue(machine, conn, op);
        }
        machine.charge(Activity::Interface, machine.costs.laio.inline);
        let mut call = machine.begin(FileSlot::Conn(conn), op);
        match machine.advance(&mut call) {
            Progress::Ran(outcome) => Issue::Done(outcome),
            Progress::Waits(wait) => {
                machine.charge(Activity::Interface, machine.costs.laio.steal);
                let index = self.standby(machine);
                machine.await_io(wait, self.carriers[index].proc);
                self.carriers[index].call = Some((call, conn));
                machine.counters.continuations += 1;
                Issue::Background
            }
        }
    }

    fn accept(&mut self, machine: &mut Machine) -> Accepted {
        self.sockets.accept(machine)
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        let completed = self.completions.len();
        machine.charge(
            Activity::Interface,
            machine.costs.laio.poll * completed as u64,
        );
        // All completions stand behind one descriptor.
        let found = self
            .sockets
            .collect(machine, ready, usize::from(completed > 0));
        for (conn, outcome) in self.completions.drain(..) {
            ready.conns.push_back((conn, Wake::Completed(outcome)));
        }
        found
    }

    fn next_request(&mut self, machine: &mut Machine, conn: ConnId) -> bool {
        machine.network.await_request(conn)
    }

    fn hang_up(&mut self, machine: &mut Machine, conn: ConnId) {
        machine.close_connection(conn);
    }
}
