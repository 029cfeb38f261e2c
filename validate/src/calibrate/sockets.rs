//! Socket calls that do not block, over loopback.
//!
//! Both ends belong to the measuring thread, so nobody sleeps at the other end and no wake-up is
//! in the figures. On loopback a send also does the receiver's protocol work.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use sim::server::script::{HEADER_BYTES, REQUEST_BYTES};

use super::timing::{Rounds, clock, mean_of};
use super::{CalibrateError, Effort};

/// Connections used in turn. Ours: half of what the validation scenarios have at most.
const CONNECTIONS: usize = 32;
const PAGE: usize = 4096;
/// Pages of the larger send. Ours: small enough to fit a fresh connection's receive window.
const PAGES: usize = 8;

/// What was measured, in nanoseconds.
pub(super) struct SocketCalls {
    pub(super) hang_up: Rounds,
    pub(super) recv: Rounds,
    pub(super) send: Rounds,
    pub(super) send_page: Rounds,
    pub(super) would_block: Rounds,
    pub(super) epoll_wait: Rounds,
    pub(super) epoll_event: Rounds,
    pub(super) client_request: Rounds,
    pub(super) client_response_page: Rounds,
    pub(super) client_connect: Rounds,
}

/// Measures on the CPU of the server.
pub(super) fn measure(effort: Effort) -> Result<SocketCalls, CalibrateError> {
    measured(effort).map_err(|source| CalibrateError::Call {
        what: "socket calls",
        source,
    })
}

/// One end of every connection.
type Ends = Vec<TcpStream>;

/// Time per call of each step of one round of requests and responses.
#[derive(Default)]
struct Exchange {
    request: Vec<f64>,
    recv: Vec<f64>,
    send: Vec<f64>,
    response: Vec<f64>,
}

fn measured(effort: Effort) -> io::Result<SocketCalls> {
    let rounds = effort.rounds;
    let repeats = (effort.batch as usize / CONNECTIONS).max(1);
    let (mut servers, mut clients) = (Ends::new(), Ends::new());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let connected = connect_all(&listener, &mut servers, &mut clients)?;
    drop(connected);
    let mut small = Exchange::default();
    let mut large = Exchange::default();
    for _ in 0..=rounds {
        small.round(&mut servers, &mut clients, HEADER_BYTES as usize, repeats)?;
        let bytes = HEADER_BYTES as usize + PAGES * PAGE;
        large.round(&mut servers, &mut clients, bytes, repeats.div_ceil(4))?;
    }
    let per_page = |small: &Rounds, large: &Rounds| {
        small.with(large, |small, large| (large - small) / PAGES as f64)
    };
    let small_send = series(&small.send);
    let send_page = per_page(&small_send, &series(&large.send));
    let small_response = series(&small.response);
    let response_page = per_page(&small_response, &series(&large.response));
    servers[0].set_nonblocking(true)?;
    let would_block = Rounds::of(rounds, || {
        let mut byte = [0_u8];
        mean_of(effort.batch, |_| {
            let result = servers[0].read(&mut byte);
            debug_assert!(result.is_err());
        })
    });
    let epoll_one = epoll(rounds, effort.batch, 1)?;
    let epoll_many = epoll(rounds, effort.batch, CONNECTIONS)?;
    let epoll_event = epoll_one.with(&epoll_many, |one, many| {
        (many - one) / (CONNECTIONS - 1) as f64
    });
    let (hang_up, connect) = lifecycles(rounds)?;
    // A small send or response is a header: one page of the formula.
    Ok(SocketCalls {
        hang_up,
        recv: series(&small.recv),
        send: small_send.with(&send_page, |call, page| call - page),
        send_page,
        would_block,
        epoll_wait: epoll_one.with(&epoll_event, |one, event| one - event),
        epoll_event,
        client_request: series(&small.request),
        client_response_page: response_page,
        client_connect: connect,
    })
}

/// All rounds but the first, which warms.
fn series(values: &[f64]) -> Rounds {
    let mut rest = values[1..].iter().copied();
    Rounds::of(values.len() - 1, || rest.next().unwrap_or_default())
}

