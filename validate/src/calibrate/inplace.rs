//! Whole requests in place, on fixed objects held in memory: a real server that always has
//! requests, one that sleeps before each, and the real load generator. What the calls measured one
//! by one do not account for is the server's own computation; what a request after a pause costs
//! more is the price of a CPU that was idle. Each round measures all of it, so that a machine that
//! changes its pace changes all.

use std::cell::Cell;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sim::engine::Nanos;
use sim::machine::profile::CallCosts;
use sim::scenario::keys::ServerKeys;
use sim::workload::trace::{Metadata, Record, TraceWriter};

use super::child::measure_in_child;
use super::idle::{AfterPause, BURST, Pauses};
use super::paths::{Beyond, Connects};
use super::spinning::{Connection, Next, keep_busy, spin};
use super::timing::{Rounds, cpu_clock_of};
use super::{CalibrateError, Effort};
use crate::emulate::host::{CpuUse, ProcessMeter};
use crate::emulate::image::path_of;
use crate::emulate::realtime::pin_to;
use crate::load::{self, LoadConfig};
use crate::process::{CLIENT_CPU, SERVER_CPU, ServerProcess};
use crate::serve::NB_B;

/// Objects, all of one size: so many that what a request touches has long left a CPU's own caches
/// when it is asked for again. Ours.
pub(super) const OBJECTS: u32 = 2048;
/// Requests of a round of the busy load.
const REQUESTS: u32 = 8_000;
/// Connections of the busy load. Ours.
pub(super) const BUSY: u32 = 16;
/// Time in which the server goes to sleep: its CPU time is exact only then. Ours.
pub(super) const SETTLE_NS: u64 = 200_000;
/// Requests per connection: the connection's own cost is spread thin and subtracted.
pub(super) const PER_CONNECTION: u32 = 50;
/// Size of the objects in pages.
pub(super) const PAGES: u64 = 1;

/// What the load generator used per request, and how often either side slept.
pub(super) struct Generator {
    /// CPU nanoseconds.
    pub(super) cpu: Rounds,
    pub(super) sleeps: Rounds,
    pub(super) server_sleeps: Rounds,
}

/// What was measured.
pub(super) struct InPlace {
    /// CPU nanoseconds of the server per request, when it always has one.
    pub(super) busy: Rounds,
    /// The same if each request comes on a connection of its own.
    pub(super) on_new_connections: Rounds,
    /// Requests after each of the pauses.
    pub(super) after_pauses: Vec<AfterPause>,
    /// A connection beyond a request, after each of the pauses.
    pub(super) connects: Beyond,
    /// The load generator with as many clients.
    pub(super) generator: Generator,
}

impl InPlace {
    /// A connection beyond a request: accepted, registered, found closed, closed.
    pub(super) fn connection(&self) -> Rounds {
        let on_new = &self.on_new_connections;
        on_new.with(&self.busy, |on_new, kept| on_new - kept)
    }

    /// What a request takes more on each connection after the pause of that index: what each but
    /// the first of a burst does.
    pub(super) fn cold(&self, index: usize) -> Rounds {
        let AfterPause { server, burst, .. } = &self.after_pauses[index];
        let further = f64::from(BURST - 1);
        burst
            .with(server, |burst, first| (burst - first) / further)
            .with(&self.busy, |each, busy| each - busy)
    }

    /// What the first request after the pause of that index takes beyond that.
    pub(super) fn restart(&self, index: usize) -> Rounds {
        let cold = self.cold(index).mean().max(0.0);
        let paced = &self.after_pauses[index].server;
        paced.with(&self.busy, |paced, busy| paced - busy - cold)
    }
}

