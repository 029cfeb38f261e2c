//! A server that writes its responses with non-blocking I/O.
//!
//! One of three of the same shape: compare with `handler_aio.rs` and `handler_laio.rs`.
//! `cargo run -p laio --example handler_nbio`

#[path = "common/clients.rs"]
mod clients;
#[path = "common/epoll.rs"]
mod epoll;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use clients::Clients;
use epoll::{Epoll, Interest};

fn main() -> io::Result<()> {
    let (clients, sockets) = Clients::start()?;
    let mut server = Server::new(sockets)?;
    while server.open > 0 {
        server.turn()?;
    }
    clients.finish("NBIO", server.continuations)
}

struct Server {
    sockets: Vec<UnixStream>,
    epoll: Epoll,
    open: usize,
    /// Times that a response was not finished when the handler returned.
    continuations: u64,
    /// To remember, per connection: what is left of its response.
    unwritten: Vec<&'static [u8]>,
}

impl Server {
    fn new(sockets: Vec<UnixStream>) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        for (id, socket) in sockets.iter().enumerate() {
            socket.set_nonblocking(true)?;
            epoll.add(socket, id, Interest::Readable)?;
        }
        Ok(Self {
            open: sockets.len(),
            continuations: 0,
            unwritten: vec![&[]; sockets.len()],
            epoll,
            sockets,
        })
    }

    fn turn(&mut self) -> io::Result<()> {
        for id in self.epoll.wait()? {
            if self.unwritten[id].is_empty() {
                self.request(id)?;
            } else {
                self.writable(id)?;
            }
        }
        Ok(())
    }

    fn request(&mut self, id: usize) -> io::Result<()> {
        let mut request = [0];
        if self.sockets[id].read(&mut request)? == 0 {
            self.open -= 1;
            return self.epoll.remove(&self.sockets[id]);
        }
        self.respond(id, clients::response(request[0]))
    }

    fn respond(&mut self, id: usize, response: &'static [u8]) -> io::Result<()> {
        self.unwritten[id] = response;
        self.write_some(id)?;
        if !self.unwritten[id].is_empty() {
            self.continuations += 1;
            self.epoll
                .change(&self.sockets[id], id, Interest::Writable)?;
        }
        Ok(())
    }

    fn writable(&mut self, id: usize) -> io::Result<()> {
        self.write_some(id)?;
        if !self.unwritten[id].is_empty() {
            self.continuations += 1;
            return Ok(());
        }
        self.epoll.change(&self.sockets[id], id, Interest::Readable)
    }

    fn write_some(&mut self, id: usize) -> io::Result<()> {
        match self.sockets[id].write(self.unwritten[id]) {
            Ok(written) => self.unwritten[id] = &self.unwritten[id][written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
