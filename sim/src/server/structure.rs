//! How a simulated server is built: one event loop for many connections, or many workers with one
//! connection each.

use super::caches::Caches;
use super::event_loop::{EventLoop, LoopSetup, Step};
use super::io::{IoSetup, SimIo};
use super::script::{Next, Outcome, Script, ScriptSetup};
use crate::machine::Machine;
use crate::machine::calls::{Call, Caller, Progress, Sockets};
use crate::machine::cpu::{ProcId, Role};
use crate::scenario::units::Bytes;
use crate::server::script::{ConnId, Op};

/// What a copy of a server needs to know to begin.
#[derive(Clone, Copy, Debug)]
pub struct ServerSetup {
    /// What its requests have in common.
    pub script: ScriptSetup,
    /// Names that each of its processes keeps.
    pub name_cache: u32,
    /// Bytes of open files that each of its processes keeps.
    pub file_cache: Bytes,
    /// Whether all waiting connections are accepted at once.
    pub drains_backlog: bool,
    /// Its interface's part, with its copy and CPU.
    pub io: IoSetup,
    /// Processes (or threads), where it has one for each connection being served.
    pub workers: u32,
    /// Whether these are threads, which share memory and caches.
    pub threads: bool,
}

impl ServerSetup {
    fn caches(&self) -> Caches {
        Caches::new(self.name_cache, self.file_cache.0)
    }
}

/// A copy of a server that the simulator can step.
pub trait SimServer {
    /// Sets it up on a machine, with its processes and the memory they take.
    fn new(setup: &ServerSetup, machine: &mut Machine) -> Self;

    /// Steps the process of its event loop. `false`: it sleeps.
    fn step_loop(&mut self, machine: &mut Machine) -> bool;

    /// Steps the worker `index`, which is the process `proc`. `false`: it sleeps.
    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool;
}

/// One event loop with an I/O interface.
pub struct EventDriven<I> {
    event_loop: EventLoop,
    io: I,
    copy: u32,
}

impl<I: SimIo> SimServer for EventDriven<I> {
    fn new(setup: &ServerSetup, machine: &mut Machine) -> Self {
        let proc = machine.add_loop(setup.io.cpu, setup.io.pinned);
        machine.reserve(process_memory(setup.io.copy, machine));
        let io = IoSetup {
            event_loop: proc,
            ..setup.io
        };
        let event_loop = EventLoop::new(LoopSetup {
            script: setup.script,
            caches: setup.caches(),
            drains_backlog: setup.drains_backlog,
        });
        Self {
            event_loop,
            io: I::new(&io, machine),
            copy: setup.io.copy,
        }
    }

    fn step_loop(&mut self, machine: &mut Machine) -> bool {
        if self.io.in_call().is_sleeping() {
            return match self.io.in_call().resume(machine) {
                Some(outcome) => {
                    self.event_loop.wake_with(&mut self.io, machine, outcome);
                    true
                }
                None => false,
            };
        }
        match self.event_loop.step(&mut self.io, machine) {
            Step::Ran => true,
            Step::SleptInCall => false,
            Step::SleptIdle => {
                machine.loop_waits(self.copy);
                false
            }
        }
    }

    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool {
        self.io.step_worker(machine, proc, index)
    }
}

/// The first process of a server takes all of its memory, further ones what is not shared.
fn process_memory(copy: u32, machine: &Machine) -> Bytes {
    let memory = machine.costs.memory;
    match copy {
        0 => memory.process,
        _ => memory.worker,
    }
}

/// Processes (MP) or threads (MT) that each serve one connection at a time, every call blocking.
/// Processes keep caches of their own, threads share them.
pub struct Sequential {
    workers: Vec<Worker>,
    caches: Vec<Caches>,
    script: ScriptSetup,
    copy: u32,
    metered: bool,
}

struct Worker {
    /// The connection being served.
    conn: Option<(ConnId, Script)>,
    /// What it does next.
    next: Op,
    /// The call that it is in.
    call: Option<Call>,
}

impl Worker {
    fn new() -> Self {
        Self {
            conn: None,
            next: Op::Accept,
            call: None,
        }
    }
}

impl SimServer for Sequential {
    fn new(setup: &ServerSetup, machine: &mut Machine) -> Self {
        let io = setup.io;
        machine.reserve(process_memory(io.copy, machine));
        let memory = machine.costs.memory;
        for index in 0..setup.workers {
            let copy = io.copy;
            let proc = machine.spawn(Role::Worker { copy, index }, io.cpu, io.pinned);
            match setup.threads {
                true => machine.reserve(memory.thread),
                false if index > 0 => machine.reserve(memory.worker),
                false => {}
            }
            machine.wake_by_interrupt(proc, crate::engine::Nanos::ZERO);
        }
        let processes = if setup.threads { 1 } else { setup.workers };
        Self {
            workers: (0..setup.workers).map(|_| Worker::new()).collect(),
            caches: (0..processes).map(|_| setup.caches()).collect(),
            script: setup.script,
            copy: io.copy,
            metered: io.metered,
        }
    }

    fn step_loop(&mut self, _: &mut Machine) -> bool {
        unreachable!("it has no event loop")
    }

    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool {
        let worker = &mut self.workers[index as usize];
        let mut call = worker.call.take().unwrap_or_else(|| {
            if worker.next.on_disk() {
                machine.charge_meter(self.metered);
            }
            let caller = match worker.conn {
                Some((conn, _)) => Caller::Conn(conn),
                None => Caller::Copy(self.copy),
            };
            machine.begin(caller, worker.next, Sockets::Block)
        });
        match machine.advance(&mut call) {
            Progress::Ran(outcome) => {
                self.go_on(machine, index, outcome);
                true
            }
            Progress::Waits(wait) => {
                machine.sleep_until(wait, proc);
                worker.call = Some(call);
                false
            }
            Progress::Again => unreachable!("its sockets block"),
        }
    }
}

impl Sequential {
    /// What a worker does after its call has ended.
    fn go_on(&mut self, machine: &mut Machine, index: u32, outcome: Outcome) {
        let worker = &mut self.workers[index as usize];
        if let Outcome::Accepted(conn) = outcome {
            let script = Script::new(self.script);
            worker.next = script.first_op();
            worker.conn = Some((conn, script));
            return;
        }
        let (conn, script) = worker.conn.as_mut().expect("it serves a connection");
        let caches = index as usize % self.caches.len();
        match script.next(&mut self.caches[caches], outcome) {
            Next::Call(op) => worker.next = op,
            Next::NextRequest => worker.next = script.first_op(),
            Next::Hangup => {
                machine.close_connection(*conn);
                *worker = Worker::new();
            }
        }
    }
}
