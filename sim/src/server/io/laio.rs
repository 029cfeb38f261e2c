//! `nb-laio` and `laio-laio`: disk I/O, or everything, through lazy asynchronous I/O.
//!
//! Covers every file operation; `laio-laio` also accept, receive and send, on sockets that block.
//! Would not block: the CPU of the call and of the fast path, no continuation. Would block: the
//! carrier that the loop runs on sleeps in the call, a standby steals the loop (its cost), the loop
//! goes on; when the carrier wakes it competes for the CPU, executes the rest of the call, posts
//! the completion and becomes a standby. One completion is taken later through `laio_poll`. With
//! `server.carriers` of them in calls the next one that blocks sleeps in the loop: a stall. A
//! sendfile that slept for its page and then finds its non-blocking socket full completes with
//! EAGAIN, and is issued again when there is room.
//!
//! While the loop is awake a standby watches it: woken by the loop's first call after it slept, and
//! asleep again, after some switches, when the loop is. Where the kernel itself tells of the block, as
//! in the paper, nobody watches (`laio.watch` is zero).
//!
//! Leaves out: late watchers (a call that blocked and returned inline all the same) and false
//! steals; the real library counts both.

use std::collections::VecDeque;

use super::nonblocking::{Sockets, non_blocking_connections};
use super::pool::Posted;
use super::{InCall, IoSetup, SimIo};
use crate::engine::Nanos;
use crate::machine::Machine;
use crate::machine::calls::{self, Call, Caller, Progress, Wait};
use crate::machine::cpu::{Activity, Path, ProcId, Role};
use crate::server::event_loop::{Accepted, Io, Issue, Ready, Wake};
use crate::server::script::{ConnId, Op, Outcome};

struct Carrier {
    proc: ProcId,
    /// The call that it carries.
    call: Option<Call>,
}

/// The carriers of one loop.
struct Laio {
    setup: IoSetup,
    carriers: Vec<Carrier>,
    standbys: Vec<u32>,
    completions: VecDeque<(Option<ConnId>, Posted)>,
    /// A standby is awake to watch the loop: since its first call after it slept.
    watched: bool,
}

/// What became of a call.
enum Lazy {
    Done(Outcome),
    Again,
    InBackground,
    /// No carrier is left: the loop sleeps in it.
    Blocks(Call, Wait),
}

impl Laio {
    fn new(setup: &IoSetup) -> Self {
        Self {
            setup: *setup,
            carriers: Vec::new(),
            standbys: Vec::new(),
            completions: VecDeque::new(),
            watched: false,
        }
    }

    /// `laio_syscall`
    fn call(
        &mut self,
        machine: &mut Machine,
        caller: Caller,
        op: Op,
        sockets: calls::Sockets,
    ) -> Lazy {
        let has_watchers = machine.costs.laio.watch > Nanos::ZERO;
        if !std::mem::replace(&mut self.watched, true) && has_watchers {
            machine.charge(Activity::Switch, machine.costs.kernel.wake_same_cpu);
        }
        machine.charge(Activity::Interface, machine.costs.laio.inline);
        let mut call = machine.begin(caller, op, sockets);
        let wait = match machine.advance(&mut call) {
            Progress::Ran(outcome) => return Lazy::Done(outcome),
            Progress::Again => return Lazy::Again,
            Progress::Waits(wait) => wait,
        };
        let Some(index) = self.standby(machine) else {
            return Lazy::Blocks(call, wait);
        };
        machine.charge(Activity::Interface, machine.costs.laio.steal);
        machine.take_path(Path::Laio, Activity::Interface);
        let carrier = &mut self.carriers[index as usize];
        machine.sleep_until(wait, carrier.proc);
        carrier.call = Some(call);
        machine.counters.continuations += 1;
        Lazy::InBackground
    }

    /// A standby, or a new carrier with its memory.
    fn standby(&mut self, machine: &mut Machine) -> Option<u32> {
        if let Some(index) = self.standbys.pop() {
            return Some(index);
        }
        let index = self.carriers.len() as u32;
        if index >= self.setup.carriers {
            return None;
        }
        let copy = self.setup.copy;
        let role = Role::Worker { copy, index };
        let proc = machine.spawn(role, self.setup.cpu, self.setup.pinned);
        machine.reserve(machine.costs.memory.carrier);
        self.carriers.push(Carrier { proc, call: None });
        Some(index)
    }

    /// Whether a call that blocks would find a standby.
    fn has_standby(&self) -> bool {
        !self.standbys.is_empty() || (self.carriers.len() as u32) < self.setup.carriers
    }

    fn step_carrier(&mut self, machine: &mut Machine, proc: ProcId, index: u32) {
        let carrier = &mut self.carriers[index as usize];
        let Some(call) = &mut carrier.call else {
            return;
        };
        let posted = match machine.advance(call) {
            Progress::Waits(wait) => return machine.sleep_until(wait, proc),
            // A sendfile slept for its page and then found the socket full.
            Progress::Again => Posted::Again,
            Progress::Ran(outcome) => Posted::Ran(outcome),
        };
        machine.charge(Activity::Interface, machine.costs.laio.completion);
        self.completions.push_back((call.conn(), posted));
        carrier.call = None;
        self.standbys.push(index);
        machine.wake_if_waiting(self.setup.copy);
    }

