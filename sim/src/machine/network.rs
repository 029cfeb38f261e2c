//! The network: connections with send buffers, client links, the server's link.
//!
//! State: per connection its waiting request, the bytes in its send buffer, what the server waits
//! for. Over links the buffer drains as a fluid, first through the server's link (shared, first
//! come first served per send), then through the client's own: each send at an even rate from its
//! turn on the slower of the two to its end there. On loopback a send is at once in the receiver's
//! queue and leaves the buffer when the client reads it.
//!
//! Leaves out: packets and their losses, acknowledgements, slow start, header overhead.

use std::collections::VecDeque;

use crate::engine::Nanos;
use crate::scenario::units::BitRate;
use crate::server::script::{ConnId, Request};

/// The most that a send puts into one segment: Linux's `GSO_MAX_SIZE`.
const SEGMENT_BYTES: u64 = 64 << 10;

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
    /// Nothing: an event is noted for later.
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
pub struct Connection {
    /// The client at the other end.
    pub client: u32,
    request: Option<Request>,
    hung_up: bool,
    accepted: bool,
    awaiting: Awaiting,
    /// Over links: what the buffer holds, in order. On loopback unused.
    draining: VecDeque<Draining>,
    /// On loopback: bytes the client has not read. Over links unused.
    unread_bytes: u64,
}

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
}

/// All connections of the server.
pub struct Network {
    attachment: Attachment,
    send_buffer_bytes: u64,
    connections: Vec<Connection>,
    free: Vec<ConnId>,
    backlog: VecDeque<ConnId>,
    /// Connections with an event that the server awaits, in order of the events.
    ready: VecDeque<ConnId>,
    server_link_free_at: Nanos,
}

impl Network {
    /// A network without connections.
    pub fn new(attachment: Attachment, send_buffer_bytes: u64) -> Self {
        Self {
            attachment,
            send_buffer_bytes,
            connections: Vec::new(),
            free: Vec::new(),
            backlog: VecDeque::new(),
            ready: VecDeque::new(),
            server_link_free_at: Nanos::ZERO,
        }
    }

    /// How clients are attached.
    pub fn attachment(&self) -> Attachment {
        self.attachment
    }

    /// Whether clients are a process of this machine.
    pub fn is_loopback(&self) -> bool {
        self.attachment == Attachment::Loopback
    }

    /// Time a message takes from a client to the server, or back, apart from its transfer.
    pub fn one_way(&self) -> Nanos {
        match self.attachment {
            Attachment::Links { rtt, .. } => Nanos(rtt.0 / 2),
            Attachment::Loopback => Nanos::ZERO,
        }
    }

    /// A client connects: its connection waits to be accepted.
    pub fn connect(&mut self, client: u32) -> ConnId {
        let fresh = Connection {
            client,
            request: None,
            hung_up: false,
            accepted: false,
            awaiting: Awaiting::Nothing,
            draining: VecDeque::new(),
            unread_bytes: 0,
        };
        if let Some(id) = self.free.pop() {
            self.connections[id.0 as usize] = fresh;
            id
        } else {
            self.connections.push(fresh);
            ConnId(self.connections.len() as u32 - 1)
        }
    }

    /// The handshake is through: the connection stands in the backlog.
    pub fn queue_for_accept(&mut self, id: ConnId) {
        self.backlog.push_back(id);
    }

    /// Whether a connection waits to be accepted.
    pub fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Accepts the connection that waited longest; what has arrived on it is an event at once.
    pub fn accept(&mut self) -> Option<ConnId> {
        let id = self.backlog.pop_front()?;
        self.connection(id).accepted = true;
        if self.await_request(id) {
            self.ready.push_back(id);
        }
        Some(id)
    }

    /// A request has arrived. `true` if the server awaits it.
    pub fn request_arrived(&mut self, id: ConnId, request: Request) -> bool {
        self.connection(id).request = Some(request);
        self.input_event(id)
    }

    /// The client's hang-up has arrived. `true` if the server awaits it.
    pub fn hang_up_arrived(&mut self, id: ConnId) -> bool {
        self.connection(id).hung_up = true;
        self.input_event(id)
    }

    fn input_event(&mut self, id: ConnId) -> bool {
        let awaited = self.connection(id).awaiting == Awaiting::Request;
        if awaited {
            self.connection(id).awaiting = Awaiting::Nothing;
            self.ready.push_back(id);
        }
        awaited
    }

    /// The server waits for the next request. `true` if there is input already.
    pub fn await_request(&mut self, id: ConnId) -> bool {
        let connection = self.connection(id);
        let input = connection.request.is_some() || connection.hung_up;
        connection.awaiting = if input {
            Awaiting::Nothing
        } else {
            Awaiting::Request
        };
        input
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
        let buffered = self.buffered_bytes(id, now);
        let taken = self.taken_by_buffer(buffered, bytes);
        if taken == 0 {
            self.connection(id).awaiting = Awaiting::Room;
            let writable_at = self.writable_at(id);
            return Sent::WouldBlock { writable_at };
        }
        let leaves = leaves(taken);
        let arrives = match self.attachment {
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
                let bytes = taken;
                let draining = Draining { from, to, bytes };
                self.connection(id).draining.push_back(draining);
                to + Nanos(rtt.0 / 2)
            }
        };
        Sent::Taken {
            bytes: taken,
            arrives,
        }
    }

    /// As long as the buffer is not full a send fills another segment, which may overshoot it
    /// (Linux, `tcp_sendmsg_locked` and `sk_stream_memory_free`).
    fn taken_by_buffer(&self, buffered: u64, bytes: u64) -> u64 {
        let room = self.send_buffer_bytes.saturating_sub(buffered);
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
        self.send_buffer_bytes * 2 / 3
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

    /// The buffer has drained enough. `true` if the server awaits that.
    pub fn became_writable(&mut self, id: ConnId) -> bool {
        let awaited = self.connection(id).awaiting == Awaiting::Room;
        if awaited {
            self.connection(id).awaiting = Awaiting::Nothing;
            self.ready.push_back(id);
        }
        awaited
    }

    /// On loopback the client read `bytes`. `true` if the server awaits the room made.
    pub fn client_read(&mut self, id: ConnId, bytes: u64) -> bool {
        let level = self.writable_level();
        let connection = self.connection(id);
        connection.unread_bytes -= bytes;
        connection.unread_bytes <= level && connection.awaiting == Awaiting::Room
    }

    /// The next connection with an awaited event.
    pub fn take_ready(&mut self) -> Option<ConnId> {
        self.ready.pop_front()
    }

    /// Whether an awaited event is there.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The server closes the connection; its number is used again.
    pub fn close(&mut self, id: ConnId) {
        self.free.push(id);
    }

    /// Which client a connection belongs to.
    pub fn client_of(&self, id: ConnId) -> u32 {
        self.connections[id.0 as usize].client
    }

    fn connection(&mut self, id: ConnId) -> &mut Connection {
        &mut self.connections[id.0 as usize]
    }
}
