//! The network: connections with send buffers, client links, the server's link, the listening
//! socket's backlog.
//!
//! State: per connection its waiting request, the bytes in its send buffer, who waits for what.
//! Over links the buffer drains as a fluid, first through the server's link (shared, first come
//! first served per send), then through the client's own: each send at an even rate from its turn
//! on the slower of the two to its end there. On loopback a send is at once in the receiver's queue
//! and leaves the buffer when the client reads it. A connection that finds the backlog full is
//! dropped; its client tries again later. With slow start a connection's window begins with ten
//! segments and doubles with every window sent.
//!
//! A connection's number is used again once the server has closed it, its client is done with it
//! and no event names it any more.
//!
//! Leaves out: packets and their losses, acknowledgements, header overhead, the window's closing
//! again on an idle connection.

use std::collections::VecDeque;

use crate::engine::Nanos;
use crate::scenario::units::BitRate;
use crate::server::script::{ConnId, Request};

use super::cpu::Waiter;

/// The most that a send puts into one segment: Linux's `GSO_MAX_SIZE`.
const SEGMENT_BYTES: u64 = 64 << 10;

/// The window at a connection's start: ten segments of 1460 bytes (RFC 6928).
const INITIAL_WINDOW_BYTES: u64 = 10 * 1460;

/// How clients are attached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Attachment {
    /// Over links: external clients.
    Links {
        /// Round-trip time.
        rtt: Nanos,
        /// Each client's link.
        client: BitRate,
        /// The server's link.
        server: BitRate,
    },
    /// On this machine: the load generator is a process of it.
    Loopback,
}

/// What the server waits for on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaiting {
    /// Nothing: what arrives is kept for later.
    Nothing,
    /// The next request, or the client's hang-up.
    Request,
    /// Room in the send buffer.
    Room,
}

/// A send that drains over links.
#[derive(Clone, Copy, Debug)]
struct Draining {
    from: Nanos,
    to: Nanos,
    bytes: u64,
}

impl Draining {
    fn left_bytes(self, now: Nanos) -> u64 {
        if now <= self.from {
            return self.bytes;
        }
        let (left, whole) = (self.to.saturating_sub(now), self.to - self.from);
        (self.bytes as f64 * (left.0 as f64 / whole.0 as f64)).round() as u64
    }

    /// When so many bytes of it are left.
    fn instant_of(self, left_bytes: u64) -> Nanos {
        let whole = (self.to - self.from).0 as f64;
        let left = whole * left_bytes as f64 / self.bytes as f64;
        self.to.saturating_sub(Nanos(left.round() as u64))
    }
}

/// One connection.
#[derive(Clone, Debug)]
struct Connection {
    /// The client at the other end.
    client: u32,
    request: Option<Request>,
    hung_up: bool,
    reset: bool,
    /// The copy of the server that accepted it.
    copy: u32,
    /// When the server last received a request from it.
    served: Nanos,
    awaiting: Awaiting,
    /// Who sleeps in a call on it, where sockets block.
    waiter: Option<Waiter>,
    /// Over links: what the buffer holds, in order. On loopback unused.
    draining: VecDeque<Draining>,
    /// On loopback: bytes the client has not read. Over links unused.
    unread_bytes: u64,
    /// What may be sent in a round trip, while the start is slow.
    window_bytes: u64,
    server_closed: bool,
    client_done: bool,
    /// Events to come that name it.
    events: u32,
    /// When the last byte sent so far reaches the client.
    last_arrives: Nanos,
}

/// What a connection takes here, with four sends that drain.
#[cfg(test)]
pub(crate) const CONNECTION_BYTES: usize = size_of::<Connection>() + 4 * size_of::<Draining>();

/// Where a send's bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The buffer has no room.
    WouldBlock {
        /// When the connection becomes writable, if links alone decide that.
        writable_at: Option<Nanos>,
    },
    /// Taken over.
    Taken {
        /// How many bytes.
        bytes: u64,
        /// When the last of them reaches the client.
        arrives: Nanos,
    },
    /// The client has gone.
    Reset,
}

/// Whom an event concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concerns {
    /// Nobody yet: it is kept for later.
    Nobody,
    /// The loop of this copy of the server: it is among its events.
    Loop(u32),
    /// Whoever sleeps in a call.
    Sleeper(Waiter),
}

