//! `nb-laio`: non-blocking sockets, and disk I/O through lazy asynchronous I/O.
//!
//! Covers every file operation, by the crate `laio`: a call that does not block returns inline, one
//! that does goes on in the background and its result comes as a completion. The loop sleeps in
//! [`Laio::wait`], where nothing watches it.
//!
//! Counts are the library's own. It knows of a call only that it slept, not how often or how long,
//! so sleeps and stalled time stay zero; a late call (one that slept and returned inline) is a loop
//! stall.

use std::collections::HashMap;
use std::mem;
use std::time::Duration;

use laio::{Completion, Handle, Laio, Submission};
use sim::server::event_loop::{Accepted, Io, Issue, Ready, Wake};
use sim::server::script::{ConnId, Op};

use super::{RealIo, file_kind, nonblocking};
use crate::serve::error::{Attempting, ServeError};
use crate::serve::os::Os;

/// A call in the background.
struct Started {
    conn: ConnId,
    op: Op,
    number: i64,
}

/// See the module's page.
pub(crate) struct NbLaio {
    laio: Laio,
    in_background: HashMap<Handle, Started>,
    completions: Vec<Completion>,
}

impl NbLaio {
    /// Starts LAIO; the calling thread is the loop.
    ///
    /// # Errors
    /// If this machine cannot run it.
    pub(crate) fn start(cpu: usize) -> Result<Self, ServeError> {
        Ok(Self {
            laio: Laio::builder().cpu(cpu).start()?,
            in_background: HashMap::new(),
            completions: Vec::new(),
        })
    }

    /// Makes the library's counts of system call `number` visible outside: it serves `op` only.
    fn publish(&self, os: &Os, op: Op, number: i64) {
        let Some(kind) = op.kind() else { return };
        let calls = self.laio.call_counters(number);
        let slot = os.counts();
        let counts = slot.op(kind);
        slot.loop_stalls.add(calls.late - counts.late.get());
        counts.issued.set(calls.issued);
        counts.would_block.set(calls.blocked());
        counts.late.set(calls.late);
        counts.false_steals.set(calls.false_steals);
    }

    /// Takes what has ended in the background, waiting for it at most so long.
    fn take_completions(
        &mut self,
        os: &mut Os,
        ready: &mut Ready,
        timeout: Option<Duration>,
    ) -> Result<(), ServeError> {
        let polled = self.laio.poll(&mut self.completions, timeout);
        polled.attempting("poll for completions")?;
        let mut completions = mem::take(&mut self.completions);
        for completion in completions.drain(..) {
            if let Some(call) = self.in_background.remove(&completion.handle) {
                self.publish(os, call.op, call.number);
                let outcome = os.file_outcome(call.conn, call.op, completion.result);
                ready.conns.push_back((call.conn, Wake::Completed(outcome)));
            }
        }
        self.completions = completions;
        Ok(())
    }
}

impl RealIo for NbLaio {
    fn begin(&mut self, os: &Os) -> Result<(), ServeError> {
        os.watch(self.laio.completion_fd(), 0)
    }

    /// Waits for what is in the background: it writes to the connections' memory.
    fn end(&mut self, os: &mut Os) {
        let forgotten = &mut Ready::default();
        while !self.in_background.is_empty() && self.take_completions(os, forgotten, None).is_ok() {
        }
    }
}

impl Io for NbLaio {
    type Cx = Os;

    fn issue(&mut self, os: &mut Os, conn: ConnId, op: Op) -> Issue {
        if file_kind(op).is_none() {
            return nonblocking::issue(os, conn, op);
        }
        let call = os.file_call(conn, op);
        // SAFETY: the connection's memory stays in place, and is left alone, until the connection
        // is served again: after the call's end.
        let submission = unsafe { self.laio.syscall(call.number, call.args) };
        self.publish(os, op, call.number);
        match submission {
            Submission::Done(result) => Issue::Done(os.file_outcome(conn, op, result)),
            Submission::Background(handle) => {
                let number = call.number;
                let started = Started { conn, op, number };
                self.in_background.insert(handle, started);
                os.counts().continuations.add(1);
                Issue::Background
            }
        }
    }

    fn accept(&mut self, os: &mut Os) -> Accepted {
        os.accept().map_or(Accepted::None, Accepted::Conn)
    }

    fn collect(&mut self, os: &mut Os, ready: &mut Ready) -> bool {
        let (epoll, events) = os.epoll();
        let found = self.laio.wait(epoll, events, None);
        let goes_on = os.take_events(found, ready);
        // All completions stand behind one descriptor, which polling reads.
        os.own_events.clear();
        if let Err(error) = self.take_completions(os, ready, Some(Duration::ZERO)) {
            os.give_up(error);
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
