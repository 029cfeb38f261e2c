//! Closed clients: each plays its sequences one after the other; within a sequence it sends a
//! request, reads the whole response, sends the next.
//!
//! Which client plays which sequence is fixed before the run: the sequences are dealt in rounds,
//! one to each client, in an order that is shuffled in every round. So compared servers get the
//! same sequences from the same clients, whoever is faster.

use crate::engine::Nanos;
use crate::engine::random::{Stream, shuffle};
use crate::server::script::{ConnId, Request};
use crate::workload::trace::Sequences;

/// Which sequences each client plays, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    by_client: Vec<Vec<u32>>,
}

impl Plan {
    /// Deals the first `sequences` sequences to `clients` clients.
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

    /// The sequences of a client.
    pub fn of(&self, client: u32) -> &[u32] {
        &self.by_client[client as usize]
    }

    /// Number of clients.
    pub fn clients(&self) -> u32 {
        self.by_client.len() as u32
    }
}

#[derive(Clone, Copy, Debug)]
struct Client {
    /// Sequences begun.
    begun: u32,
    /// Requests sent of the present sequence.
    sent: u32,
    conn: ConnId,
    sent_at: Nanos,
    awaited_bytes: u64,
}

/// What a client does when a response is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThenDoes {
    /// Waits for the rest of it.
    Waits,
    /// It was complete, after this time; it has another request for the same connection.
    Requests(Nanos),
    /// It was complete, after this time, and the last of its sequence.
    HangsUp(Nanos),
}

/// All clients at play.
pub struct Clients<'a> {
    sequences: &'a Sequences,
    plan: &'a Plan,
    clients: Vec<Client>,
    playing: u32,
}

impl<'a> Clients<'a> {
    /// Clients about to play `plan`.
    pub fn new(sequences: &'a Sequences, plan: &'a Plan) -> Self {
        let idle = Client {
            begun: 0,
            sent: 0,
            conn: ConnId(0),
            sent_at: Nanos::ZERO,
            awaited_bytes: 0,
        };
        let count = plan.clients();
        Self {
            sequences,
            plan,
            clients: vec![idle; count as usize],
            playing: count,
        }
    }

    /// Whether every sequence has been played.
    pub fn are_done(&self) -> bool {
        self.playing == 0
    }

    /// Begins the client's next sequence; `false` if it has none left.
    pub fn begin_sequence(&mut self, client: u32) -> bool {
        let plan = self.plan.of(client);
        let state = &mut self.clients[client as usize];
        if state.begun as usize == plan.len() {
            self.playing -= 1;
            return false;
        }
        state.begun += 1;
        state.sent = 0;
        true
    }

    /// The client's new connection.
    pub fn connected(&mut self, client: u32, conn: ConnId) {
        self.clients[client as usize].conn = conn;
    }

    /// The connection that a client uses.
    pub fn conn(&self, client: u32) -> ConnId {
        self.clients[client as usize].conn
    }

    /// The request that the client sends next, sent at `now`, to be answered by `response_bytes`.
    pub fn send(&mut self, client: u32, now: Nanos, response_bytes: u64) {
        let state = &mut self.clients[client as usize];
        state.sent += 1;
        state.sent_at = now;
        state.awaited_bytes = response_bytes;
    }

    /// The request that the client is about to send.
    pub fn next_request(&self, client: u32) -> Request {
        self.request_at(client, self.clients[client as usize].sent)
    }

    /// The request that the client sent last.
    pub fn last_request(&self, client: u32) -> Request {
        self.request_at(client, self.clients[client as usize].sent - 1)
    }

    fn request_at(&self, client: u32, index: u32) -> Request {
        let packed = self.sequence(client)[index as usize];
        Request {
            object: packed.object(),
            not_modified: packed.not_modified(),
        }
    }

    fn sequence(&self, client: u32) -> &[crate::workload::trace::PackedRequest] {
        let state = &self.clients[client as usize];
        let sequence = self.plan.of(client)[state.begun as usize - 1];
        self.sequences.get(sequence as usize)
    }

    /// `bytes` of the response have been read by `now`.
    ///
    /// # Panics
    /// If they are more than the client awaits.
    pub fn receive(&mut self, client: u32, bytes: u64, now: Nanos) -> ThenDoes {
        let requests = self.sequence(client).len() as u32;
        let state = &mut self.clients[client as usize];
        state.awaited_bytes = state
            .awaited_bytes
            .checked_sub(bytes)
            .expect("a response has no more bytes than it was asked for");
        if state.awaited_bytes > 0 {
            return ThenDoes::Waits;
        }
        let response_time = now - state.sent_at;
        if state.sent < requests {
            ThenDoes::Requests(response_time)
        } else {
            ThenDoes::HangsUp(response_time)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::stream;

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
