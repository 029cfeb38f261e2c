//! Calls on sockets.

use super::{Call, Caller, Progress, Sockets, Wait};
use crate::engine::Nanos;
use crate::machine::cpu::{Activity, Path};
use crate::machine::events::Event;
use crate::machine::network::Sent;
use crate::machine::state::Machine;
use crate::scenario::units::Bytes;
use crate::server::script::{ConnId, Errno, Op, Outcome, REQUEST_BYTES};

impl Machine {
    pub(super) fn advance_accept(&mut self, call: &Call) -> Progress {
        let Caller::Copy(copy) = call.caller else {
            panic!("a copy of the server accepts")
        };
        match self.take_connection(copy) {
            Some(conn) => Progress::Ran(Outcome::Accepted(conn)),
            None if call.sockets == Sockets::Block => Progress::Waits(Wait::Connection),
            None => {
                self.charge(Activity::Events, self.costs.call.would_block);
                Progress::Again
            }
        }
    }

    /// Accepts one connection as a non-blocking server does.
    pub fn accept(&mut self, copy: u32) -> Option<ConnId> {
        let caller = Caller::Copy(copy);
        let mut call = self.begin(caller, Op::Accept, Sockets::DoNotBlock);
        match self.advance(&mut call) {
            Progress::Ran(Outcome::Accepted(conn)) => Some(conn),
            _ => None,
        }
    }

    fn take_connection(&mut self, copy: u32) -> Option<ConnId> {
        let conn = self.network.accept(copy)?;
        self.charge(Activity::Events, self.costs.call.accept);
        self.take_path(Path::Connect, Activity::Events);
        self.lend(self.costs.memory.connection);
        self.buffers.open(conn, copy);
        // It is new; only what came since the CPU last woke has warmed the caches for it.
        let warm_since = self.cpus[self.stepping_cpu()].idles.before_the_last();
        self.network.set_served(conn, warm_since);
        Some(conn)
    }

    pub(super) fn advance_recv(&mut self, call: &Call) -> Progress {
        let conn = call.conn().expect("receives from a socket");
        if self.network.has_input(conn) {
            self.charge(Activity::Request, self.costs.call.recv);
            self.warm_up(conn);
            let bytes = self.network.peek_request(conn).map_or(0, |_| REQUEST_BYTES);
            return Progress::Ran(Outcome::Bytes(bytes.into()));
        }
        match call.sockets {
            Sockets::Block => Progress::Waits(Wait::Input(conn)),
            Sockets::DoNotBlock => {
                self.charge(Activity::Request, self.costs.call.would_block);
                self.network.await_request(conn);
                Progress::Again
            }
        }
    }

    /// A connection is served again: what the caches have lost of it since costs.
    fn warm_up(&mut self, conn: ConnId) {
        let served = self.network.set_served(conn, self.now());
        let idles = &self.cpus[self.stepping_cpu()].idles;
        if let Some(idle) = idles.longest_since(served) {
            self.charge(Activity::Request, self.costs.idle.cold.after(idle));
        }
    }

    pub(super) fn parse(&mut self, call: &Call) -> Outcome {
        let conn = call.conn().expect("parses what a connection brought");
        let request = self.network.receive(conn);
        request.map_or(Outcome::Failed(Errno::Other), Outcome::Request)
    }

    pub(super) fn advance_send(&mut self, call: &mut Call) -> Progress {
        let Op::Send { bytes, .. } = call.op else {
            unreachable!("asked for by the operation")
        };
        let conn = call.conn().expect("sends to a socket");
        let whole = u64::from(bytes);
        while call.moved < whole {
            let costs = (self.costs.call.send, self.costs.call.send_page);
            match self.put_into_socket(call, conn, whole - call.moved, costs) {
                Ok(0) => return self.socket_is_full(call, conn),
                Ok(taken) => call.moved += taken,
                Err(errno) => return Progress::Ran(Outcome::Failed(errno)),
            }
            if call.sockets == Sockets::DoNotBlock {
                break;
            }
        }
        Progress::Ran(Outcome::Bytes(call.moved))
    }

    /// What a send to a connection's buffer came to: charged, on its way, in memory.
    pub(super) fn take_sent(
        &mut self,
        conn: ConnId,
        sent: Sent,
        cost: impl Fn(u64) -> Nanos,
    ) -> Result<u64, Errno> {
        match sent {
            Sent::Taken { bytes, arrives } => {
                self.charge(Activity::Request, cost(bytes));
                self.lend(Bytes(bytes));
                self.at(arrives, Event::Delivered(conn, bytes as u32));
                Ok(bytes)
            }
            Sent::WouldBlock { writable_at } => {
                if let Some(at) = writable_at {
                    self.at(at.max(self.now()), Event::Writable(conn));
                }
                Ok(0)
            }
            Sent::Reset => Err(Errno::Reset),
        }
    }

    /// `bytes` have left a connection's send buffer.
    pub(crate) fn delivered(&mut self, bytes: u32) {
        self.take_back(Bytes(bytes.into()));
    }

    /// Closes a connection.
    pub fn close_connection(&mut self, conn: ConnId) {
        self.charge(Activity::Events, self.costs.call.hang_up);
        self.take_back(self.costs.memory.connection);
        self.buffers.close(conn, self.network.copy_of(conn));
        if !self.network.is_client_done(conn) {
            let arrives = self.local() + self.network.one_way();
            // Behind what it still has to send.
            let arrives = arrives.max(self.network.last_arrives(conn));
            self.at(arrives, Event::Closed(conn));
        }
        self.network.close(conn);
    }

    /// CPU cost of calling `epoll_wait`.
    pub fn charge_epoll_call(&mut self) {
        self.charge(Activity::Events, self.costs.call.epoll_wait);
    }

    /// CPU cost of the events that it returns.
    pub fn charge_epoll_events(&mut self, events: u64) {
        self.charge(Activity::Events, self.costs.call.epoll_event * events);
    }
}
