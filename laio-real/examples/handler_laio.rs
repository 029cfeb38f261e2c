//! A server that writes its responses with lazy asynchronous I/O.
//!
//! One of three of the same shape: compare with `handler_nbio.rs` and `handler_aio.rs`.
//! `cargo run -p laio --example handler_laio`

#[path = "common/clients.rs"]
mod clients;
#[path = "common/epoll.rs"]
mod epoll;

use std::collections::HashMap;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use clients::Clients;
use epoll::{Epoll, Interest};
use laio::{Completion, Handle, Laio, Submission};

/// The number of the completions' descriptor in the epoll instance.
const COMPLETIONS: usize = usize::MAX;

fn main() -> io::Result<()> {
    let (clients, sockets) = Clients::start()?;
    let laio = Laio::new().map_err(io::Error::other)?;
    let mut server = Server::new(sockets, laio)?;
    while server.open > 0 {
        server.turn()?;
    }
    clients.finish("LAIO", server.continuations)
}

struct Server {
    sockets: Vec<UnixStream>,
    epoll: Epoll,
    open: usize,
    /// Times that a response was not finished when the handler returned.
    continuations: u64,
    /// To remember, per write that blocked: whose it is.
    blocked: HashMap<Handle, usize>,
    laio: Laio,
}

impl Server {
    fn new(sockets: Vec<UnixStream>, laio: Laio) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        epoll.add(laio.completion_fd(), COMPLETIONS, Interest::Readable)?;
        for (id, socket) in sockets.iter().enumerate() {
            epoll.add(socket, id, Interest::Readable)?;
        }
        Ok(Self {
            open: sockets.len(),
            continuations: 0,
            blocked: HashMap::new(),
            laio,
            epoll,
            sockets,
        })
    }

    fn turn(&mut self) -> io::Result<()> {
        let laio = &mut self.laio;
        let ready = self
            .epoll
            .wait_with(|epoll, events| laio.wait(epoll, events, None))?;
        for id in ready {
            if id != COMPLETIONS {
                self.request(id)?;
            }
        }
        let mut completions = Vec::new();
        self.laio.poll(&mut completions, Some(Duration::ZERO))?;
        for completion in completions {
            self.written(completion)?;
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
        let socket = self.sockets[id].as_raw_fd() as usize;
        let args = [socket, response.as_ptr() as usize, response.len(), 0, 0, 0];
        // SAFETY: the response is never freed.
        match unsafe { self.laio.syscall(libc::SYS_write, args) } {
            Submission::Done(result) => result.map(drop),
            Submission::Background(handle) => {
                self.blocked.insert(handle, id);
                self.continuations += 1;
                self.epoll.remove(&self.sockets[id])
            }
        }
    }

    fn written(&mut self, completion: Completion) -> io::Result<()> {
        completion.result?;
        match self.blocked.remove(&completion.handle) {
            Some(id) => self.epoll.add(&self.sockets[id], id, Interest::Readable),
            None => unreachable!("every write that blocked is remembered"),
        }
    }
}
