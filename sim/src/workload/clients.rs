//! Clients: each plays session after session; within a session it sends a request, reads the whole
//! response, pauses if it does, sends the next.
//!
//! Closed clients: which one plays which session is fixed before the run. The sessions are dealt
//! in rounds, one to each client, in an order that is shuffled in every round; where they have no
//! end, each client draws its own. So compared servers get the same sessions from the same
//! clients, whoever is faster. Open arrivals: every session is played by a client of its own.

use super::session::Session;
use super::source::Source;
use super::trace::RequestKind;
use crate::engine::Nanos;
use crate::engine::random::{Stream, shuffle};
use crate::server::script::{Asked, ConnId, Request};

/// Which sessions each client plays, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    by_client: Vec<Vec<u32>>,
}

impl Plan {
    /// Deals the first `sequences` sessions to `clients` clients.
    pub fn deal(sequences: u32, clients: u32, rng: &mut Stream) -> Self {
        let mut by_client = vec![Vec::new(); clients as usize];
        let mut order: Vec<u32> = (0..clients).collect();
        for first in (0..sequences).step_by(clients as usize) {
            shuffle(rng, &mut order);
            for (sequence, &client) in (first..sequences).zip(&order) {
                by_client[client as usize].push(sequence);
            }
        }
        Self { by_client }
    }

    /// The sessions of a client.
    pub fn of(&self, client: u32) -> &[u32] {
        &self.by_client[client as usize]
    }

    /// Number of clients.
    pub fn clients(&self) -> u32 {
        self.by_client.len() as u32
    }
}

/// Which sessions are played by whom.
#[derive(Clone, Copy, Debug)]
pub enum Turns<'a> {
    /// Closed clients, each with its share.
    Dealt(&'a Plan),
    /// So many closed clients, without end.
    Endless(u32),
    /// A client of its own for each of so many sessions (or, `None`, without end).
    Open(Option<u32>),
}

/// One client.
#[derive(Clone, Debug, Default)]
struct Client {
    session: Session,
    /// When the session began.
    began: Nanos,
    /// Sessions begun.
    begun: u32,
    /// Requests sent of the present session.
    sent: u32,
    /// The connection that it uses.
    conn: Option<ConnId>,
    /// How often the present connection was tried in vain.
    tries: u32,
    /// Requests sent in all.
    serial: u32,
    sent_at: Nanos,
    awaited_bytes: u64,
    /// A request is sent and not answered.
    waits: bool,
}

/// What a client does when a response is complete, or given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThenDoes {
    /// Waits for the rest of it.
    Waits,
    /// It was complete, after this time; the session has another request.
    Requests(Nanos),
    /// It was complete, after this time, and the last of its session.
    HangsUp(Nanos),
}

/// All clients at play.
pub struct Clients<'a> {
    source: &'a Source,
    turns: Turns<'a>,
    replication: u32,
    clients: Vec<Client>,
    /// Clients between two sessions, where each session has one of its own.
    free: Vec<u32>,
    /// Sessions that have arrived.
    arrived: u32,
    playing: u32,
}

impl<'a> Clients<'a> {
    /// Clients about to play.
    pub fn new(source: &'a Source, turns: Turns<'a>, replication: u32) -> Self {
        let count = match turns {
            Turns::Dealt(plan) => plan.clients(),
            Turns::Endless(clients) => clients,
            Turns::Open(_) => 0,
        };
        Self {
            source,
            turns,
            replication,
            clients: vec![Client::default(); count as usize],
            free: Vec::new(),
            arrived: 0,
            playing: count,
        }
    }

    /// Closed clients.
    pub fn closed(&self) -> u32 {
        match self.turns {
            Turns::Open(_) => 0,
            Turns::Dealt(_) | Turns::Endless(_) => self.clients.len() as u32,
        }
    }

    /// Whether all have played everything.
    pub fn are_done(&self) -> bool {
        self.playing == 0 && !self.more_arrive()
    }

    /// Whether more sessions arrive by themselves.
    pub fn more_arrive(&self) -> bool {
        match self.turns {
            Turns::Open(sessions) => sessions.is_none_or(|sessions| self.arrived < sessions),
            Turns::Dealt(_) | Turns::Endless(_) => false,
        }
    }

    /// A session arrives by itself: which client plays it.
    pub fn arrive(&mut self) -> u32 {
        let client = self.free.pop().unwrap_or_else(|| {
            self.clients.push(Client::default());
            self.clients.len() as u32 - 1
        });
        let state = &mut self.clients[client as usize];
        self.source
            .session(self.replication, self.arrived, &mut state.session);
        self.arrived += 1;
        self.playing += 1;
        state.begin();
        client
    }

    /// The client begins its next session. `false`: it has none.
    pub fn begin_sequence(&mut self, client: u32) -> bool {
        let state = &mut self.clients[client as usize];
        let begun = state.begun;
        let has_one = match self.turns {
            Turns::Dealt(plan) => match plan.of(client).get(begun as usize) {
                Some(&number) => {
                    self.source
                        .session(self.replication, number, &mut state.session);
                    true
                }
                None => false,
            },
            Turns::Endless(_) => {
                self.source
                    .endless_session(self.replication, client, begun, &mut state.session);
                true
            }
            Turns::Open(_) => {
                self.free.push(client);
                false
            }
        };
        if has_one {
            state.begin();
        } else {
            self.playing -= 1;
        }
        has_one
    }

    /// How long the client pauses before the session that it has just begun.
    pub fn pause_before(&self, client: u32) -> Nanos {
        match self.turns {
            Turns::Open(_) => Nanos::ZERO,
            Turns::Dealt(_) | Turns::Endless(_) => self.clients[client as usize].session.before,
        }
    }