    /// The loop goes to sleep: so does who watches it, on the same CPU.
    fn sleeps(&mut self, machine: &mut Machine) {
        if std::mem::take(&mut self.watched) {
            machine.charge(Activity::Interface, machine.costs.laio.watch);
        }
    }

    /// Pays for taking all completions; returns how many there are.
    fn poll(&self, machine: &mut Machine) -> usize {
        let completed = self.completions.len();
        let poll = machine.costs.laio.poll;
        machine.charge(Activity::Interface, poll * completed as u64);
        completed
    }
}

/// See the module's page.
pub struct NbLaio {
    sockets: Sockets,
    laio: Laio,
}

impl SimIo for NbLaio {
    fn new(setup: &IoSetup, _: &mut Machine) -> Self {
        Self {
            sockets: Sockets::new(setup),
            laio: Laio::new(setup),
        }
    }

    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool {
        self.laio.step_carrier(machine, proc, index);
        false
    }

    fn in_call(&mut self) -> &mut InCall {
        &mut self.sockets.in_call
    }
}

impl Io for NbLaio {
    type Cx = Machine;

    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        if !op.on_disk() {
            return self.sockets.issue(machine, conn, op);
        }
        let caller = Caller::Conn(conn);
        match self
            .laio
            .call(machine, caller, op, calls::Sockets::DoNotBlock)
        {
            Lazy::Done(outcome) => Issue::Done(outcome),
            Lazy::Again | Lazy::InBackground => Issue::Background,
            Lazy::Blocks(call, wait) => self.sockets.in_call.sleep(machine, call, wait),
        }
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        let completed = self.laio.poll(machine);
        // All completions stand behind one descriptor.
        let found = self
            .sockets
            .collect(machine, ready, usize::from(completed > 0));
        for (conn, posted) in self.laio.completions.drain(..) {
            let conn = conn.expect("only calls for connections are made");
            if let Posted::Ran(outcome) = posted {
                ready.conns.push_back((conn, Wake::Completed(outcome)));
            }
        }
        if !found {
            self.laio.sleeps(machine);
        }
        found
    }

    non_blocking_connections!();
}

/// See the module's page.
pub struct LaioLaio {
    laio: Laio,
    in_call: InCall,
    /// An accept is in the background.
    accepting: bool,
    /// A connection that it brought.
    accepted: Option<ConnId>,
}

impl SimIo for LaioLaio {
    fn new(setup: &IoSetup, _: &mut Machine) -> Self {
        Self {
            laio: Laio::new(setup),
            in_call: InCall::new(setup.event_loop),
            accepting: false,
            accepted: None,
        }
    }

    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool {
        self.laio.step_carrier(machine, proc, index);
        false
    }

    fn in_call(&mut self) -> &mut InCall {
        &mut self.in_call
    }
}

impl Io for LaioLaio {
    type Cx = Machine;

    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        let caller = Caller::Conn(conn);
        if op.kind().is_none() {
            return self.in_call.issue(machine, conn, op);
        }
        match self.laio.call(machine, caller, op, calls::Sockets::Block) {
            Lazy::Done(outcome) => Issue::Done(outcome),
            Lazy::InBackground => Issue::Background,
            Lazy::Again => unreachable!("its sockets block"),
            Lazy::Blocks(call, wait) => self.in_call.sleep(machine, call, wait),
        }
    }

    /// Takes the connection that an accept in the background brought, or accepts another; an
    /// accept that finds none goes to the background. With no carrier left for it, it is tried
    /// without blocking.
    fn accept(&mut self, machine: &mut Machine) -> Accepted {
        if let Some(conn) = self.accepted.take() {
            return Accepted::Conn(conn);
        }
        let copy = self.laio.setup.copy;
        match self.laio.call(
            machine,
            Caller::Copy(copy),
            Op::Accept,
            calls::Sockets::Block,
        ) {
            Lazy::Done(Outcome::Accepted(conn)) => Accepted::Conn(conn),
            Lazy::InBackground => {
                self.accepting = true;
                Accepted::None
            }
            _ => Accepted::None,
        }
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        let completed = self.laio.poll(machine);
        for (conn, posted) in self.laio.completions.drain(..) {
            let Posted::Ran(outcome) = posted else {
                unreachable!("its sockets block")
            };
            match (conn, outcome) {
                (Some(conn), outcome) => ready.conns.push_back((conn, Wake::Completed(outcome))),
                (None, Outcome::Accepted(conn)) => {
                    self.accepting = false;
                    self.accepted = Some(conn);
                }
                (None, _) => self.accepting = false,
            }
        }
        let can_wait = self.laio.has_standby();
        ready.accept = !self.accepting && (can_wait || machine.network.has_backlog());
        let found = completed > 0 || ready.accept;
        if !found {
            self.laio.sleeps(machine);
        }
        found
    }

    /// The receive is issued at once; it goes to the background if nothing has arrived.
    fn next_request(&mut self, _: &mut Machine, _: ConnId) -> bool {
        true
    }

    fn hang_up(&mut self, machine: &mut Machine, conn: ConnId) {
        machine.close_connection(conn);
    }
}
