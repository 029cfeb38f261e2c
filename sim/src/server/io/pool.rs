//! Workers that carry calls out for a loop: the threads of a pool, of the C library's asynchronous
//! I/O, the kernel's own.
//!
//! State: each worker is idle, or has a job; jobs without a worker stand in a queue; results wait
//! for the loop. Transitions: a job handed in wakes an idle worker; a worker that has posted its
//! result goes on with the next job, if one waits, without sleeping.

use std::collections::VecDeque;

use crate::engine::Nanos;
use crate::machine::Machine;
use crate::machine::calls::{Call, Caller, Progress, Sockets};
use crate::machine::cpu::{Activity, ProcId, Role};
use crate::scenario::units::Bytes;
use crate::server::script::{ConnId, Op, Outcome};

use super::IoSetup;
use super::nonblocking::Sockets as NonBlocking;
use crate::server::event_loop::{Ready, Wake};

/// What a pool costs beyond the calls, the wake-ups and the switches.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolCosts {
    /// A worker takes a job.
    pub(super) take: Nanos,
    /// A worker posts a result.
    pub(super) post: Nanos,
    /// Memory of a worker.
    pub(super) memory: Bytes,
    /// Whether the block-rate meter runs around its calls.
    pub(super) metered: bool,
}

/// Something to be done for a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Job {
    /// A call from its beginning.
    Whole(ConnId, Op),
    /// The rest of a call that waits for the disk.
    Rest(Call),
}

/// How a job ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Posted {
    /// The call is over.
    Ran(Outcome),
    /// Its socket was not ready; the connection's readiness will be an event.
    Again,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Idle,
    Taken(Job),
    Calling(Call),
}

struct Worker {
    proc: ProcId,
    stage: Stage,
}

/// See the module's page.
pub(super) struct Pool {
    workers: Vec<Worker>,
    idle: Vec<u32>,
    queue: VecDeque<Job>,
    posted: VecDeque<(ConnId, Posted)>,
    costs: PoolCosts,
    copy: u32,
    /// Objects on which a call is at work, where one descriptor takes one at a time.
    serialized: Option<Vec<u32>>,
}

impl Pool {
    /// `workers` workers, asleep.
    pub(super) fn new(
        setup: &IoSetup,
        machine: &mut Machine,
        workers: u32,
        costs: PoolCosts,
    ) -> Self {
        let copy = setup.copy;
        let mut make = |index| {
            machine.reserve(costs.memory);
            let role = Role::Worker { copy, index };
            Worker {
                proc: machine.spawn(role, setup.cpu, setup.pinned),
                stage: Stage::Idle,
            }
        };
        Self {
            workers: (0..workers).map(&mut make).collect(),
            idle: (0..workers).rev().collect(),
            queue: VecDeque::new(),
            posted: VecDeque::new(),
            costs,
            copy,
            serialized: None,
        }
    }

    /// Has jobs on one object wait for each other.
    pub(super) fn serialize_by_object(mut self) -> Self {
        self.serialized = Some(Vec::new());
        self
    }

    /// Takes a job in; the loop has paid for that.
    pub(super) fn hand_in(&mut self, machine: &mut Machine, job: Job) {
        self.queue.push_back(job);
        if let Some(worker) = self.idle.pop() {
            if !self.give(machine, worker) {
                self.idle.push(worker);
                return;
            }
            machine.wake(self.workers[worker as usize].proc);
        }
    }

    /// A result that the interface has without a worker.
    pub(super) fn post(&mut self, conn: ConnId, posted: Posted) {
        self.posted.push_back((conn, posted));
    }

    /// `epoll_wait`, and taking the results that wait for the loop, each for `cost`: all of them
    /// stand behind one descriptor (an eventfd, a signalfd, the ring's).
    pub(super) fn collect(
        &mut self,
        machine: &mut Machine,
        sockets: &mut NonBlocking,
        cost: Nanos,
        ready: &mut Ready,
    ) -> bool {
        let posted = self.posted.len();
        let found = sockets.collect(machine, ready, usize::from(posted > 0));
        machine.charge(Activity::Interface, cost * posted as u64);
        for (conn, posted) in self.posted.drain(..) {
            if let Posted::Ran(outcome) = posted {
                ready.conns.push_back((conn, Wake::Completed(outcome)));
            }
        }
        found
    }

    /// Gives `worker` the next job that can be begun.
    fn give(&mut self, machine: &mut Machine, worker: u32) -> bool {
        let next = match &mut self.serialized {
            None => self.queue.pop_front(),
            Some(busy) => {
                let mut free = |job: &Job| {
                    let object = object_of(machine, job);
                    !busy.contains(&object)
                };
                let place = self.queue.iter().position(&mut free);
                let next = place.and_then(|place| self.queue.remove(place));
                busy.extend(next.as_ref().map(|job| object_of(machine, job)));
                next
            }
        };
        let given = next.is_some();
        self.workers[worker as usize].stage = next.map_or(Stage::Idle, Stage::Taken);
        given
    }

    /// Steps a worker. `false`: it sleeps.
    pub(super) fn step(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool {
        match self.workers[index as usize].stage {
            Stage::Idle => false,
            Stage::Taken(job) => self.begin(machine, proc, index, job),
            Stage::Calling(mut call) => match machine.advance(&mut call) {
                Progress::Waits(wait) => {
                    machine.sleep_until(wait, proc);
                    self.workers[index as usize].stage = Stage::Calling(call);
                    false
                }
                Progress::Ran(outcome) => self.end(machine, index, call, Posted::Ran(outcome)),
                Progress::Again => self.end(machine, index, call, Posted::Again),
            },
        }
    }

    fn begin(&mut self, machine: &mut Machine, proc: ProcId, index: u32, job: Job) -> bool {
        machine.charge(Activity::Interface, self.costs.take);
        let stage = &mut self.workers[index as usize].stage;
        match job {
            Job::Whole(conn, op) => {
                machine.charge_meter(self.costs.metered);
                let call = machine.begin(Caller::Conn(conn), op, Sockets::DoNotBlock);
                *stage = Stage::Calling(call);
                true
            }
            Job::Rest(call) => {
                *stage = Stage::Calling(call);
                let wait = machine.still_waits(&call);
                if let Some(wait) = wait {
                    machine.sleep_until(wait, proc);
                }
                wait.is_none()
            }
        }
    }

    fn end(&mut self, machine: &mut Machine, index: u32, call: Call, posted: Posted) -> bool {
        let conn = call.conn().expect("jobs are for connections");
        if let Some(busy) = &mut self.serialized {
            let object = machine.open_object(conn);
            busy.retain(|&other| other != object);
        }
        machine.charge(Activity::Interface, self.costs.post);
        self.post(conn, posted);
        machine.wake_if_waiting(self.copy);
        let goes_on = self.give(machine, index);
        if !goes_on {
            self.idle.push(index);
        }
        goes_on
    }
}

fn object_of(machine: &mut Machine, job: &Job) -> u32 {
    let conn = match job {
        Job::Whole(conn, _) => Some(*conn),
        Job::Rest(call) => call.conn(),
    };
    machine.open_object(conn.expect("jobs are for connections"))
}
