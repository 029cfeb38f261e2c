//! A file server in a mio event loop whose file calls are lazy.
//!
//! `cargo run -p laio --example in_mio`
//!
//! The loop wanders between kernel threads, which mio does not notice: it keeps its state in its
//! own structures, and takes a poll instance from any thread. While the loop sleeps, the engine
//! should know it, to park its watcher at once. So this loop sleeps in `Laio::wait`, in an outer
//! epoll instance with two members, mio's and the completions' descriptor, and then asks mio for
//! its events without waiting.
//!
//! With a runtime that does not show the epoll instance that it sleeps in, the completions'
//! descriptor goes into that: see the example `in_tokio`.

#[path = "common/epoll.rs"]
mod epoll;

use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use clap::Parser;
use laio::{Completion, Handle, Laio, Submission};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(usize::MAX);
/// Members of the outer epoll instance.
const MIO: usize = 0;
const COMPLETIONS: usize = 1;

const CLIENTS: usize = 4;
const FILES: usize = 64;
/// Ours: the files are of one size, and fit in one read.
const FILE_BYTES: usize = 32 << 10;

/// Serve files to a few clients from one loop: sockets by mio, file calls lazily
///
/// It takes no arguments.
#[derive(Parser)]
struct Arguments {}

fn main() -> io::Result<()> {
    Arguments::parse();
    let files = tempfile::tempdir_in(".")?;
    make_files(files.path())?;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = listener.local_addr()?;
    // Before the engine pins this thread, and so the threads that it starts.
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| thread::spawn(move || fetch_all(address, client)))
        .collect();
    // Not dropped: after an error, background calls would still use its memory.
    let mut server = ManuallyDrop::new(Server::new(listener, files.path())?);
    while server.served < CLIENTS * FILES {
        server.turn()?;
    }
    for client in clients {
        client.join().expect("a client that returns")?;
    }
    let calls = server.laio.counters().calls;
    println!(
        "{} files arrived whole; {} file calls, {} blocked",
        server.served,
        calls.issued,
        calls.blocked()
    );
    Ok(())
}

/// What a connection is about to do.
enum State {
    Request,
    /// The name stays here while the call may use it.
    Open {
        _path: CString,
    },
    Read {
        file: OwnedFd,
        content: Vec<u8>,
    },
    Respond {
        content: Vec<u8>,
        written: usize,
    },
}

struct Connection {
    socket: TcpStream,
    state: State,
}

struct Server<'a> {
    directory: &'a Path,
    listener: TcpListener,
    poll: Poll,
    events: Events,
    outer: epoll::Epoll,
    laio: Laio,
    connections: HashMap<Token, Connection>,
    last_token: usize,
    /// Whose call is in the background.
    blocked: HashMap<Handle, Token>,
    served: usize,
}

impl<'a> Server<'a> {
    fn new(mut listener: TcpListener, directory: &'a Path) -> io::Result<Self> {
        let poll = Poll::new()?;
        let readable = Interest::READABLE;
        poll.registry()
            .register(&mut listener, LISTENER, readable)?;
        let laio = Laio::new().map_err(io::Error::other)?;
        let outer = epoll::Epoll::new()?;
        // SAFETY: the poll instance lives longer than this.
        let inner = unsafe { BorrowedFd::borrow_raw(poll.as_raw_fd()) };
        outer.add(inner, MIO, epoll::Interest::Readable)?;
        outer.add(laio.completion_fd(), COMPLETIONS, epoll::Interest::Readable)?;
        Ok(Self {
            directory,
            listener,
            poll,
            events: Events::with_capacity(64),
            outer,
            laio,
            connections: HashMap::new(),
            last_token: 0,
            blocked: HashMap::new(),
            served: 0,
        })
    }

    fn turn(&mut self) -> io::Result<()> {
        let laio = &mut self.laio;
        self.outer
            .wait_with(|epoll, events| laio.wait(epoll, events, None))?;
        self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
        let tokens: Vec<Token> = self.events.iter().map(|event| event.token()).collect();
        for token in tokens {
            if token == LISTENER {
                self.accept_all()?;
            } else {
                self.socket_ready(token)?;
            }
        }
        let mut completions = Vec::new();
        self.laio.poll(&mut completions, Some(Duration::ZERO))?;
        for Completion { handle, result } in completions {
            if let Some(token) = self.blocked.remove(&handle) {
                self.file_call_ended(token, result)?;
            }
        }
        Ok(())
    }