    /// The session's first instant is now.
    pub fn session_starts(&mut self, client: u32, now: Nanos) {
        self.clients[client as usize].began = now;
    }

    /// When the client sends its next request, if it could at `ready`.
    pub fn sends_at(&self, client: u32, ready: Nanos) -> Nanos {
        let state = &self.clients[client as usize];
        state
            .session
            .send_at(state.sent as usize, state.began, ready)
    }

    /// The client's new connection.
    pub fn connected(&mut self, client: u32, conn: ConnId) {
        self.clients[client as usize].conn = Some(conn);
    }

    /// The client has no connection any more.
    pub fn disconnected(&mut self, client: u32) {
        self.clients[client as usize].conn = None;
    }

    /// The connection that a client uses.
    pub fn conn(&self, client: u32) -> Option<ConnId> {
        self.clients[client as usize].conn
    }

    /// Whether the client waits for a response.
    pub fn waits(&self, client: u32) -> bool {
        self.clients[client as usize].waits
    }

    /// The request that the client sends next, sent at `now`, to be answered by `response_bytes`.
    pub fn send(&mut self, client: u32, now: Nanos, response_bytes: u64) {
        let state = &mut self.clients[client as usize];
        state.sent += 1;
        state.tries = 0;
        state.serial = state.serial.wrapping_add(1);
        state.sent_at = now;
        state.awaited_bytes = response_bytes;
        state.waits = true;
    }

    /// The client's connection was dropped, how often for this request.
    pub fn dropped(&mut self, client: u32) -> u32 {
        let state = &mut self.clients[client as usize];
        state.conn = None;
        state.tries += 1;
        state.tries
    }

    /// How often the client's request found the backlog full.
    pub fn tries(&self, client: u32) -> u32 {
        self.clients[client as usize].tries
    }

    /// A number for the request that the client sent last.
    pub fn serial(&self, client: u32) -> u32 {
        self.clients[client as usize].serial
    }

    /// The request that the client is about to send.
    pub fn next_request(&self, client: u32) -> Request {
        self.request_at(client, self.clients[client as usize].sent)
    }

    /// The request that the client sent last.
    pub fn last_request(&self, client: u32) -> Request {
        self.request_at(client, self.clients[client as usize].sent - 1)
    }

    /// Which of the client's requests that is, from the beginning of its session; and which of
    /// its sessions.
    pub fn last_index(&self, client: u32) -> (u32, u32) {
        let state = &self.clients[client as usize];
        (state.begun - 1, state.sent - 1)
    }

    /// When the client sent its last request.
    pub fn last_sent_at(&self, client: u32) -> Nanos {
        self.clients[client as usize].sent_at
    }

    fn request_at(&self, client: u32, index: u32) -> Request {
        let packed = self.clients[client as usize].session.requests[index as usize];
        let asked = match packed.kind() {
            RequestKind::Body => Asked::Whole,
            RequestKind::NotModified => Asked::NotModified,
            RequestKind::Missing => Asked::Missing,
        };
        Request {
            object: packed.object(),
            asked,
        }
    }

    /// `bytes` of the response have been read by `now`.
    ///
    /// # Panics
    /// If they are more than the client awaits.
    pub fn receive(&mut self, client: u32, bytes: u64, now: Nanos) -> ThenDoes {
        let state = &mut self.clients[client as usize];
        state.awaited_bytes = state
            .awaited_bytes
            .checked_sub(bytes)
            .expect("a response has no more bytes than it was asked for");
        if state.awaited_bytes > 0 {
            return ThenDoes::Waits;
        }
        self.end_request(client, now)
    }

    /// The client gives its request up, or there is no answer to come.
    pub fn give_up(&mut self, client: u32, now: Nanos) -> ThenDoes {
        self.clients[client as usize].awaited_bytes = 0;
        self.end_request(client, now)
    }

    fn end_request(&mut self, client: u32, now: Nanos) -> ThenDoes {
        let state = &mut self.clients[client as usize];
        state.waits = false;
        let time = now - state.sent_at;
        if (state.sent as usize) < state.session.requests.len() {
            ThenDoes::Requests(time)
        } else {
            ThenDoes::HangsUp(time)
        }
    }
}

impl Client {
    /// Its session has been filled in.
    fn begin(&mut self) {
        self.begun += 1;
        self.sent = 0;
        self.conn = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::stream;

    /// A client with its session of five requests and their pauses, its connection in the network
    /// and in the server's loop: at most a kibibyte.
    #[test]
    fn a_client_takes_less_than_a_kibibyte() {
        let session = 5 * (size_of::<crate::workload::trace::PackedRequest>() + size_of::<Nanos>());
        let network = crate::machine::network::CONNECTION_BYTES;
        let server = crate::server::event_loop::CONNECTION_BYTES;
        let bytes = size_of::<Client>() + session + network + server;
        assert!(bytes <= 1024, "{bytes}");
    }

    #[test]
    fn every_sequence_is_dealt_once_and_shares_differ_by_one_at_most() {
        let plan = Plan::deal(1003, 16, &mut stream(1, "clients", 0, 0));
        let mut all: Vec<u32> = (0..16)
            .flat_map(|client| plan.of(client).to_vec())
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..1003).collect::<Vec<u32>>());
        let shares: Vec<usize> = (0..16).map(|client| plan.of(client).len()).collect();
        assert!(shares.iter().all(|&share| share == 62 || share == 63));
    }
}