/// What connections have in common.
#[derive(Clone, Copy, Debug)]
pub struct NetworkSetup {
    /// How clients are attached.
    pub attachment: Attachment,
    /// Each connection's send buffer.
    pub send_buffer_bytes: u64,
    /// Connections that wait to be accepted at most.
    pub backlog: u32,
    /// Whether windows begin small.
    pub slow_start: bool,
    /// Copies of the server.
    pub copies: u32,
}

/// All connections of the server.
pub struct Network {
    setup: NetworkSetup,
    connections: Vec<Connection>,
    free: Vec<ConnId>,
    backlog: VecDeque<ConnId>,
    /// Who sleeps in accept.
    acceptors: VecDeque<Waiter>,
    /// By copy: connections with an event that it awaits, in order of the events.
    ready: Vec<VecDeque<ConnId>>,
    server_link_free_at: Nanos,
}

impl Network {
    /// A network without connections.
    pub fn new(setup: NetworkSetup) -> Self {
        Self {
            setup,
            connections: Vec::new(),
            free: Vec::new(),
            backlog: VecDeque::new(),
            acceptors: VecDeque::new(),
            ready: vec![VecDeque::new(); setup.copies as usize],
            server_link_free_at: Nanos::ZERO,
        }
    }

    /// How clients are attached.
    pub fn attachment(&self) -> Attachment {
        self.setup.attachment
    }

    /// Whether clients are a process of this machine.
    pub fn is_loopback(&self) -> bool {
        self.setup.attachment == Attachment::Loopback
    }

    /// Time a message takes from a client to the server, or back, apart from its transfer.
    pub fn one_way(&self) -> Nanos {
        match self.setup.attachment {
            Attachment::Links { rtt, .. } => Nanos(rtt.0 / 2),
            Attachment::Loopback => Nanos::ZERO,
        }
    }

    /// A client connects.
    pub fn connect(&mut self, client: u32) -> ConnId {
        let fresh = Connection {
            client,
            request: None,
            hung_up: false,
            reset: false,
            copy: 0,
            served: Nanos::ZERO,
            awaiting: Awaiting::Nothing,
            waiter: None,
            draining: VecDeque::new(),
            unread_bytes: 0,
            window_bytes: INITIAL_WINDOW_BYTES,
            server_closed: false,
            client_done: false,
            events: 0,
            last_arrives: Nanos::ZERO,
        };
        if let Some(id) = self.free.pop() {
            self.connections[id.0 as usize] = fresh;
            id
        } else {
            self.connections.push(fresh);
            ConnId(self.connections.len() as u32 - 1)
        }
    }

    /// The handshake is through: the connection stands in the backlog. `None`: that is full, and
    /// the connection is dropped.
    pub fn queue_for_accept(&mut self, id: ConnId) -> Option<Concerns> {
        if self.backlog.len() >= self.setup.backlog as usize && self.acceptors.is_empty() {
            return None;
        }
        self.backlog.push_back(id);
        let sleeper = self.acceptors.pop_front();
        Some(sleeper.map_or(Concerns::Nobody, Concerns::Sleeper))
    }

    /// A connection that was dropped is over for both sides.
    pub fn abandon(&mut self, id: ConnId) {
        self.close(id);
        self.client_is_done(id);
    }

    /// Whether the server has closed it, or never had it.
    pub fn is_closed(&self, id: ConnId) -> bool {
        self.connections[id.0 as usize].server_closed
    }

    /// The copy of the server that accepted it.
    pub fn copy_of(&self, id: ConnId) -> u32 {
        self.connections[id.0 as usize].copy
    }

    /// Connections whose numbers are in use.
    pub fn open_connections(&self) -> u32 {
        (self.connections.len() - self.free.len()) as u32
    }

    /// Whether a connection waits to be accepted.
    pub fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// `copy` accepts the connection that waited longest.
    pub fn accept(&mut self, copy: u32) -> Option<ConnId> {
        let id = self.backlog.pop_front()?;
        self.connection(id).copy = copy;
        Some(id)
    }

    /// The server receives a request at `now`. Returns when it did so before.
    pub fn set_served(&mut self, id: ConnId, now: Nanos) -> Nanos {
        std::mem::replace(&mut self.connection(id).served, now)
    }

