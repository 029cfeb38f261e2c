//! The world of the real server: epoll, the listening socket, connections, counters.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use sim::server::event_loop::{Ready, Wake};
use sim::server::io::MAX_EVENTS;
use sim::server::script::{ConnId, Errno, Op, OpKind, Outcome};

use super::ServeConfig;
use super::connection::{Connection, FileCall};
use super::counters::{Shared, Slot};
use super::error::{Attempting, ServeError, check};

/// Length of the accept queue: Linux's default limit for it (`net.core.somaxconn`, since 5.4).
const BACKLOG: libc::c_int = 4096;

/// Epoll's names for what is not a connection; those are their numbers.
const LISTENER: u64 = u64::MAX;
const STOP: u64 = u64::MAX - 1;
/// Descriptors of an interface's own: this plus their number.
const OWN: u64 = 1 << 32;

/// The operating system as the event loop and the interfaces use it.
pub(crate) struct Os {
    epoll: OwnedFd,
    listener: TcpListener,
    /// Readable once the server has been told to stop.
    stop: OwnedFd,
    root: File,
    /// By number.
    #[expect(clippy::vec_box, reason = "operations in the background write to them")]
    conns: Vec<Box<Connection>>,
    free: Vec<ConnId>,
    chunk_bytes: u32,
    counters: Shared,
    events: Vec<libc::epoll_event>,
    /// Events of the interface's own descriptors, not handled yet.
    pub(crate) own_events: VecDeque<u32>,
    /// Why the server cannot go on.
    error: Option<ServeError>,
}

impl Os {
    /// Listens on a port of the loopback interface.
    ///
    /// # Errors
    /// If it cannot: the port is in use, say.
    pub(crate) fn new(
        config: &ServeConfig,
        root: File,
        stop: OwnedFd,
        counters: Shared,
    ) -> Result<Self, ServeError> {
        let listener = listen(config).attempting("listen on the port")?;
        // SAFETY: makes a new descriptor.
        let epoll = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
            .attempting("make an epoll instance")?;
        let os = Self {
            // SAFETY: new, and nobody else's.
            epoll: unsafe { OwnedFd::from_raw_fd(epoll) },
            listener,
            stop,
            root,
            conns: Vec::new(),
            free: Vec::new(),
            chunk_bytes: config.chunk_bytes,
            counters,
            events: vec![libc::epoll_event { events: 0, u64: 0 }; MAX_EVENTS],
            own_events: VecDeque::new(),
            error: None,
        };
        os.register(os.listener.as_raw_fd(), LISTENER, libc::EPOLLIN)?;
        os.register(os.stop.as_raw_fd(), STOP, libc::EPOLLIN)?;
        Ok(os)
    }

    /// The port that it listens on.
    ///
    /// # Errors
    /// None is expected.
    pub(crate) fn port(&self) -> Result<u16, ServeError> {
        let address = self.listener.local_addr();
        Ok(address.attempting("read the port's number")?.port())
    }

    /// Watches a descriptor of the interface's own; `number` will be among
    /// [`own_events`](Self::own_events) whenever it is readable.
    pub(crate) fn watch(&self, fd: BorrowedFd<'_>, number: u32) -> Result<(), ServeError> {
        self.register(fd.as_raw_fd(), OWN + u64::from(number), libc::EPOLLIN)
    }

    fn register(&self, fd: RawFd, name: u64, events: libc::c_int) -> Result<(), ServeError> {
        let mut event = libc::epoll_event {
            events: events as u32,
            u64: name,
        };
        let epoll = self.epoll.as_raw_fd();
        // SAFETY: a valid event.
        let added = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        check(added).attempting("register with epoll").map(drop)
    }

    /// The epoll instance, and room for its events.
    pub(crate) fn epoll(&mut self) -> (BorrowedFd<'_>, &mut [libc::epoll_event]) {
        (self.epoll.as_fd(), &mut self.events)
    }

