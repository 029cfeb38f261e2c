//! Non-blocking sockets under epoll.
//!
//! Covers accept, receive and send. Would not block: the CPU of the call, maybe partial. Would
//! block: EAGAIN; the connection stays registered and the loop issues the operation again when it
//! is ready. Registration is edge-triggered and made once, at accept.

use super::{InCall, IoSetup};
use crate::machine::Machine;
use crate::server::event_loop::{Accepted, Issue, Ready, Wake};
use crate::server::script::{ConnId, Op};

/// The socket half of an interface, and the calls that the loop makes itself.
#[derive(Debug)]
pub(super) struct Sockets {
    copy: u32,
    max_events: usize,
    metered: bool,
    /// The loop sleeps in `epoll_wait`, which is paid for.
    waiting: bool,
    pub(super) in_call: InCall,
}

impl Sockets {
    pub(super) fn new(setup: &IoSetup) -> Self {
        Self {
            copy: setup.copy,
            max_events: setup.max_events,
            metered: setup.metered,
            waiting: false,
            in_call: InCall::new(setup.event_loop),
        }
    }

    /// Makes the call in the loop.
    pub(super) fn issue(&mut self, machine: &mut Machine, conn: ConnId, op: Op) -> Issue {
        if op.on_disk() {
            machine.charge_meter(self.metered);
        }
        self.in_call.issue(machine, conn, op)
    }

    pub(super) fn accept(&mut self, machine: &mut Machine) -> Accepted {
        machine
            .accept(self.copy)
            .map_or(Accepted::None, Accepted::Conn)
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
        while events < self.max_events
            && let Some(conn) = machine.network.take_ready(self.copy)
        {
            ready.conns.push_back((conn, Wake::Retry));
            events += 1;
        }
        if !std::mem::take(&mut self.waiting) {
            machine.charge_epoll_call();
        }
        machine.charge_epoll_events(events as u64);
        self.waiting = events == 0;
        !self.waiting
    }

    /// How many events of the interface's own one `epoll_wait` can return.
    pub(super) fn max_events(&self) -> usize {
        self.max_events
    }
}

/// What an interface with non-blocking sockets does about connections, in the trait's words. Its
/// [`Sockets`] are in the field `sockets`, of the field named if one is.
macro_rules! non_blocking_connections {
    ($($inner:ident)?) => {
        fn accept(&mut self, machine: &mut Machine) -> Accepted {
            self.$($inner.)?sockets.accept(machine)
        }

        fn next_request(&mut self, machine: &mut Machine, conn: ConnId) -> bool {
            machine.network.await_request(conn)
        }

        fn hang_up(&mut self, machine: &mut Machine, conn: ConnId) {
            machine.close_connection(conn);
        }
    };
}

pub(super) use non_blocking_connections;
