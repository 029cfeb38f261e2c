//! `nb-aio`: non-blocking sockets, and POSIX asynchronous I/O for reads.
//!
//! Covers read; open, stat and the others have no asynchronous form and block the loop. Always
//! submission, call and completion, always a continuation, whether the read would block or not.
//! `kernel`: a read of cached pages ends in the submission; another is carried out by a kernel
//! process (FreeBSD's `aiod`). `glibc`: every read goes to a thread of the C library; reads on one
//! descriptor wait for each other, which shows where connections share kept files.
//!
//! Leaves out: the start of threads on demand, the time after which idle ones end.

use super::nonblocking::{Sockets, non_blocking_connections};
use super::pool::{Job, Pool, PoolCosts, Posted};
use super::{InCall, IoSetup, SimIo};
use crate::engine::Nanos;
use crate::machine::Machine;
use crate::machine::calls::{self, Caller, Progress};
use crate::machine::cpu::{Activity, Path, ProcId};
use crate::machine::profile::AioCosts;
use crate::scenario::keys::AioKind;
use crate::server::event_loop::{Accepted, Io, Issue, Ready};
use crate::server::script::{ConnId, Op};

/// See the module's page.
pub struct NbAio {
    sockets: Sockets,
    pool: Pool,
    kind: AioKind,
    costs: AioCosts,
}

impl SimIo for NbAio {
    fn new(setup: &IoSetup, machine: &mut Machine) -> Self {
        let costs = machine.costs.aio.expect("checked with the scenario");
        let memory = machine.costs.memory;
        let pool_costs = PoolCosts {
            take: costs.work,
            post: Nanos::ZERO,
            memory: match setup.aio {
                AioKind::Kernel => memory.kernel_worker,
                AioKind::Glibc => memory.thread,
            },
            // Nobody gets between its threads and their calls.
            metered: false,
        };
        let mut pool = Pool::new(setup, machine, setup.aio_workers, pool_costs);
        if setup.aio == AioKind::Glibc && setup.shares_files {
            pool = pool.serialize_by_object();
        }
        Self {
            sockets: Sockets::new(setup),
            pool,
            kind: setup.aio,
            costs,
        }
    }

    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool {
        self.pool.step(machine, proc, index)
    }

    fn in_call(&mut self) -> &mut InCall {
        &mut self.sockets.in_call
    }
}

impl NbAio {
    fn hand_in(&mut self, machine: &mut Machine, job: Job) {
        machine.take_path(Path::Aio, Activity::Interface);
        self.pool.hand_in(machine, job);
    }

    /// The kernel's: tries the read, hands over what is left of it.
    fn submit_to_kernel(&mut self, machine: &mut Machine, conn: ConnId, op: Op) {
        let caller = Caller::Conn(conn);
        let mut call = machine.begin(caller, op, calls::Sockets::DoNotBlock);
        match machine.advance(&mut call) {
            Progress::Ran(outcome) => self.pool.post(conn, Posted::Ran(outcome)),
            Progress::Waits(_) => self.hand_in(machine, Job::Rest(call)),
            Progress::Again => unreachable!("a read is of no socket"),
        }
    }
}

impl Io for NbAio {
    type Cx = Machine;

    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        let Op::Read { .. } = op else {
            return self.sockets.issue(machine, conn, op);
        };
        machine.charge(Activity::Interface, self.costs.submit);
        match self.kind {
            AioKind::Kernel => self.submit_to_kernel(machine, conn, op),
            AioKind::Glibc => self.hand_in(machine, Job::Whole(conn, op)),
        }
        machine.counters.continuations += 1;
        Issue::Background
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        let cost = self.costs.complete;
        self.pool.collect(machine, &mut self.sockets, cost, ready)
    }

    non_blocking_connections!();
}