    /// Waits for events, for as long as it takes.
    pub(crate) fn wait(&mut self) -> io::Result<usize> {
        let (epoll, events) = (self.epoll.as_raw_fd(), &mut self.events);
        // SAFETY: room for so many events.
        let found = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), MAX_EVENTS as i32, -1) };
        match check(found) {
            Ok(found) => Ok(found as usize),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Sorts out the events that a wait has found. `false`: the server is to stop.
    pub(crate) fn take_events(&mut self, found: io::Result<usize>, ready: &mut Ready) -> bool {
        let found = match found.attempting("wait for events") {
            Ok(found) => found,
            Err(error) => {
                self.error = Some(error);
                0
            }
        };
        let mut goes_on = self.error.is_none();
        for event in &self.events[..found] {
            let (name, flags) = (event.u64, event.events);
            match name {
                LISTENER => ready.accept = true,
                STOP => goes_on = false,
                OWN.. => self.own_events.push_back((name - OWN) as u32),
                _ => {
                    if self.conns[name as usize].on_event(flags) {
                        ready.conns.push_back((ConnId(name as u32), Wake::Retry));
                    }
                }
            }
        }
        goes_on
    }

    /// The server cannot go on: the loop ends when it next collects.
    pub(crate) fn give_up(&mut self, error: ServeError) {
        self.error = Some(error);
    }

    /// Why the server could not go on, if so.
    pub(crate) fn take_error(&mut self) -> Option<ServeError> {
        self.error.take()
    }

    /// Accepts one connection and registers it, once and for all, for edges.
    pub(crate) fn accept(&mut self) -> Option<ConnId> {
        let counts = self.counters.event_loop().op(OpKind::Accept);
        counts.issued.add(1);
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        let listener = self.listener.as_raw_fd();
        // SAFETY: the peer's address is not asked for.
        let socket =
            check(unsafe { libc::accept4(listener, ptr::null_mut(), ptr::null_mut(), flags) });
        let socket = match socket {
            // SAFETY: new, and nobody else's.
            Ok(socket) => unsafe { OwnedFd::from_raw_fd(socket) },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                counts.would_block.add(1);
                return None;
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => return None,
            Err(source) => {
                let action = "accept a connection (see `ulimit -n`)";
                self.give_up(ServeError::System { action, source });
                return None;
            }
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.conns.push(Connection::new(self.chunk_bytes));
            ConnId(self.conns.len() as u32 - 1)
        });
        let events = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        if let Err(error) = self.register(socket.as_raw_fd(), id.0.into(), events) {
            self.give_up(error);
        }
        self.conn(id).open(socket);
        Some(id)
    }

    /// A connection.
    pub(crate) fn conn(&mut self, id: ConnId) -> &mut Connection {
        &mut self.conns[id.0 as usize]
    }

    /// The connection is accepted, or its response is sent. `true` if the next request is there
    /// already.
    pub(crate) fn next_request(&mut self, id: ConnId) -> bool {
        let is_answered = self.conn(id).has_request();
        self.counts().requests.add(is_answered.into());
        self.conn(id).await_request()
    }

    /// Releases what a connection holds; its number is used again.
    pub(crate) fn hang_up(&mut self, id: ConnId) {
        self.conn(id).close();
        self.free.push(id);
    }

    /// The event loop's counts.
    pub(crate) fn counts(&self) -> &Slot {
        self.counters.event_loop()
    }

    /// The folder that is served.
    pub(crate) fn root(&self) -> RawFd {
        self.root.as_raw_fd()
    }

    /// The system call that is the file operation `op`.
    pub(crate) fn file_call(&mut self, id: ConnId, op: Op) -> FileCall {
        let root = self.root();
        self.conn(id).file_call(root, op)
    }

    /// What the call of `op` came to.
    pub(crate) fn file_outcome(&mut self, id: ConnId, op: Op, result: io::Result<i64>) -> Outcome {
        let outcome = self.conn(id).file_outcome(op, result);
        match (op, outcome) {
            // It is answered 404.
            (Op::Open { .. }, Outcome::Failed(Errno::NotFound)) => outcome,
            _ => self.counted(outcome),
        }
    }

    /// Counts a failure, which ends its connection, as such.
    pub(crate) fn counted(&self, outcome: Outcome) -> Outcome {
        self.counts()
            .failures
            .add(u64::from(matches!(outcome, Outcome::Failed(_))));
        outcome
    }
}

fn listen(config: &ServeConfig) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port))?;
    listener.set_nonblocking(true)?;
    let fd = listener.as_raw_fd();
    // Linux hands both options on to accepted sockets.
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    if let Some(bytes) = config.send_buffer_bytes {
        set_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, bytes as libc::c_int)?;
    }
    // Once more, for a longer queue than the library's.
    // SAFETY: takes no memory.
    check(unsafe { libc::listen(fd, BACKLOG) })?;
    Ok(listener)
}

fn set_option(fd: RawFd, level: i32, name: i32, value: libc::c_int) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value is valid for its length.
    check(unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), length) }).map(drop)
}