    /// `waiter` sleeps until there is a connection to accept.
    pub fn await_connection(&mut self, waiter: Waiter) {
        self.acceptors.push_back(waiter);
    }

    /// A request has arrived.
    pub fn request_arrived(&mut self, id: ConnId, request: Request) -> Concerns {
        self.connection(id).request = Some(request);
        self.event(id, Awaiting::Request)
    }

    /// The client's hang-up has arrived.
    pub fn hang_up_arrived(&mut self, id: ConnId) -> Concerns {
        self.connection(id).hung_up = true;
        self.event(id, Awaiting::Request)
    }

    /// The client's reset has arrived: whatever is waited for on the connection is over.
    pub fn reset_arrived(&mut self, id: ConnId) -> Concerns {
        let connection = self.connection(id);
        connection.reset = true;
        let awaiting = connection.awaiting;
        self.event(id, awaiting)
    }

    /// The buffer has drained enough.
    pub fn became_writable(&mut self, id: ConnId) -> Concerns {
        self.event(id, Awaiting::Room)
    }

    fn event(&mut self, id: ConnId, what: Awaiting) -> Concerns {
        let connection = self.connection(id);
        if connection.awaiting != what || what == Awaiting::Nothing {
            return Concerns::Nobody;
        }
        connection.awaiting = Awaiting::Nothing;
        if let Some(waiter) = connection.waiter.take() {
            return Concerns::Sleeper(waiter);
        }
        let copy = connection.copy;
        self.ready[copy as usize].push_back(id);
        Concerns::Loop(copy)
    }

    /// The server waits for the next request. `true` if there is input already.
    pub fn await_request(&mut self, id: ConnId) -> bool {
        let input = self.has_input(id);
        self.connection(id).awaiting = if input {
            Awaiting::Nothing
        } else {
            Awaiting::Request
        };
        input
    }

    /// `waiter` sleeps until the connection brings what `what` names.
    pub fn sleep_until(&mut self, id: ConnId, what: Awaiting, waiter: Waiter) {
        let connection = self.connection(id);
        connection.awaiting = what;
        connection.waiter = Some(waiter);
    }

    /// Whether a receive ends at once: there is a request, or the client has gone.
    pub fn has_input(&self, id: ConnId) -> bool {
        let connection = &self.connections[id.0 as usize];
        connection.request.is_some() || connection.hung_up || connection.reset
    }

    /// The request that has arrived, left in place.
    pub fn peek_request(&self, id: ConnId) -> Option<Request> {
        self.connections[id.0 as usize].request
    }

    /// The server receives: the request, or `None` for the client's hang-up.
    pub fn receive(&mut self, id: ConnId) -> Option<Request> {
        self.connection(id).request.take()
    }

    /// The server sends `bytes`: the buffer's state is that of `now`, and `leaves` tells when so
    /// many bytes as it takes leave.
    pub fn send(
        &mut self,
        id: ConnId,
        bytes: u64,
        now: Nanos,
        leaves: impl FnOnce(u64) -> Nanos,
    ) -> Sent {
        if self.connection(id).reset {
            return Sent::Reset;
        }
        let buffered = self.buffered_bytes(id, now);
        let taken = self.taken_by_buffer(buffered, bytes);
        if taken == 0 {
            self.connection(id).awaiting = Awaiting::Room;
            let writable_at = self.writable_at(id);
            return Sent::WouldBlock { writable_at };
        }
        let leaves = leaves(taken);
        let arrives = match self.setup.attachment {
            Attachment::Loopback => {
                self.connection(id).unread_bytes += taken;
                leaves
            }
            Attachment::Links {
                rtt,
                client,
                server,
            } => {
                let begins = leaves.max(self.server_link_free_at);
                self.server_link_free_at = begins + server.time_of(taken);
                let server_done = self.server_link_free_at;
                let before = self.connection(id).draining.back().copied();
                let from = before.map_or(begins, |before| begins.max(before.to));
                let to = server_done.max(from + client.time_of(taken));
                let to = to + self.waits_for_window(id, taken, rtt);
                let bytes = taken;
                let draining = Draining { from, to, bytes };
                self.connection(id).draining.push_back(draining);
                to + Nanos(rtt.0 / 2)
            }
        };
        self.connection(id).last_arrives = arrives;
        Sent::Taken {
            bytes: taken,
            arrives,
        }
    }

