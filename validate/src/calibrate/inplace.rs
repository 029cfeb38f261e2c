//! Whole requests in place: a real server and the real load generator on fixed
//! objects held in memory, at two loads: many clients, and requests with pauses between them. What
//! the calls measured one by one do not account for is the server's own computation; what a request
//! after a pause costs more is the price of a CPU that was idle, and the time that it takes more
//! that of waking idle CPUs.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sim::engine::Nanos;
use sim::scenario::Server;
use sim::server::script::{HEADER_BYTES, Request};
use sim::workload::trace::{Metadata, Record, TraceWriter};

use super::timing::{Rounds, clock};
use super::{CalibrateError, Effort};
use crate::emulate::host::ProcessMeter;
use crate::emulate::image::path_of;
use crate::emulate::realtime::pin_to;
use crate::process::{CLIENT_CPU, Load, SERVER_CPU, ServerProcess};
use crate::serve::http::format_request;

/// Objects, all of one size.
const OBJECTS: u32 = 256;
/// Requests of a round with many clients.
const REQUESTS: u32 = 8_000;
/// Clients of the busy load. Ours.
const BUSY: u32 = 16;
/// Requests of a round with pauses, and the pause: about that between two requests of a server
/// that waits for a disk. Ours.
const PACED_REQUESTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(2);
/// Requests per connection: the connection's own cost is spread thin and subtracted.
pub(super) const PER_CONNECTION: u32 = 50;
/// Size of the objects in pages.
pub(super) const PAGES: u64 = 1;

/// CPU nanoseconds per request.
#[derive(Clone)]
pub(super) struct PerRequest {
    pub(super) server: Rounds,
    pub(super) client: Rounds,
}

/// Requests after pauses.
pub(super) struct Paced {
    /// CPU nanoseconds of the server per request.
    pub(super) server: Rounds,
    /// Median response time in nanoseconds.
    pub(super) response: Rounds,
}

/// What was measured.
pub(super) struct InPlace {
    /// Many clients.
    pub(super) busy: PerRequest,
    /// Requests after pauses.
    pub(super) paced: Paced,
}

/// Measures `nb-b`.
pub(super) fn measure(effort: Effort) -> Result<InPlace, CalibrateError> {
    let failed = |source| CalibrateError::Call {
        what: "servers in place",
        source,
    };
    let folder = tempfile::tempdir().map_err(failed)?;
    let rounds = effort.rounds.min(9);
    let grid = Grid::create(folder.path(), PAGES).map_err(failed)?;
    Ok(InPlace {
        busy: grid.run(rounds, BUSY)?,
        paced: grid.paced(rounds)?,
    })
}

struct Grid {
    root: PathBuf,
    trace: PathBuf,
}

impl Grid {
    fn create(folder: &Path, pages: u64) -> io::Result<Self> {
        let root = folder.join("files");
        for object in 0..OBJECTS {
            let path = root.join(path_of(object));
            fs::create_dir_all(path.parent().unwrap_or(&root))?;
            fs::write(&path, vec![1_u8; (pages * 4096) as usize])?;
        }
        let grid = Self {
            trace: root.join("trace"),
            root,
        };
        write_trace(&grid.trace, pages, REQUESTS)?;
        Ok(grid)
    }

    fn run(&self, rounds: usize, clients: u32) -> Result<PerRequest, CalibrateError> {
        let said = |error: &dyn std::fmt::Display| CalibrateError::Server(error.to_string());
        let server =
            ServerProcess::start(&self.root, Server::NbB, 1, None).map_err(|e| said(&e))?;
        let pid = server.pids().map_err(|e| said(&e))?[0];
        let load = Load {
            trace: self.trace.clone(),
            clients,
            gap: "15 s".to_owned(),
            requests: None,
            seed: 1,
            replication: 0,
        };
        let (mut of_server, mut of_client) = (vec![], vec![]);
        for _ in 0..=rounds {
            let before = ProcessMeter::snapshot(pid)?;
            let result = load.play(&server).map_err(|e| said(&e))?;
            let used = ProcessMeter::snapshot(pid)?.since(before);
            let requests = result.responses.len() as f64;
            of_server.push(used.cpu.0 as f64 / requests);
            of_client.push(result.cpu.0 as f64 / requests);
        }
        let series = |values: Vec<f64>| {
            let mut values = values.into_iter().skip(1);
            Rounds::of(rounds, || values.next().unwrap_or_default())
        };
        Ok(PerRequest {
            server: series(of_server),
            client: series(of_client),
        })
    }
}

impl Grid {
    /// Requests with pauses, one at a time, from the load generator's CPU.
    fn paced(&self, rounds: usize) -> Result<Paced, CalibrateError> {
        let said = |error: &dyn std::fmt::Display| CalibrateError::Server(error.to_string());
        let server =
            ServerProcess::start(&self.root, Server::NbB, 1, None).map_err(|e| said(&e))?;
        let pid = server.pids().map_err(|e| said(&e))?[0];
        let (mut cpu, mut response) = (vec![], vec![]);
        for _ in 0..=rounds {
            let before = ProcessMeter::snapshot(pid)?;
            response.push(paced_requests(&server).map_err(|e| said(&e))?);
            let used = ProcessMeter::snapshot(pid)?.since(before);
            cpu.push(used.cpu.0 as f64 / f64::from(PACED_REQUESTS));
        }
        let series = |values: Vec<f64>| {
            let mut values = values.into_iter().skip(1);
            Rounds::of(rounds, || values.next().unwrap_or_default())
        };
        Ok(Paced {
            server: series(cpu),
            response: series(response),
        })
    }
}

/// Makes [`PACED_REQUESTS`] requests; the median response time in nanoseconds.
fn paced_requests(server: &ServerProcess) -> io::Result<f64> {
    pin_to(CLIENT_CPU)?;
    let mut connection = TcpStream::connect(server.address())?;
    connection.set_nodelay(true)?;
    let mut answer = vec![0_u8; HEADER_BYTES as usize + (PAGES * 4096) as usize];
    let mut times = Vec::new();
    for request in 0..PACED_REQUESTS {
        let request = Request {
            object: request * 97 % OBJECTS,
            not_modified: false,
        };
        std::thread::sleep(PAUSE);
        let start = clock();
        connection.write_all(&format_request(request))?;
        connection.read_exact(&mut answer)?;
        times.push((clock() - start) as f64);
    }
    pin_to(SERVER_CPU)?;
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// A trace in which every client makes [`PER_CONNECTION`] requests.
fn write_trace(path: &Path, pages: u64, requests: u32) -> io::Result<()> {
    let clients = requests / PER_CONNECTION;
    let metadata = Metadata {
        title: "calibration".to_owned(),
        source: "generated".to_owned(),
        notice: String::new(),
        tick_ns: 1_000_000_000,
        objects: OBJECTS,
        clients,
        requests: requests.into(),
    };
    let sizes = vec![pages * 4096; OBJECTS as usize];
    let mut writer = TraceWriter::new(Vec::new(), metadata, &sizes).map_err(io::Error::other)?;
    for request in 0..requests {
        let record = Record {
            time: Nanos(u64::from(request / clients) * 1_000_000_000),
            client: request % clients,
            // 97 is prime to 256: every object comes round.
            object: request * 97 % OBJECTS,
            not_modified: false,
        };
        writer.write(record).map_err(io::Error::other)?;
    }
    let bytes = writer.finish().map_err(io::Error::other)?;
    fs::File::create(path)?.write_all(&bytes)
}
