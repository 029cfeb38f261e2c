//! `nb-amped`: non-blocking sockets, and helper processes for the disk (Flash).
//!
//! Covers open, stat and read. Each is preceded by a residency test: `openat2(RESOLVE_CACHED)` for
//! names (for an open that is present it is the open itself; for a stat, with `O_PATH`), and
//! `cachestat` for reads, which calls a page resident that is still on its way in. Resident: the
//! call in the loop. Not resident: a message to an idle helper, or the queue if all are busy; the
//! helper sleeps in the same call, which fills the caches, and answers; then the call in the loop,
//! without a test. If the test was wrong by the time of the call the loop stalls, and that is
//! counted.
//!
//! Ours: one pool serves names and reads, where Flash has two.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use sim::server::Answered;
use sim::server::event_loop::{Accepted, Io, Issue, Ready, Wake};
use sim::server::script::{ConnId, Op};

use super::helper_process::{Helper, Job, Work, fork_helper};
use super::residency::{self, Tested};
use super::{RealIo, call_in_loop, file_kind, nonblocking};
use crate::serve::counters::Shared;
use crate::serve::error::ServeError;
use crate::serve::os::Os;

/// See the module's page.
pub(crate) struct NbAmped {
    helpers: Vec<Helper>,
    idle: Vec<u32>,
    queue: VecDeque<Job>,
    answered: Answered,
}

impl NbAmped {
    /// Forks the helper processes. The process must have one thread only.
    ///
    /// # Errors
    /// If it cannot, or if this kernel has no `cachestat`.
    pub(crate) fn fork(
        count: u32,
        root: &File,
        chunk_bytes: u32,
        counters: &Shared,
    ) -> Result<Self, ServeError> {
        residency::check_kernel()?;
        let mut helpers = Vec::new();
        for index in 0..count {
            let helper = fork_helper(&mut helpers, root, chunk_bytes, counters.helper(index))?;
            helpers.push(helper);
        }
        Ok(Self {
            helpers,
            idle: (0..count).rev().collect(),
            queue: VecDeque::new(),
            answered: Answered::default(),
        })
    }

    fn send_job(&mut self, os: &mut Os, helper: u32, job: Job) {
        let helper = &mut self.helpers[helper as usize];
        if helper.jobs.write_all(&job.to_bytes()).is_err() {
            os.give_up(ServeError::HelperEnded(helper.pid));
        }
    }

    /// Takes a helper's answer and gives it the next job.
    fn take_answer(&mut self, os: &mut Os, index: u32, ready: &mut Ready) {
        let helper = &mut self.helpers[index as usize];
        let mut answer = [0; 4];
        if helper.answers.read_exact(&mut answer).is_err() {
            os.give_up(ServeError::HelperEnded(helper.pid));
            return;
        }
        let conn = ConnId(u32::from_le_bytes(answer));
        self.answered.mark(conn);
        ready.conns.push_back((conn, Wake::Retry));
        match self.queue.pop_front() {
            Some(job) => self.send_job(os, index, job),
            None => self.idle.push(index),
        }
    }
}

impl RealIo for NbAmped {
    fn begin(&mut self, os: &Os) -> Result<(), ServeError> {
        for (index, helper) in (0..).zip(&self.helpers) {
            os.watch(helper.answers.as_fd(), index)?;
        }
        Ok(())
    }

    fn end(&mut self, _: &mut Os) {
        for helper in self.helpers.drain(..) {
            helper.end();
        }
    }
}

impl Io for NbAmped {
    type Cx = Os;

    fn issue(&mut self, os: &mut Os, conn: ConnId, op: Op) -> Issue {
        let Some(kind) = file_kind(op) else {
            return nonblocking::issue(os, conn, op);
        };
        if self.answered.take(conn) {
            return call_in_loop(os, conn, op, kind);
        }
        let work = match op {
            Op::Open { .. } | Op::Stat(_) => Work::LookUp,
            Op::Read { offset, bytes, .. } => Work::Read { offset, bytes },
            _ => return call_in_loop(os, conn, op, kind),
        };
        match residency::test(os, conn, op) {
            Tested::Done(outcome) => return Issue::Done(outcome),
            Tested::Resident => return call_in_loop(os, conn, op, kind),
            Tested::Absent => {}
        }
        let object = os.conn(conn).object();
        let job = Job { conn, object, work };
        match self.idle.pop() {
            Some(helper) => self.send_job(os, helper, job),
            None => self.queue.push_back(job),
        }
        os.counts().continuations.add(1);
        Issue::Background
    }

    fn accept(&mut self, os: &mut Os) -> Accepted {
        os.accept().map_or(Accepted::None, Accepted::Conn)
    }

    fn collect(&mut self, os: &mut Os, ready: &mut Ready) -> bool {
        let found = os.wait();
        let goes_on = os.take_events(found, ready);
        while let Some(helper) = os.own_events.pop_front() {
            self.take_answer(os, helper, ready);
        }
        goes_on
    }

    fn next_request(&mut self, os: &mut Os, conn: ConnId) -> bool {
        os.next_request(conn)
    }

    fn hang_up(&mut self, os: &mut Os, conn: ConnId) {
        os.hang_up(conn);
    }
}