    fn accept_all(&mut self) -> io::Result<()> {
        while let Some((mut socket, _)) = unless_blocked(self.listener.accept())? {
            self.last_token += 1;
            let token = Token(self.last_token);
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut socket, token, both)?;
            let state = State::Request;
            self.connections.insert(token, Connection { socket, state });
        }
        Ok(())
    }

    /// The socket may be read or written; mio says so once.
    fn socket_ready(&mut self, token: Token) -> io::Result<()> {
        match self
            .connections
            .get(&token)
            .map(|connection| &connection.state)
        {
            Some(State::Request) => self.read_request(token),
            Some(State::Respond { .. }) => self.respond(token),
            _ => Ok(()),
        }
    }

    /// A request is one byte, the file's number.
    fn read_request(&mut self, token: Token) -> io::Result<()> {
        let mut number = [0];
        let connection = connection(&mut self.connections, token);
        let Some(bytes) = unless_blocked(connection.socket.read(&mut number))? else {
            return Ok(());
        };
        if bytes == 0 {
            self.connections.remove(&token);
            return Ok(());
        }
        let path = self.directory.join(number[0].to_string());
        let path = CString::new(path.as_os_str().as_bytes())?;
        let args = [path.as_ptr() as usize, libc::O_RDONLY as usize, 0, 0, 0, 0];
        connection.state = State::Open { _path: path };
        // SAFETY: the path stays in the connection's state until the call has ended.
        unsafe { self.file_call(token, libc::SYS_open, args) }
    }

    /// # Safety
    /// As for the call, until it has ended.
    unsafe fn file_call(&mut self, token: Token, number: i64, args: [usize; 6]) -> io::Result<()> {
        // SAFETY: the caller's promise.
        match unsafe { self.laio.syscall(number, args) } {
            Submission::Done(result) => self.file_call_ended(token, result),
            Submission::Background(handle) => {
                self.blocked.insert(handle, token);
                Ok(())
            }
        }
    }

    fn file_call_ended(&mut self, token: Token, result: io::Result<i64>) -> io::Result<()> {
        let value = result?;
        let connection = connection(&mut self.connections, token);
        match std::mem::replace(&mut connection.state, State::Request) {
            State::Open { .. } => {
                // SAFETY: the call has just made it, and it is nobody else's.
                let file = unsafe { OwnedFd::from_raw_fd(value as i32) };
                let mut content = vec![0; FILE_BYTES];
                let (fd, buffer) = (file.as_fd().as_raw_fd(), content.as_mut_ptr());
                let args = [fd as usize, buffer as usize, FILE_BYTES, 0, 0, 0];
                connection.state = State::Read { file, content };
                // SAFETY: file and content stay in the connection's state until the call has ended.
                unsafe { self.file_call(token, libc::SYS_read, args) }
            }
            State::Read { file, mut content } => {
                drop(file);
                content.truncate(value as usize);
                connection.state = State::Respond {
                    content,
                    written: 0,
                };
                self.respond(token)
            }
            State::Request | State::Respond { .. } => unreachable!("no file call in this state"),
        }
    }

    fn respond(&mut self, token: Token) -> io::Result<()> {
        let Connection { socket, state } = connection(&mut self.connections, token);
        let State::Respond { content, written } = state else {
            return Ok(());
        };
        while *written < content.len() {
            match unless_blocked(socket.write(&content[*written..]))? {
                Some(bytes) => *written += bytes,
                None => return Ok(()),
            }
        }
        self.served += 1;
        *state = State::Request;
        // It may have come meanwhile, and mio would not say so again.
        self.read_request(token)
    }
}

/// A connection with a file call cannot have gone: its socket is not read meanwhile.
fn connection(all: &mut HashMap<Token, Connection>, token: Token) -> &mut Connection {
    all.get_mut(&token).expect("a connection")
}

/// `None` if the socket was not ready.
fn unless_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Files named by their numbers, not in the page cache.
fn make_files(directory: &Path) -> io::Result<()> {
    for number in 0..FILES {
        let file = fs::File::create_new(directory.join(number.to_string()))?;
        (&file).write_all(&content(number))?;
        file.sync_all()?;
        // SAFETY: takes no memory.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    }
    Ok(())
}

fn content(number: usize) -> Vec<u8> {
    (0..FILE_BYTES)
        .map(|i| (i * (number + 1) % 251) as u8)
        .collect()
}

/// A client: fetches every file, in an order of its own.
fn fetch_all(server: SocketAddr, client: usize) -> io::Result<()> {
    let mut server = std::net::TcpStream::connect(server)?;
    let mut received = vec![0; FILE_BYTES];
    for file in 0..FILES {
        let number = (file + client * FILES / CLIENTS) % FILES;
        server.write_all(&[number as u8])?;
        server.read_exact(&mut received)?;
        if received != content(number) {
            return Err(io::Error::other("a file is not what it should be"));
        }
    }
    Ok(())
}
