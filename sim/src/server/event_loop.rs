//! The event loop: serves whatever is ready, one operation at a time.

use std::collections::VecDeque;

use super::caches::Caches;
use super::script::{ConnId, Next, Op, Outcome, Script, ScriptSetup};

/// What an interface did with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issue {
    /// It is over.
    Done(Outcome),
    /// It goes on without the loop, or must be tried again later: a continuation.
    Background,
    /// The loop itself sleeps in it. Only a simulated interface says so; in reality the kernel
    /// puts the loop to sleep inside the call.
    Slept,
}

/// What an acceptance attempt gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// A new connection.
    Conn(ConnId),
    /// None was waiting.
    None,
}

/// Why a connection is served again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// What the operation waited for is there: issue it again.
    Retry,
    /// The operation ended in the background.
    Completed(Outcome),
}

/// What [`Io::collect`] found, in the order in which the loop serves it.
#[derive(Debug, Default)]
pub struct Ready {
    /// Connections waiting to be accepted.
    pub accept: bool,
    /// Connections with something to do.
    pub conns: VecDeque<(ConnId, Wake)>,
}

/// How an event-driven server does I/O: the seam between the loop and a world.
pub trait Io {
    /// The world: the simulated machine, or the operating system.
    type Cx;

    /// Issues `op` for `conn`.
    fn issue(&mut self, cx: &mut Self::Cx, conn: ConnId, op: Op) -> Issue;

    /// Accepts one waiting connection.
    fn accept(&mut self, cx: &mut Self::Cx) -> Accepted;

    /// Gathers what is ready, waiting if nothing is. `false`: the loop sleeps (simulated worlds
    /// only) and calls again when woken; or the server has been told to stop.
    fn collect(&mut self, cx: &mut Self::Cx, ready: &mut Ready) -> bool;

    /// `conn`, just accepted or with its response sent, waits for its next request. `true`: the
    /// loop receives at once.
    fn next_request(&mut self, cx: &mut Self::Cx, conn: ConnId) -> bool;

    /// Releases all that `conn` holds.
    fn hang_up(&mut self, cx: &mut Self::Cx, conn: ConnId);
}

/// What a step of the loop came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It ran; step again.
    Ran,
    /// It sleeps in an operation; give its outcome to [`EventLoop::wake_with`].
    SleptInCall,
    /// It sleeps for want of work; step again when woken.
    SleptIdle,
}

struct Conn {
    script: Script,
    /// The operation that went on in the background or is to be retried.
    pending: Op,
}

/// What a connection takes here.
#[cfg(test)]
pub(crate) const CONNECTION_BYTES: usize = size_of::<Option<Conn>>();

/// What the connections of a loop have in common.
#[derive(Debug)]
pub struct LoopSetup {
    /// The script's.
    pub script: ScriptSetup,
    /// What the loop keeps between requests.
    pub caches: Caches,
    /// Whether all waiting connections are accepted at once, not one per event.
    pub drains_backlog: bool,
}

/// One event loop with its connections.
pub struct EventLoop {
    setup: LoopSetup,
    conns: Vec<Option<Conn>>,
    ready: Ready,
    /// The connection being served and its next operation.
    current: Option<(ConnId, Op)>,
}

impl EventLoop {
    /// A loop without connections.
    pub fn new(setup: LoopSetup) -> Self {
        Self {
            setup,
            conns: Vec::new(),
            ready: Ready::default(),
            current: None,
        }
    }

    /// The connection being served and the operation that it is at.
    pub fn current(&self) -> Option<(ConnId, Op)> {
        self.current
    }

    /// Does one thing: an operation of the connection being served, or taking up the next one,
    /// or gathering what is ready.
    pub fn step<I: Io>(&mut self, io: &mut I, cx: &mut I::Cx) -> Step {
        if let Some((conn, op)) = self.current {
            let issue = io.issue(cx, conn, op);
            self.take(io, cx, conn, op, issue);
            return match issue {
                Issue::Slept => Step::SleptInCall,
                Issue::Done(_) | Issue::Background => Step::Ran,
            };
        }
        if let Some((conn, wake)) = self.ready.conns.pop_front() {
            match wake {
                Wake::Retry => self.current = Some((conn, self.conn(conn).pending)),
                Wake::Completed(outcome) => self.advance(io, cx, conn, outcome),
            }
            return if self.current.is_some() {
                self.step(io, cx)
            } else {
                Step::Ran
            };
        }
        if std::mem::take(&mut self.ready.accept) {
            if let Accepted::Conn(conn) = io.accept(cx) {
                self.ready.accept = self.setup.drains_backlog;
                self.admit(io, cx, conn);
            }
            return Step::Ran;
        }
        if io.collect(cx, &mut self.ready) {
            Step::Ran
        } else {
            Step::SleptIdle
        }
    }

    /// The operation in which the loop slept came to `issue`.
    ///
    /// # Panics
    /// If the loop did not sleep in a call.
    pub fn wake_with<I: Io>(&mut self, io: &mut I, cx: &mut I::Cx, issue: Issue) {
        let (conn, op) = self.current.expect("the loop slept in a call");
        self.take(io, cx, conn, op, issue);
    }

    fn take<I: Io>(&mut self, io: &mut I, cx: &mut I::Cx, conn: ConnId, op: Op, issue: Issue) {
        match issue {
            Issue::Done(outcome) => self.advance(io, cx, conn, outcome),
            Issue::Background => {
                self.conn(conn).pending = op;
                self.current = None;
            }
            Issue::Slept => {}
        }
    }

    fn advance<I: Io>(&mut self, io: &mut I, cx: &mut I::Cx, conn: ConnId, outcome: Outcome) {
        let state = self.conns[conn.0 as usize].as_mut().expect(NAMED);
        self.current = match state.script.next(&mut self.setup.caches, outcome) {
            Next::Call(op) => Some((conn, op)),
            Next::NextRequest => {
                state.pending = state.script.first_op();
                self.await_request(io, cx, conn);
                None
            }
            Next::Hangup => {
                self.conns[conn.0 as usize] = None;
                io.hang_up(cx, conn);
                None
            }
        };
    }

    fn await_request<I: Io>(&mut self, io: &mut I, cx: &mut I::Cx, conn: ConnId) {
        if io.next_request(cx, conn) {
            self.ready.conns.push_back((conn, Wake::Retry));
        }
    }

    fn admit<I: Io>(&mut self, io: &mut I, cx: &mut I::Cx, id: ConnId) {
        let index = id.0 as usize;
        if self.conns.len() <= index {
            self.conns.resize_with(index + 1, || None);
        }
        let script = Script::new(self.setup.script);
        let pending = script.first_op();
        self.conns[index] = Some(Conn { script, pending });
        self.await_request(io, cx, id);
    }

    fn conn(&mut self, id: ConnId) -> &mut Conn {
        self.conns[id.0 as usize].as_mut().expect(NAMED)
    }
}

/// What an interface promises.
const NAMED: &str =
    "an interface names only connections that it accepted and that have not hung up";
