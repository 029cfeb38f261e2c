//! A client that never sleeps: nobody has to wake it, and it is always there for the next response.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use sim::server::script::{Asked, HEADER_BYTES, Request};

use super::inplace::{OBJECTS, PAGES};
use super::timing::clock;
use crate::serve::http::format_request;

/// Longest wait for a response. Ours.
const PATIENCE_NS: u64 = 5_000_000_000;

/// One connection, which asks for one object after the other.
pub(super) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    read: usize,
    next: u32,
}

impl Connection {
    /// Connects; the first object asked for is `first`.
    pub(super) fn open(address: SocketAddr, first: u32) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            answer: vec![0; HEADER_BYTES as usize + (PAGES * 4096) as usize],
            read: 0,
            next: first,
        })
    }

    /// Makes a request; the nanoseconds until the last of its response can be read.
    pub(super) fn exchange(&mut self) -> io::Result<u64> {
        let start = clock();
        self.send()?;
        loop {
            let attempt = clock();
            if self.receive()? {
                return Ok(attempt - start);
            }
            if attempt - start > PATIENCE_NS {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    fn send(&mut self) -> io::Result<()> {
        let request = Request {
            // 97 is prime to 2048: every object comes round.
            object: self.next * 97 % OBJECTS,
            asked: Asked::Whole,
        };
        self.next = (self.next + 1) % OBJECTS;
        self.read = 0;
        self.stream.write_all(&format_request(request))
    }

    fn is_waiting(&self) -> bool {
        self.read < self.answer.len()
    }

    /// Reads what has come; whether that was the rest of the response.
    fn receive(&mut self) -> io::Result<bool> {
        match self.stream.read(&mut self.answer[self.read..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => self.read += bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(!self.is_waiting())
    }
}

/// Makes a request on each connection at once, and waits for the last of the responses.
pub(super) fn exchange_on_each(connections: &mut [Connection]) -> io::Result<()> {
    connections.iter_mut().try_for_each(Connection::send)?;
    let start = clock();
    while connections.iter().any(Connection::is_waiting) {
        for connection in connections.iter_mut().filter(|each| each.is_waiting()) {
            connection.receive()?;
        }
        if clock() - start > PATIENCE_NS {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    Ok(())
}

/// What a client makes its next request on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The same connection.
    Kept,
    /// A new connection; the old one is closed.
    New,
}

/// Makes at least `requests` on `connections` connections at a time, the next at once after a
/// response: a server that takes longer for a request than this client always has one more.
/// Returns how many were made. All are answered, so that the server sleeps in the end.
pub(super) fn keep_busy(
    address: SocketAddr,
    connections: u32,
    requests: u32,
    next: Next,
) -> io::Result<u32> {
    let open = |index| Connection::open(address, index * OBJECTS / connections);
    let mut all: Vec<Connection> = (0..connections).map(open).collect::<io::Result<_>>()?;
    all.iter_mut().try_for_each(Connection::send)?;
    let (mut sent, mut answered, mut last) = (connections, 0, clock());
    while answered < sent {
        for connection in &mut all {
            if connection.is_waiting() && connection.receive()? {
                answered += 1;
                last = clock();
                if sent < requests {
                    if next == Next::New {
                        *connection = Connection::open(address, connection.next)?;
                    }
                    connection.send()?;
                    sent += 1;
                }
            }
        }
        if clock() - last > PATIENCE_NS {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    Ok(sent)
}

/// Passes the time without sleeping.
pub(super) fn spin(duration_ns: u64) {
    let start = clock();
    while clock() - start < duration_ns {
        std::hint::spin_loop();
    }
}