    /// When the last byte sent so far reaches the client.
    pub fn last_arrives(&self, id: ConnId) -> Nanos {
        self.connections[id.0 as usize].last_arrives
    }

    /// Round trips that `bytes` wait for the window to open, while the start is slow.
    fn waits_for_window(&mut self, id: ConnId, bytes: u64, rtt: Nanos) -> Nanos {
        if !self.setup.slow_start {
            return Nanos::ZERO;
        }
        let window = &mut self.connection(id).window_bytes;
        let (mut left, mut rounds) = (bytes, 0);
        while left > *window {
            left -= *window;
            *window *= 2;
            rounds += 1;
        }
        rtt * rounds
    }

    /// As long as the buffer is not full a send fills another segment, which may overshoot it
    /// (Linux, `tcp_sendmsg_locked` and `sk_stream_memory_free`).
    fn taken_by_buffer(&self, buffered: u64, bytes: u64) -> u64 {
        let room = self.setup.send_buffer_bytes.saturating_sub(buffered);
        bytes.min(room.div_ceil(SEGMENT_BYTES) * SEGMENT_BYTES)
    }

    fn buffered_bytes(&mut self, id: ConnId, now: Nanos) -> u64 {
        let connection = self.connection(id);
        while connection
            .draining
            .front()
            .is_some_and(|send| send.to <= now)
        {
            connection.draining.pop_front();
        }
        let left = connection.draining.iter().map(|send| send.left_bytes(now));
        connection.unread_bytes + left.sum::<u64>()
    }

    /// A socket counts as writable once a third of its buffer is free (Linux,
    /// `sk_stream_is_writeable`).
    fn writable_level(&self) -> u64 {
        self.setup.send_buffer_bytes * 2 / 3
    }

    fn writable_at(&mut self, id: ConnId) -> Option<Nanos> {
        if self.is_loopback() {
            return None;
        }
        let mut room = self.writable_level();
        for send in self.connection(id).draining.iter().rev() {
            if send.bytes > room {
                return Some(send.instant_of(room));
            }
            room -= send.bytes;
        }
        Some(Nanos::ZERO)
    }

    /// On loopback the client read `bytes`. `true` if the server awaits the room made.
    pub fn client_read(&mut self, id: ConnId, bytes: u64) -> bool {
        let level = self.writable_level();
        let connection = self.connection(id);
        connection.unread_bytes -= bytes;
        connection.unread_bytes <= level && connection.awaiting == Awaiting::Room
    }

    /// The next connection of `copy` with an awaited event.
    pub fn take_ready(&mut self, copy: u32) -> Option<ConnId> {
        self.ready[copy as usize].pop_front()
    }

    /// The server closes the connection.
    pub fn close(&mut self, id: ConnId) {
        let connection = self.connection(id);
        connection.server_closed = true;
        connection.awaiting = Awaiting::Nothing;
        self.free_if_over(id);
    }

    /// The client has no more to do with the connection.
    pub fn client_is_done(&mut self, id: ConnId) {
        self.connection(id).client_done = true;
        self.free_if_over(id);
    }

    /// Whether the client has no more to do with it.
    pub fn is_client_done(&self, id: ConnId) -> bool {
        self.connections[id.0 as usize].client_done
    }

    /// An event that names the connection is to come.
    pub fn will_be_named(&mut self, id: ConnId) {
        self.connection(id).events += 1;
    }

    /// It has come and was dealt with.
    pub fn was_named(&mut self, id: ConnId) {
        self.connection(id).events -= 1;
        self.free_if_over(id);
    }

    fn free_if_over(&mut self, id: ConnId) {
        let connection = self.connection(id);
        if connection.server_closed && connection.client_done && connection.events == 0 {
            // Once only: it is not over any more.
            connection.server_closed = false;
            self.free.push(id);
        }
    }

    /// Which client a connection belongs to.
    pub fn client_of(&self, id: ConnId) -> u32 {
        self.connections[id.0 as usize].client
    }

    fn connection(&mut self, id: ConnId) -> &mut Connection {
        &mut self.connections[id.0 as usize]
    }
}
