//! Non-blocking sockets under epoll.
//!
//! Covers accept, receive and send. Would not block: the CPU of the call, maybe partial. Would
//! block: EAGAIN; the connection stays registered and the loop issues the operation again when it
//! is ready. Registration is edge-triggered and made once, at accept.

use crate::machine::Machine;
use crate::machine::calls::Attempt;
use crate::server::event_loop::{Accepted, Issue, Ready, Wake};
use crate::server::script::{ConnId, Op};

/// Events taken by one `epoll_wait`. Ours; nginx takes 512, thttpd as many as there are.
pub const MAX_EVENTS: usize = 64;

/// The socket half of an interface.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// The loop sleeps in `epoll_wait`, which is paid for.
    waiting: bool,
}

impl Sockets {
    pub(super) fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        match machine.attempt_socket(conn, op) {
            Attempt::Ran(outcome) => Issue::Done(outcome),
            Attempt::WouldBlock => Issue::Background,
        }
    }

    pub(super) fn accept(&mut self, machine: &mut Machine) -> Accepted {
        machine.accept().map_or(Accepted::None, Accepted::Conn)
    }

    /// `epoll_wait`: the backlog, then what is ready; `others` more events are those of the
    /// interface itself. `false`: nothing, the loop sleeps.
    pub(super) fn collect(
        &mut self,
        machine: &mut Machine,
        ready: &mut Ready,
        others: usize,
    ) -> bool {
        let mut events = others;
        if machine.network.has_backlog() {
            ready.accept = true;
            events += 1;
        }
        while events < MAX_EVENTS
            && let Some(conn) = machine.network.take_ready()
        {
            ready.conns.push_back((conn, Wake::Retry));
            events += 1;
        }
        if std::mem::take(&mut self.waiting) {
            machine.charge_epoll_events(events as u64);
        } else {
            machine.charge_epoll_call();
            machine.charge_epoll_events(events as u64);
        }
        self.waiting = events == 0;
        !self.waiting
    }
}
