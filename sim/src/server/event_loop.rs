//! The event loop: serves whatever is ready, one operation at a time.

use std::collections::VecDeque;

use super::script::{ConnId, Next, Op, Outcome, Script};

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
    /// Connections waiting to be accepted: accept one.
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

    /// The response is sent: `conn` waits for its next request. `true` if that is there already.
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

/// One event loop with its connections.
pub struct EventLoop {
    conns: Vec<Option<Conn>>,
    ready: Ready,
    /// The connection being served and its next operation.
    current: Option<(ConnId, Op)>,
    chunk_bytes: u32,
}

impl EventLoop {
    /// A loop without connections; see [`Script::new`] for `chunk_bytes`.
    pub fn new(chunk_bytes: u32) -> Self {
        Self {
            conns: Vec::new(),
            ready: Ready::default(),
            current: None,
            chunk_bytes,
        }
    }

    /// Does one thing: an operation of the connection being served, or taking up the next one,
    /// or gathering what is ready.
    pub fn step<I: Io>(&mut self, io: &mut I, cx: &mut I::Cx) -> Step {
        if let Some((conn, op)) = self.current {
            return match io.issue(cx, conn, op) {
                Issue::Done(outcome) => {
                    self.advance(io, cx, conn, outcome);
                    Step::Ran
                }
                Issue::Background => {
                    self.conn(conn).pending = op;
                    self.current = None;
                    Step::Ran
                }
                Issue::Slept => Step::SleptInCall,
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
                self.admit(conn);
            }
            return Step::Ran;
        }
        if io.collect(cx, &mut self.ready) {
            Step::Ran
        } else {
            Step::SleptIdle
        }
    }

    /// The operation in which the loop slept ended with `outcome`.
    ///
    /// # Panics
    /// If the loop did not sleep in a call.
    pub fn wake_with<I: Io>(&mut self, io: &mut I, cx: &mut I::Cx, outcome: Outcome) {
        let (conn, _) = self.current.expect("the loop slept in a call");
        self.advance(io, cx, conn, outcome);
    }

    fn advance<I: Io>(&mut self, io: &mut I, cx: &mut I::Cx, conn: ConnId, outcome: Outcome) {
        self.current = match self.conn(conn).script.next(outcome) {
            Next::Call(op) => Some((conn, op)),
            Next::NextRequest => {
                let idle = self.conn(conn);
                idle.pending = idle.script.first_op();
                if io.next_request(cx, conn) {
                    self.ready.conns.push_back((conn, Wake::Retry));
                }
                None
            }
            Next::Hangup => {
                self.conns[conn.0 as usize] = None;
                io.hang_up(cx, conn);
                None
            }
        };
    }

    fn admit(&mut self, id: ConnId) {
        let index = id.0 as usize;
        if self.conns.len() <= index {
            self.conns.resize_with(index + 1, || None);
        }
        let script = Script::new(self.chunk_bytes);
        let pending = script.first_op();
        self.conns[index] = Some(Conn { script, pending });
    }

    fn conn(&mut self, id: ConnId) -> &mut Conn {
        self.conns[id.0 as usize].as_mut().expect(
            "an interface names only connections that it accepted and that have not hung up",
        )
    }
}