/// Measures `nb-b` and the load generator.
pub(super) fn measure(effort: Effort) -> Result<InPlace, CalibrateError> {
    let failed = |source| CalibrateError::Call {
        what: "servers in place",
        source,
    };
    let folder = tempfile::tempdir().map_err(failed)?;
    let grid = Grid::create(folder.path(), PAGES).map_err(failed)?;
    let server = ServerProcess::start(&grid.root, NB_B, &ServerKeys::default(), None)
        .map_err(server_failed)?;
    let pid = server.pids().map_err(server_failed)?[0];
    let (mut busy, mut on_new_connections, mut generator) = (vec![], vec![], vec![]);
    let mut pauses = Pauses::default();
    let mut connects = Connects::default();
    for _ in 0..=effort.rounds.min(15) {
        pin_to(CLIENT_CPU).map_err(failed)?;
        for (next, figures) in [
            (Next::Kept, &mut busy),
            (Next::New, &mut on_new_connections),
        ] {
            let load = || keep_busy(server.address(), BUSY, REQUESTS, next);
            let (used, requests) = used_by(pid, load)?;
            figures.push(used.cpu.0 as f64 / f64::from(requests.map_err(failed)?));
        }
        pauses.round(&server, pid).map_err(failed)?;
        connects_round(&mut connects, &server, pid).map_err(failed)?;
        pin_to(SERVER_CPU).map_err(failed)?;
        generator.extend(grid.generator_round(&server, pid)?);
    }
    let [cpu, sleeps, server_sleeps] = Rounds::columns::<3>(&generator[3..]);
    Ok(InPlace {
        busy: Rounds::after_the_first(busy),
        on_new_connections: Rounds::after_the_first(on_new_connections),
        after_pauses: pauses.figures(),
        connects: connects.figures(),
        generator: Generator {
            cpu,
            sleeps,
            server_sleeps,
        },
    })
}

fn connects_round(connects: &mut Connects, server: &ServerProcess, pid: u32) -> io::Result<()> {
    let open = |first| Connection::open(server.address(), first);
    let clock = cpu_clock_of(pid)?;
    let next = Cell::new(0);
    let open_next = || open(next.replace((next.get() + 1) % OBJECTS));
    connects.round(
        open_next,
        &mut [open(0)?, open(OBJECTS / 2)?],
        clock,
        SETTLE_NS,
    )
}

/// What the calls of one request of the busy load cost, without the server's own computation.
pub(super) fn known_calls(call: &CallCosts) -> Nanos {
    let metered = 4;
    let file = call.open + call.fstat + call.read + call.read_page * PAGES + call.close;
    // A response of a page and a header is two pages of the formula; the loop that always has
    // requests finds those of all connections at once.
    let socket = call.recv + call.send + call.send_page * (PAGES + 1) + call.epoll_event;
    let epoll_wait = Nanos(call.epoll_wait.0 / u64::from(BUSY));
    file + call.meter * metered + socket + epoll_wait
}

/// What process `pid`, asleep before and after, used while `action` ran.
fn used_by<T>(pid: u32, action: impl FnOnce() -> T) -> Result<(CpuUse, T), CalibrateError> {
    spin(SETTLE_NS);
    let before = ProcessMeter::snapshot(pid)?;
    let result = action();
    spin(SETTLE_NS);
    Ok((ProcessMeter::snapshot(pid)?.since(before), result))
}

pub(super) fn server_failed(error: impl std::fmt::Display) -> CalibrateError {
    CalibrateError::Server(error.to_string())
}

/// The objects, as files, and a trace that asks for them.
pub(super) struct Grid {
    pub(super) root: PathBuf,
    trace: PathBuf,
}

impl Grid {
    pub(super) fn create(folder: &Path, pages: u64) -> io::Result<Self> {
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

    /// The load generator's CPU, sleeps and server's sleeps per request, in a process of its own.
    fn generator_round(
        &self,
        server: &ServerProcess,
        pid: u32,
    ) -> Result<[f64; 3], CalibrateError> {
        let config = LoadConfig {
            address: server.address(),
            trace: self.trace.clone(),
            gap: Nanos::from_millis(15_000),
            requests: None,
            clients: BUSY,
            seed: 1,
            replication: 0,
            cpu: CLIENT_CPU,
        };
        let (used, figures) = used_by(pid, || {
            measure_in_child("the load generator", None, || {
                let result = load::run(&config).map_err(io::Error::other)?;
                Ok(vec![result.cpu.0 as f64, own_sleeps() as f64])
            })
        })?;
        let figures = figures?;
        let each = |total: f64| total / f64::from(REQUESTS);
        Ok([
            each(figures[0]),
            each(figures[1]),
            each(used.voluntary_switches as f64),
        ])
    }
}

/// How often this process has slept.
fn own_sleeps() -> libc::c_long {
    // SAFETY: an all-zero rusage is a valid one, and lives through the call.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage.ru_nvcsw
    }
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
            // 97 is prime to 2048: every object comes round.
            object: request * 97 % OBJECTS,
            not_modified: false,
        };
        writer.write(record).map_err(io::Error::other)?;
    }
    let bytes = writer.finish().map_err(io::Error::other)?;
    fs::File::create(path)?.write_all(&bytes)
}
