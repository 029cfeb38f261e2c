//! The load generator: closed clients that play exactly the simulator's plan against a real server.
//!
//! Who plays which sequence, and when a client does what, is the simulator's own code
//! ([`Plan`], [`Clients`]). All clients start at once; a connection serves one sequence; a client
//! reads the whole response, which must be the one that the trace says, before it sends the next
//! request. One thread, epoll, level-triggered: one receive per event, as in the simulator.
//!
//! A closed loop does not see what an open one would: a server that stops holds up the requests
//! that would have measured it.

mod error;
mod exchange;
mod result;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sim::engine::Nanos;
use sim::engine::random::stream;
use sim::server::script::ConnId;
use sim::workload::clients::{Clients, Plan, ThenDoes, Turns};
use sim::workload::source::Source;
use sim::workload::trace::TraceReader;

use crate::emulate::realtime::pin_to;
use error::Attempting;
pub use error::LoadError;
use exchange::Exchange;
pub use result::LoadResult;

/// After so long without a response the play is given up. Ours: a slow disk with a long queue
/// answers within seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Events taken by one `epoll_wait`. Ours, the server's number.
const MAX_EVENTS: usize = 64;
/// What one receive can read: four times the default chunk. Ours.
const BUFFER_BYTES: usize = 256 << 10;

/// What is played against whom.
#[derive(Clone, Debug)]
pub struct LoadConfig {
    /// The server.
    pub address: SocketAddr,
    /// The trace.
    pub trace: PathBuf,
    /// The longest gap within a sequence.
    pub gap: Nanos,
    /// Play only the first sequences, up to the one that brings this many requests.
    pub requests: Option<u64>,
    /// Number of clients.
    pub clients: u32,
    /// Seed of the assignment of sequences to clients.
    pub seed: u64,
    /// The replication: another one is another assignment.
    pub replication: u32,
    /// The CPU to be pinned to.
    pub cpu: usize,
}

/// Plays a load to its end, pinned to a CPU.
///
/// # Errors
/// If anything is not as it should be: the trace, the server's answers, or their coming at all.
pub fn run(config: &LoadConfig) -> Result<LoadResult, LoadError> {
    if config.clients == 0 {
        return Err(LoadError::NoClients);
    }
    let reader = TraceReader::open(&config.trace)?;
    let sizes_bytes = reader.objects().to_vec();
    let sequences = reader.sequences(config.gap)?;
    let (played, _) = sequences.bringing(config.requests);
    let source = Source::Trace(sequences, Nanos::ZERO);
    let mut rng = stream(config.seed, "assignment", config.replication.into(), 0);
    let plan = Plan::deal(played, config.clients, &mut rng);
    pin_to(config.cpu).attempting("pin the load generator to its CPU")?;
    let clients = Clients::new(&source, Turns::Dealt(&plan), config.replication);
    Generator::new(config.address, clients, &sizes_bytes, config.clients)?.play()
}

struct Generator<'a> {
    address: SocketAddr,
    clients: Clients<'a>,
    sizes_bytes: &'a [u64],
    /// By client.
    exchanges: Vec<Option<Exchange>>,
    epoll: OwnedFd,
    buffer: Vec<u8>,
    start: Instant,
    last_response: Nanos,
    responses: Vec<Nanos>,
    bytes: u64,
}

impl<'a> Generator<'a> {
    fn new(
        address: SocketAddr,
        clients: Clients<'a>,
        sizes_bytes: &'a [u64],
        count: u32,
    ) -> Result<Self, LoadError> {
        // SAFETY: makes a new descriptor.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return Err(io::Error::last_os_error()).attempting("make an epoll instance");
        }
        Ok(Self {
            address,
            clients,
            sizes_bytes,
            exchanges: (0..count).map(|_| None).collect(),
            // SAFETY: new, and nobody else's.
            epoll: unsafe { OwnedFd::from_raw_fd(epoll) },
            buffer: vec![0; BUFFER_BYTES],
            start: Instant::now(),
            last_response: Nanos::ZERO,
            responses: Vec::new(),
            bytes: 0,
        })
    }

    fn play(mut self) -> Result<LoadResult, LoadError> {
        let cpu = cpu_time();
        self.start = Instant::now();
        for client in 0..self.exchanges.len() as u32 {
            self.begin_sequence(client)?;
        }
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; MAX_EVENTS];
        while !self.clients.are_done() {
            let found = self.wait(&mut events)?;
            for event in &events[..found] {
                self.receive(event.u64 as u32)?;
            }
        }
        Ok(LoadResult {
            elapsed: self.last_response,
            responses: self.responses,
            bytes: self.bytes,
            cpu: cpu_time() - cpu,
        })
    }

    fn wait(&self, events: &mut [libc::epoll_event]) -> Result<usize, LoadError> {
        let (epoll, timeout) = (self.epoll.as_raw_fd(), PATIENCE.as_millis() as i32);
        // SAFETY: room for so many events.
        let found =
            unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), events.len() as i32, timeout) };
        match found {
            0 => Err(LoadError::Silence {
                seconds: PATIENCE.as_secs(),
                answered: self.responses.len(),
            }),
            1.. => Ok(found as usize),
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                error => Err(error).attempting("wait for responses"),
            },
        }
    }

    fn now(&self) -> Nanos {
        Nanos(self.start.elapsed().as_nanos() as u64)
    }

    /// Connects for the client's next sequence, if it has one left, and sends its first request.
    fn begin_sequence(&mut self, client: u32) -> Result<(), LoadError> {
        self.exchanges[client as usize] = None;
        if !self.clients.begin_sequence(client) {
            return Ok(());
        }
        let exchange = Exchange::connect(self.address, PATIENCE)?;
        self.clients.connected(client, ConnId(client));
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: client.into(),
        };
        let (epoll, fd) = (self.epoll.as_raw_fd(), exchange.fd());
        // SAFETY: a valid event.
        if unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) } < 0 {
            return Err(io::Error::last_os_error()).attempting("register with epoll");
        }
        self.send_request(client, exchange)
    }

    fn send_request(&mut self, client: u32, mut exchange: Exchange) -> Result<(), LoadError> {
        let request = self.clients.next_request(client);
        let size_bytes = self.sizes_bytes[request.object as usize];
        let sent_at = self.now();
        let awaited = exchange.send(request, size_bytes)?;
        self.clients.send(client, sent_at, awaited);
        self.exchanges[client as usize] = Some(exchange);
        Ok(())
    }

    fn receive(&mut self, client: u32) -> Result<(), LoadError> {
        let Some(mut exchange) = self.exchanges[client as usize].take() else {
            return Ok(());
        };
        let got = exchange.receive(&mut self.buffer)?;
        self.bytes += got;
        let now = self.now();
        match self.clients.receive(client, got, now) {
            ThenDoes::Waits => self.exchanges[client as usize] = Some(exchange),
            ThenDoes::Requests(time) => {
                self.record(time, now);
                self.send_request(client, exchange)?;
            }
            ThenDoes::HangsUp(time) => {
                self.record(time, now);
                drop(exchange);
                self.begin_sequence(client)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, response_time: Nanos, now: Nanos) {
        self.responses.push(response_time);
        self.last_response = now;
    }
}

/// CPU time of the calling thread.
fn cpu_time() -> Nanos {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec to write to.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}
