//! What clients do: begin sessions, connect, send, read, give up.

use super::{Fate, RequestRecord, Run};
use crate::engine::Nanos;
use crate::machine::Event;
use crate::machine::timeline::{Span, Track};
use crate::server::script::{Asked, ConnId, HEADER_BYTES};
use crate::server::structure::SimServer;
use crate::workload::clients::ThenDoes;

/// How long a client waits for the answer to its first attempt to connect: Linux's
/// `TCP_TIMEOUT_INIT`; twice as long for each further one.
const FIRST_RETRY: Nanos = Nanos::from_millis(1000);

impl<S: SimServer> Run<'_, S> {
    /// `event` happens to its client at `at`.
    pub(super) fn client_acts(&mut self, event: Event, at: Nanos) {
        match event {
            Event::Start(client) => {
                self.clients.session_starts(client, at);
                self.next_request(client, at);
            }
            Event::Resume(client) => self.make_request(client, at),
            Event::Retry(client, serial) => self.retry(client, serial, at),
            Event::Delivered(conn, bytes) => self.client_reads(conn, bytes, at),
            Event::Closed(conn) => self.server_closed(conn, at),
            Event::OutOfPatience(client, serial) => self.lose_patience(client, serial, at),
            _ => unreachable!("{event:?} does not happen to a client"),
        }
    }

    /// A closed client begins its next session, if it has one.
    pub(super) fn begin_session(&mut self, client: u32, at: Nanos) {
        if self.clients.begin_sequence(client) {
            let starts = at + self.clients.pause_before(client);
            if starts > at || self.machine.now() == self.began {
                self.machine.at(starts, Event::Start(client));
            } else {
                self.client_acts(Event::Start(client), at);
            }
        }
    }

    /// The client could send its next request at `ready`.
    fn next_request(&mut self, client: u32, ready: Nanos) {
        let at = self.clients.sends_at(client, ready);
        if at > ready {
            self.machine.at(at, Event::Resume(client));
        } else {
            self.make_request(client, ready);
        }
    }

    fn make_request(&mut self, client: u32, at: Nanos) {
        match self.clients.conn(client) {
            Some(conn) => self.send_request(client, conn, at),
            None => {
                let (conn, at) = self.connect(client, at);
                self.send_request(client, conn, at);
            }
        }
    }

    /// Opens a connection. Returns when it is ready for a request.
    fn connect(&mut self, client: u32, at: Nanos) -> (ConnId, Nanos) {
        let conn = self.machine.network.connect(client);
        self.clients.connected(client, conn);
        let at = self.generator_spends(self.machine.costs.client.connect, at);
        let one_way = self.machine.network.one_way();
        self.machine.at(at + one_way, Event::Connected(conn));
        (conn, at + one_way * 2)
    }

    fn send_request(&mut self, client: u32, conn: ConnId, at: Nanos) {
        let request = self.clients.next_request(client);
        let body = match request.asked {
            Asked::Whole => self.machine.files.size(request.object),
            Asked::NotModified | Asked::Missing => 0,
        };
        self.count_sent(at);
        self.clients
            .send(client, at, body + u64::from(HEADER_BYTES));
        if let Some(patience) = self.play.patience {
            let serial = self.clients.serial(client);
            self.machine
                .at(at + patience, Event::OutOfPatience(client, serial));
        }
        self.transmit_request(conn, at);
    }

    fn transmit_request(&mut self, conn: ConnId, at: Nanos) {
        let leaves = self.generator_spends(self.machine.costs.client.request, at);
        let arrives = leaves + self.machine.network.one_way();
        self.machine.at(arrives, Event::Request(conn));
    }

    /// The backlog was full: the client hears nothing and will try again.
    pub(super) fn connection_dropped(&mut self, conn: ConnId) {
        self.machine.counters.dropped += 1;
        let client = self.machine.network.client_of(conn);
        self.machine.network.abandon(conn);
        if self.clients.conn(client) != Some(conn) {
            // It lost patience meanwhile.
            return;
        }
        let tries = self.clients.dropped(client);
        let wait = FIRST_RETRY * (1 << (tries - 1).min(20));
        let at = self.machine.now() + wait;
        let serial = self.clients.serial(client);
        self.machine.at(at, Event::Retry(client, serial));
    }

    /// The client tries to connect again with the request that it has, or gives it up.
    fn retry(&mut self, client: u32, serial: u32, at: Nanos) {
        if !self.clients.waits(client) || self.clients.serial(client) != serial {
            // It lost patience meanwhile.
            return;
        }
        if self.clients.tries(client) > self.play.syn_retries {
            return self.fail(client, Fate::Refused, at);
        }
        let (conn, at) = self.connect(client, at);
        self.transmit_request(conn, at);
    }

    /// The client at the other end of `conn` has read `bytes` by `at`.
    fn client_reads(&mut self, conn: ConnId, bytes: u32, at: Nanos) {
        self.machine.delivered(bytes);
        let client = self.machine.network.client_of(conn);
        if self.clients.conn(client) != Some(conn) {
            return;
        }
        self.bytes += u64::from(bytes);
        let then = self.clients.receive(client, bytes.into(), at);
        if then == ThenDoes::Waits {
            return;
        }
        let answered = match self.clients.last_request(client).asked {
            Asked::Missing => Fate::NotFound,
            Asked::Whole | Asked::NotModified => Fate::Answered,
        };
        self.record(client, answered, at);
        if !self.play.persistent {
            self.leave(client, conn);
        }
        match then {
            ThenDoes::HangsUp(_) => {
                if self.play.persistent {
                    let arrives = at + self.machine.network.one_way();
                    self.machine.at(arrives, Event::HangUp(conn));
                    self.leave(client, conn);
                }
                self.begin_session(client, at);
            }
            ThenDoes::Requests(_) | ThenDoes::Waits => self.next_request(client, at),
        }
    }

    /// The client has no more to do with its connection.
    fn leave(&mut self, client: u32, conn: ConnId) {
        self.clients.disconnected(client);
        self.machine.network.client_is_done(conn);
    }

    /// The client learns that the server has closed its connection.
    fn server_closed(&mut self, conn: ConnId, at: Nanos) {
        let client = self.machine.network.client_of(conn);
        if self.clients.conn(client) != Some(conn) {
            return;
        }
        self.leave(client, conn);
        if self.clients.waits(client) {
            self.fail(client, Fate::Broken, at);
        }
    }

    /// The client's patience with the request `serial` is over.
    fn lose_patience(&mut self, client: u32, serial: u32, at: Nanos) {
        if !self.clients.waits(client) || self.clients.serial(client) != serial {
            return;
        }
        if let Some(conn) = self.clients.conn(client) {
            let arrives = at + self.machine.network.one_way();
            self.machine.at(arrives, Event::Reset(conn));
            self.leave(client, conn);
        }
        self.fail(client, Fate::Abandoned, at);
    }

    /// The client's request has no answer.
    fn fail(&mut self, client: u32, fate: Fate, at: Nanos) {
        let then = self.clients.give_up(client, at);
        self.record(client, fate, at);
        match then {
            ThenDoes::HangsUp(_) => self.begin_session(client, at),
            ThenDoes::Requests(_) | ThenDoes::Waits => self.next_request(client, at),
        }
    }

    /// A request has ended.
    fn record(&mut self, client: u32, fate: Fate, at: Nanos) {
        let sent_at = self.clients.last_sent_at(client);
        let time = at - sent_at;
        self.failures.count(fate);
        if fate.is_answered() {
            self.responses.push(time);
        }
        if let Some(timeline) = &mut self.machine.timeline {
            timeline.record(Span {
                track: Track::Client(client),
                what: "request",
                from: sent_at,
                to: at,
                detail: self.clients.last_request(client).object,
            });
        }
        if let Some(records) = &mut self.records {
            let (session, index) = self.clients.last_index(client);
            records.push(RequestRecord {
                client,
                session,
                index,
                request: self.clients.last_request(client),
                sent_at: sent_at - self.began,
                response_time: time,
                fate,
            });
        }
        self.last_end = self.last_end.max(at);
        self.count_to(at);
        self.outstanding -= 1;
    }

    /// Integrates the number of requests in the system up to `at`. Requests that follow a
    /// handshake are in it from the instant of their sending, not from that of the decision.
    pub(super) fn count_to(&mut self, at: Nanos) {
        while let Some(&sent) = self.to_be_sent.front()
            && sent <= at
        {
            self.to_be_sent.pop_front();
            self.integrate_to(sent);
            self.outstanding += 1;
        }
        self.integrate_to(at);
    }

    fn integrate_to(&mut self, at: Nanos) {
        let span = at.saturating_sub(self.counted_to);
        self.in_system += u128::from(span.0) * u128::from(self.outstanding);
        self.counted_to = self.counted_to.max(at);
    }

    fn count_sent(&mut self, at: Nanos) {
        let place = self.to_be_sent.partition_point(|&other| other <= at);
        self.to_be_sent.insert(place, at);
    }
}
