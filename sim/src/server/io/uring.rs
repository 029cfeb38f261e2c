//! `nb-uring` and `nb-uring-hybrid`: non-blocking sockets, and io_uring for the disk.
//!
//! Covers open, stat and read; fstat, close and the log have no opcode worth using and are plain
//! calls. Submission, an inline attempt, completion, always a continuation. A read that misses
//! arms a wait for its page and needs no thread: when the page has come, the rest of the call is
//! work of the loop's own process, done when it next enters the kernel. An open whose name is not
//! cached, and every stat, is punted to a kernel worker. `nb-uring-hybrid`: a residency test, then
//! the plain call, or the ring for what is missing; the test can be wrong by the time of the call:
//! then the loop stalls, and that is counted.
//!
//! Leaves out: submission queues polled by the kernel, batches of submissions, fixed buffers.

use super::nonblocking::{Sockets, non_blocking_connections};
use super::pool::{Job, Pool, PoolCosts, Posted};
use super::residency::is_resident;
use super::{InCall, IoSetup, SimIo};
use crate::engine::Nanos;
use crate::machine::Machine;
use crate::machine::calls::{self, Call, Caller, Progress, Wait};
use crate::machine::cpu::{Activity, Path, ProcId, Waiter};
use crate::machine::profile::UringCosts;
use crate::scenario::keys::NameTest;
use crate::server::event_loop::{Accepted, Io, Issue, Ready};
use crate::server::script::{ConnId, Op};

/// A ring, its kernel workers, and the calls that wait for a page.
struct Ring {
    sockets: Sockets,
    pool: Pool,
    /// Calls that wait for a page.
    armed: Vec<Option<Call>>,
    free: Vec<u32>,
    costs: UringCosts,
    copy: u32,
}

impl Ring {
    fn new(setup: &IoSetup, machine: &mut Machine) -> Self {
        let costs = machine.costs.uring.expect("checked with the scenario");
        let pool_costs = PoolCosts {
            take: costs.punt,
            post: Nanos::ZERO,
            memory: machine.costs.memory.kernel_worker,
            metered: false,
        };
        Self {
            sockets: Sockets::new(setup),
            pool: Pool::new(setup, machine, setup.uring_workers, pool_costs),
            armed: Vec::new(),
            free: Vec::new(),
            costs,
            copy: setup.copy,
        }
    }

    /// Whether the ring is used for `op`.
    fn covers(op: Op) -> bool {
        matches!(op, Op::Open { .. } | Op::Stat(_) | Op::Read { .. })
    }

    fn submit(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        machine.charge(Activity::Interface, self.costs.submit);
        machine.counters.continuations += 1;
        let is_punted = match op {
            Op::Open {
                object, missing, ..
            } => missing || !machine.is_name_resident(object),
            Op::Stat(_) => true,
            _ => false,
        };
        if is_punted {
            machine.take_path(Path::Uring, Activity::Interface);
            self.pool.hand_in(machine, Job::Whole(conn, op));
        } else {
            let call = machine.begin(Caller::Conn(conn), op, calls::Sockets::DoNotBlock);
            self.try_inline(machine, conn, call);
        }
        Issue::Background
    }

    fn try_inline(&mut self, machine: &mut Machine, conn: ConnId, mut call: Call) {
        match machine.advance(&mut call) {
            Progress::Ran(outcome) => self.pool.post(conn, Posted::Ran(outcome)),
            Progress::Again => self.pool.post(conn, Posted::Again),
            Progress::Waits(wait) => self.arm(machine, call, wait),
        }
    }

    fn arm(&mut self, machine: &mut Machine, call: Call, wait: Wait) {
        machine.charge(Activity::Interface, self.costs.arm);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.armed.push(None);
            self.armed.len() as u32 - 1
        });
        self.armed[slot as usize] = Some(call);
        let copy = self.copy;
        machine.await_for(wait, Waiter::TaskWork { copy, call: slot });
    }

    /// The rest of the calls whose page has come.
    fn run_task_work(&mut self, machine: &mut Machine) {
        while let Some(slot) = machine.take_task_work(self.copy) {
            let call = self.armed[slot as usize].take().expect("it was armed");
            self.free.push(slot);
            let conn = call.conn().expect("it is for a connection");
            self.try_inline(machine, conn, call);
        }
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        self.run_task_work(machine);
        let cost = self.costs.complete;
        self.pool.collect(machine, &mut self.sockets, cost, ready)
    }
}

/// See the module's page.
pub struct NbUring {
    ring: Ring,
}

/// See the module's page.
pub struct NbUringHybrid {
    ring: Ring,
    name_test: NameTest,
}

impl Io for NbUring {
    type Cx = Machine;

    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        if Ring::covers(op) {
            self.ring.submit(machine, conn, op)
        } else {
            self.ring.sockets.issue(machine, conn, op)
        }
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        self.ring.collect(machine, ready)
    }

    non_blocking_connections!(ring);
}

impl Io for NbUringHybrid {
    type Cx = Machine;

    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        if !Ring::covers(op) || is_resident(machine, self.name_test, conn, op) {
            self.ring.sockets.issue(machine, conn, op)
        } else {
            self.ring.submit(machine, conn, op)
        }
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        self.ring.collect(machine, ready)
    }

    non_blocking_connections!(ring);
}

impl SimIo for NbUring {
    fn new(setup: &IoSetup, machine: &mut Machine) -> Self {
        Self {
            ring: Ring::new(setup, machine),
        }
    }

    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool {
        self.ring.pool.step(machine, proc, index)
    }

    fn in_call(&mut self) -> &mut InCall {
        &mut self.ring.sockets.in_call
    }
}

impl SimIo for NbUringHybrid {
    fn new(setup: &IoSetup, machine: &mut Machine) -> Self {
        Self {
            ring: Ring::new(setup, machine),
            name_test: setup.name_test,
        }
    }

    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool {
        self.ring.pool.step(machine, proc, index)
    }

    fn in_call(&mut self) -> &mut InCall {
        &mut self.ring.sockets.in_call
    }
}