impl Exchange {
    /// Requests on all connections, then responses of `bytes`, `repeats` times.
    fn round(
        &mut self,
        servers: &mut Ends,
        clients: &mut Ends,
        bytes: usize,
        repeats: usize,
    ) -> io::Result<()> {
        let request = [b'x'; REQUEST_BYTES as usize];
        let response = vec![b'x'; bytes];
        let mut buffer = vec![0_u8; bytes];
        let mut total = [0.0; 4];
        for _ in 0..repeats {
            total[0] += step(clients, |end| end.write_all(&request))?;
            total[1] += step(servers, |end| {
                end.read(&mut buffer[..bytes.min(4096)]).map(drop)
            })?;
            total[2] += step(servers, |end| end.write_all(&response))?;
            total[3] += step(clients, |end| end.read_exact(&mut buffer))?;
        }
        let mean = total.map(|time| time / repeats as f64);
        self.request.push(mean[0]);
        self.recv.push(mean[1]);
        self.send.push(mean[2]);
        self.response.push(mean[3]);
        Ok(())
    }
}

/// Mean time of `action` over all ends.
fn step(
    ends: &mut Ends,
    mut action: impl FnMut(&mut TcpStream) -> io::Result<()>,
) -> io::Result<f64> {
    let start = clock();
    for end in ends.iter_mut() {
        action(end)?;
    }
    Ok((clock() - start) as f64 / ends.len() as f64)
}

struct Connected {
    connect: f64,
    epoll: OwnedFd,
}

fn connect_all(
    listener: &TcpListener,
    servers: &mut Ends,
    clients: &mut Ends,
) -> io::Result<Connected> {
    let address = listener.local_addr()?;
    let epoll = new_epoll()?;
    let start = clock();
    for _ in 0..CONNECTIONS {
        clients.push(TcpStream::connect(address)?);
    }
    let connected = clock();
    for _ in 0..CONNECTIONS {
        // As the servers do: accept, no delay, registration.
        let (end, _) = listener.accept()?;
        end.set_nodelay(true)?;
        register(
            &epoll,
            end.as_raw_fd(),
            libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLET,
        )?;
        servers.push(end);
    }
    for client in clients.iter() {
        client.set_nodelay(true)?;
    }
    Ok(Connected {
        connect: (connected - start) as f64 / CONNECTIONS as f64,
        epoll,
    })
}

/// The server's close; the client's connect and close.
fn lifecycles(rounds: usize) -> io::Result<(Rounds, Rounds)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (mut hang_ups, mut connects) = (vec![], vec![]);
    for _ in 0..=rounds {
        let (mut servers, mut clients) = (Ends::new(), Ends::new());
        let connected = connect_all(&listener, &mut servers, &mut clients)?;
        let start = clock();
        drop(clients);
        let clients_closed = clock();
        drop(servers);
        let servers_closed = clock();
        let each = |from: u64, to: u64| (to - from) as f64 / CONNECTIONS as f64;
        connects.push(connected.connect + each(start, clients_closed));
        hang_ups.push(each(clients_closed, servers_closed));
        drop(connected.epoll);
    }
    Ok((series(&hang_ups), series(&connects)))
}

pub(super) fn new_epoll() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor just made, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(super) fn register(epoll: &OwnedFd, fd: i32, events: i32) -> io::Result<()> {
    let mut event = libc::epoll_event {
        events: events as u32,
        u64: fd as u64,
    };
    // SAFETY: `event` lives through the call.
    let result =
        unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Sleeps until there is an event.
pub(super) fn wait(epoll: &OwnedFd) -> io::Result<()> {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: room for one event.
    let result = unsafe { libc::epoll_wait(epoll.as_raw_fd(), &raw mut event, 1, -1) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// `epoll_wait` that returns `events` events.
fn epoll(rounds: usize, batch: u64, events: usize) -> io::Result<Rounds> {
    let epoll = new_epoll()?;
    let mut ready = Vec::new();
    for _ in 0..events {
        // SAFETY: no pointers; the descriptor is owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(libc::eventfd(1, libc::EFD_CLOEXEC)) };
        register(&epoll, fd.as_raw_fd(), libc::EPOLLIN)?;
        ready.push(fd);
    }
    let mut found = vec![libc::epoll_event { events: 0, u64: 0 }; events];
    Ok(Rounds::of(rounds, || {
        mean_of(batch, |_| {
            // SAFETY: `found` has room for `events` events.
            unsafe {
                libc::epoll_wait(epoll.as_raw_fd(), found.as_mut_ptr(), events as i32, 0);
            }
        })
    }))
}
