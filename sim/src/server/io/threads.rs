//! `nb-amted` and `nb-amted-nowait`: non-blocking sockets, and a pool of threads for the disk.
//!
//! Covers every file operation. `nb-amted`: hand-off and reply always, whether the operation would
//! block or not; a thread sleeps in it if it does. `nb-amted-nowait`: a residency test, then the
//! call in the loop, or the same hand-off for what is missing. The test can be wrong by the time of
//! the call: then the loop stalls, and that is counted.

use super::nonblocking::{Sockets, non_blocking_connections};
use super::pool::{Job, Pool, PoolCosts};
use super::residency::is_resident;
use super::{InCall, IoSetup, SimIo};
use crate::machine::Machine;
use crate::machine::cpu::{Activity, Path, ProcId};
use crate::scenario::keys::NameTest;
use crate::server::event_loop::{Accepted, Io, Issue, Ready};
use crate::server::script::{ConnId, Op};

/// A pool, and the loop's half of it.
struct Threads {
    sockets: Sockets,
    pool: Pool,
}

impl Threads {
    fn new(setup: &IoSetup, machine: &mut Machine) -> Self {
        let threads = machine.costs.threads;
        let costs = PoolCosts {
            take: threads.dequeue,
            post: threads.reply,
            memory: machine.costs.memory.thread,
            metered: setup.metered,
        };
        Self {
            sockets: Sockets::new(setup),
            pool: Pool::new(setup, machine, setup.pool_threads, costs),
        }
    }

    fn hand_off(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        machine.charge(Activity::Interface, machine.costs.threads.enqueue);
        machine.take_path(Path::Handoff, Activity::Interface);
        self.pool.hand_in(machine, Job::Whole(conn, op));
        machine.counters.continuations += 1;
        Issue::Background
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        let cost = machine.costs.threads.collect;
        self.pool.collect(machine, &mut self.sockets, cost, ready)
    }
}

/// See the module's page.
pub struct NbAmted {
    threads: Threads,
}

/// See the module's page.
pub struct NbAmtedNowait {
    threads: Threads,
    name_test: NameTest,
}

impl Io for NbAmted {
    type Cx = Machine;

    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        if op.on_disk() {
            self.threads.hand_off(machine, conn, op)
        } else {
            self.threads.sockets.issue(machine, conn, op)
        }
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        self.threads.collect(machine, ready)
    }

    non_blocking_connections!(threads);
}

impl Io for NbAmtedNowait {
    type Cx = Machine;

    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        if is_resident(machine, self.name_test, conn, op) {
            self.threads.sockets.issue(machine, conn, op)
        } else {
            self.threads.hand_off(machine, conn, op)
        }
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        self.threads.collect(machine, ready)
    }

    non_blocking_connections!(threads);
}

impl SimIo for NbAmted {
    fn new(setup: &IoSetup, machine: &mut Machine) -> Self {
        Self {
            threads: Threads::new(setup, machine),
        }
    }

    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool {
        self.threads.pool.step(machine, proc, index)
    }

    fn in_call(&mut self) -> &mut InCall {
        &mut self.threads.sockets.in_call
    }
}

impl SimIo for NbAmtedNowait {
    fn new(setup: &IoSetup, machine: &mut Machine) -> Self {
        Self {
            threads: Threads::new(setup, machine),
            name_test: setup.name_test,
        }
    }

    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool {
        self.threads.pool.step(machine, proc, index)
    }

    fn in_call(&mut self) -> &mut InCall {
        &mut self.threads.sockets.in_call
    }
}
