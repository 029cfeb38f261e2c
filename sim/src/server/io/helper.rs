//! `nb-amped`: non-blocking sockets, and helper processes for the disk (Flash).
//!
//! Covers open, stat and read. Each is preceded by a residency test: `openat2(RESOLVE_CACHED)` for
//! names (for an open that is present it is the open itself), `cachestat` for reads. Resident: the
//! call in the loop. Not resident: a message to an idle helper, or the queue if all are busy; the
//! helper sleeps in the same call, which fills the caches, and answers; then the call in the loop.
//! The test can be wrong by the time of the call (reclaimed since, or in flight): then the loop
//! stalls, and that is counted.
//!
//! Ours: one pool serves names and reads, where Flash has two.

use std::collections::VecDeque;

use super::nonblocking::{MAX_EVENTS, Sockets};
use super::{InCall, IoSetup, LOOP, SERVER_CPU, SimIo};
use crate::machine::Machine;
use crate::machine::calls::{Call, FileSlot, Progress};
use crate::machine::cpu::{Activity, ProcId};
use crate::server::Answered;
use crate::server::event_loop::{Accepted, Io, Issue, Ready, Wake};
use crate::server::script::{ConnId, Op};

/// What a helper is asked: to execute `op` of `conn` on `object`.
#[derive(Clone, Copy, Debug)]
struct Job {
    conn: ConnId,
    object: u32,
    op: Op,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The message waits in its pipe.
    Received,
    /// Opening the file of a read.
    Opening(Call),
    /// In the call itself.
    Calling(Call),
}

struct Helper {
    proc: ProcId,
    work: Option<(Job, Stage)>,
}

/// See the module's page.
pub struct NbAmped {
    sockets: Sockets,
    in_call: InCall,
    helpers: Vec<Helper>,
    idle: Vec<u32>,
    queue: VecDeque<Job>,
    answers: VecDeque<(ConnId, u32)>,
    answered: Answered,
    metered: bool,
}

impl NbAmped {
    fn is_resident(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> bool {
        let helper = machine.costs.helper;
        match op {
            Op::Open(object) | Op::Stat(object) => {
                let resident = machine.is_name_resident(object);
                if !resident || matches!(op, Op::Stat(_)) {
                    machine.charge(Activity::Interface, helper.name_residency);
                }
                resident
            }
            Op::Read { offset, bytes, .. } => {
                machine.charge(Activity::Interface, helper.residency);
                let object = machine.open_object(conn);
                machine.is_resident(object, offset, bytes)
            }
            _ => true,
        }
    }

    fn send_job(&mut self, machine: &mut Machine, helper: u32, job: Job) {
        machine.charge(Activity::Interface, machine.costs.helper.message_write);
        let helper = &mut self.helpers[helper as usize];
        helper.work = Some((job, Stage::Received));
        machine.wake(helper.proc);
    }

    /// The next stage of a helper's work once `stage` is over; `None` when all is done.
    fn next_stage(machine: &mut Machine, slot: FileSlot, job: Job, stage: Stage) -> Option<Stage> {
        match (stage, job.op) {
            (Stage::Received, Op::Read { .. }) => {
                Some(Stage::Opening(machine.begin(slot, Op::Open(job.object))))
            }
            (Stage::Received, _) => Some(Stage::Calling(machine.begin(slot, Op::Stat(job.object)))),
            (Stage::Opening(_), op) => Some(Stage::Calling(machine.begin(slot, op))),
            (Stage::Calling(_), Op::Read { .. }) => {
                machine.begin(slot, Op::Close);
                None
            }
            (Stage::Calling(_), _) => None,
        }
    }
}

impl SimIo for NbAmped {
    fn new(setup: IoSetup, machine: &mut Machine) -> Self {
        let mut helpers = Vec::new();
        for _ in 0..setup.helpers {
            machine.reserve(machine.costs.memory.helper);
            helpers.push(Helper {
                proc: machine.spawn(SERVER_CPU),
                work: None,
            });
        }
        Self {
            sockets: Sockets::default(),
            in_call: InCall::default(),
            helpers,
            idle: (0..setup.helpers).rev().collect(),
            queue: VecDeque::new(),
            answers: VecDeque::new(),
            answered: Answered::default(),
            metered: setup.metered,
        }
    }

    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId) -> bool {
        let index = self
            .helpers
            .iter()
            .position(|helper| helper.proc == proc)
            .expect("every worker is a helper");
        let slot = FileSlot::Helper(index as u32);
        let helper = &mut self.helpers[index];
        let Some((job, stage)) = &mut helper.work else {
            return false;
        };
        match stage {
            Stage::Received => {
                machine.charge(Activity::Interface, machine.costs.helper.message_read);
            }
            Stage::Opening(call) | Stage::Calling(call) => {
                if let Progress::Waits(wait) = machine.advance(call) {
                    machine.await_io(wait, proc);
                    return false;
                }
            }
        }
        if let Some(next) = Self::next_stage(machine, slot, *job, *stage) {
            machine.charge_meter(self.metered);
            *stage = next;
            return true;
        }
        machine.charge(Activity::Interface, machine.costs.helper.message_write);
        self.answers.push_back((job.conn, index as u32));
        helper.work = None;
        machine.wake_if_waiting(LOOP);
        false
    }

    fn in_call(&mut self) -> &mut InCall {
        &mut self.in_call
    }
}

impl Io for NbAmped {
    type Cx = Machine;

    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        if !op.kind().is_some_and(|kind| kind.on_disk()) {
            return self.sockets.issue(machine, conn, op);
        }
        if self.answered.take(conn) || self.is_resident(machine, conn, op) {
            machine.charge_meter(self.metered);
            return self.in_call.issue(machine, conn, op);
        }
        let object = match op {
            Op::Open(object) | Op::Stat(object) => object,
            _ => machine.open_object(conn),
        };
        let job = Job { conn, object, op };
        match self.idle.pop() {
            Some(helper) => self.send_job(machine, helper, job),
            None => self.queue.push_back(job),
        }
        machine.counters.continuations += 1;
        Issue::Background
    }

    fn accept(&mut self, machine: &mut Machine) -> Accepted {
        self.sockets.accept(machine)
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        let answers = self.answers.len().min(MAX_EVENTS);
        let found = self.sockets.collect(machine, ready, answers);
        for _ in 0..answers {
            let (conn, helper) = self.answers.pop_front().expect("counted above");
            machine.charge(Activity::Interface, machine.costs.helper.message_read);
            self.answered.mark(conn);
            ready.conns.push_back((conn, Wake::Retry));
            match self.queue.pop_front() {
                Some(job) => self.send_job(machine, helper, job),
                None => self.idle.push(helper),
            }
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
