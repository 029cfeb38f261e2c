//! `nb-amped`: non-blocking sockets, and helper processes for the disk (Flash).
//!
//! Covers open, stat, read, sendfile and sending from mappings. Each is preceded by a residency
//! test. Resident: the call in the loop. Not resident: a message to an idle helper, or the queue
//! if all are busy; the helper sleeps in the same call (for sendfile and mappings it reads the
//! pages), which fills the caches, and answers; then the call in the loop. The test can be wrong
//! by the time of the call (reclaimed since, or in flight): then the loop stalls, and that is
//! counted. An answer does not say that the page could not be read: the loop finds that out itself,
//! in a stall.
//!
//! By default one pool serves names and reads; with `server.name_helpers` names have their own, as
//! in Flash.

use std::collections::VecDeque;

use super::nonblocking::{Sockets, non_blocking_connections};
use super::residency::is_resident;
use super::{InCall, IoSetup, SimIo};
use crate::machine::Machine;
use crate::machine::calls::{Call, Caller, Progress};
use crate::machine::cpu::{Activity, Path, ProcId, Role};
use crate::scenario::keys::NameTest;
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

/// Helpers of one kind: those without work, and the work without helpers.
#[derive(Debug, Default)]
struct Desk {
    idle: Vec<u32>,
    queue: VecDeque<Job>,
}

/// See the module's page.
pub struct NbAmped {
    sockets: Sockets,
    helpers: Vec<Helper>,
    /// The first helpers read.
    readers: u32,
    reads: Desk,
    names: Desk,
    answers: VecDeque<(ConnId, u32)>,
    answered: Answered,
    name_test: NameTest,
    copy: u32,
    metered: bool,
}

impl NbAmped {
    /// Where `op` is handed in.
    fn desk(&mut self, op: Op) -> &mut Desk {
        let is_name = matches!(op, Op::Open { .. } | Op::Stat(_));
        if is_name && self.helpers.len() as u32 > self.readers {
            &mut self.names
        } else {
            &mut self.reads
        }
    }

    fn hand_in(&mut self, machine: &mut Machine, job: Job) {
        let desk = self.desk(job.op);
        match desk.idle.pop() {
            Some(helper) => self.send_job(machine, helper, job),
            None => desk.queue.push_back(job),
        }
    }

    fn send_job(&mut self, machine: &mut Machine, helper: u32, job: Job) {
        machine.charge(Activity::Interface, machine.costs.helper.message_write);
        machine.take_path(Path::Handoff, Activity::Interface);
        let helper = &mut self.helpers[helper as usize];
        helper.work = Some((job, Stage::Received));
        machine.wake(helper.proc);
    }

    /// A helper has answered: it takes the next job of its kind, or waits for one.
    fn relieve(&mut self, machine: &mut Machine, helper: u32) {
        let desk = match helper < self.readers {
            true => &mut self.reads,
            false => &mut self.names,
        };
        match desk.queue.pop_front() {
            Some(job) => self.send_job(machine, helper, job),
            None => desk.idle.push(helper),
        }
    }

    /// The next stage of a helper's work once `stage` is over; `None` when all is done.
    fn next_stage(
        machine: &mut Machine,
        proc: ProcId,
        job: Job,
        stage: Stage,
        metered: bool,
    ) -> Option<Stage> {
        let caller = Caller::Worker(proc);
        let mut begin = |op| {
            machine.charge_meter(metered);
            machine.begin(caller, op, crate::machine::calls::Sockets::Block)
        };
        let read = match job.op {
            Op::Read { offset, bytes, .. }
            | Op::SendFile { offset, bytes }
            | Op::SendMapped { offset, bytes, .. } => Some(Op::Read {
                offset,
                bytes,
                at: 0,
            }),
            _ => None,
        };
        match (stage, read) {
            (Stage::Received, Some(_)) => Some(Stage::Opening(begin(Op::Open {
                object: job.object,
                missing: false,
                known: false,
            }))),
            (Stage::Received, None) => Some(Stage::Calling(begin(match job.op {
                Op::Open { missing: true, .. } => job.op,
                _ => Op::Stat(job.object),
            }))),
            (Stage::Opening(_), Some(read)) => Some(Stage::Calling(begin(read))),
            (Stage::Calling(_), Some(_)) => {
                begin(Op::Close);
                None
            }
            (Stage::Calling(_) | Stage::Opening(_), _) => None,
        }
    }
}

impl SimIo for NbAmped {
    fn new(setup: &IoSetup, machine: &mut Machine) -> Self {
        let mut helpers = Vec::new();
        let copy = setup.copy;
        for index in 0..setup.helpers + setup.name_helpers {
            machine.reserve(machine.costs.memory.helper);
            let role = Role::Worker { copy, index };
            helpers.push(Helper {
                proc: machine.spawn(role, setup.cpu, setup.pinned),
                work: None,
            });
        }
        let desk = |helpers: std::ops::Range<u32>| Desk {
            idle: helpers.rev().collect(),
            queue: VecDeque::new(),
        };
        Self {
            sockets: Sockets::new(setup),
            helpers,
            readers: setup.helpers,
            reads: desk(0..setup.helpers),
            names: desk(setup.helpers..setup.helpers + setup.name_helpers),
            answers: VecDeque::new(),
            answered: Answered::default(),
            name_test: setup.name_test,
            copy,
            metered: setup.metered,
        }
    }

    fn step_worker(&mut self, machine: &mut Machine, proc: ProcId, index: u32) -> bool {
        let helper = &mut self.helpers[index as usize];
        let Some((job, stage)) = &mut helper.work else {
            return false;
        };
        match stage {
            Stage::Received => {
                machine.charge(Activity::Interface, machine.costs.helper.message_read);
            }
            Stage::Opening(call) | Stage::Calling(call) => {
                if let Progress::Waits(wait) = machine.advance(call) {
                    machine.sleep_until(wait, proc);
                    return false;
                }
            }
        }
        if let Some(next) = Self::next_stage(machine, proc, *job, *stage, self.metered) {
            *stage = next;
            return true;
        }
        machine.charge(Activity::Interface, machine.costs.helper.message_write);
        self.answers.push_back((job.conn, index));
        helper.work = None;
        machine.wake_if_waiting(self.copy);
        false
    }

    fn in_call(&mut self) -> &mut InCall {
        &mut self.sockets.in_call
    }
}

impl Io for NbAmped {
    type Cx = Machine;

    fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        if self.answered.take(conn) || is_resident(machine, self.name_test, conn, op) {
            return self.sockets.issue(machine, conn, op);
        }
        let object = match op {
            Op::Open { object, .. } | Op::Stat(object) => object,
            _ => machine.open_object(conn),
        };
        self.hand_in(machine, Job { conn, object, op });
        machine.counters.continuations += 1;
        Issue::Background
    }

    fn collect(&mut self, machine: &mut Machine, ready: &mut Ready) -> bool {
        let answers = self.answers.len().min(self.sockets.max_events());
        let found = self.sockets.collect(machine, ready, answers);
        for _ in 0..answers {
            let (conn, helper) = self.answers.pop_front().expect("counted above");
            machine.charge(Activity::Interface, machine.costs.helper.message_read);
            self.answered.mark(conn);
            ready.conns.push_back((conn, Wake::Retry));
            self.relieve(machine, helper);
        }
        found
    }

    non_blocking_connections!();
}
