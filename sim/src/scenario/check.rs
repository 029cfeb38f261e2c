//! What a scenario's keys must be like, beyond their types: each alone, and together with the
//! profiles and the workload that they name.

use std::ops::RangeInclusive;

use super::keys::{AioKind, Start};
use super::load::{Point, Workload};
use super::workload::Begin;
use super::{Scenario, Server, Structure};
use crate::engine::Nanos;
use crate::machine::PAGE_BYTES;
use crate::machine::disk::SECTOR_BYTES;
use crate::machine::files::least_span_blocks;
use crate::machine::volume::Volume;
use crate::server::script::{DataPath, HEADER_BYTES};

/// A wrong key, dotted, and what is wrong with it.
pub(super) type Wrong = (String, String);

/// The most clients, workers or replications: ours, far above any sensible number, so that a slip
/// of the finger is an error rather than a machine without memory.
const MANY: u64 = 1_000_000;

/// The shortest quantum: ours, longer than a context switch, or nothing else would ever happen.
const QUANTUM: Nanos = Nanos::from_micros(10);

/// The slowest link in bits per second: ours, so that the clock cannot overflow.
const LEAST_RATE: f64 = 1e3;

/// The longest quantum, round-trip time and computation: ours, so that the clock cannot overflow.
const MINUTE: Nanos = Nanos(60_000_000_000);

/// The longest steady run: ours, a day.
const DAY: Nanos = Nanos(86_400_000_000_000);

/// The most blocks of the files: ours; their numbers have 32 bits, and room for a stripe is left.
const MOST_BLOCKS: u64 = 1 << 31;

/// The largest chunk, send buffer, stripe and read-ahead: ours.
const GIB: u64 = 1 << 30;

fn wrong(key: &str, message: impl Into<String>) -> Wrong {
    (key.to_owned(), message.into())
}

/// Whether the keys alone make sense.
pub(super) fn keys(scenario: &Scenario) -> Result<(), Wrong> {
    limits(scenario)?;
    servers(scenario)?;
    network(scenario)?;
    let workload = scenario.workload.check();
    workload.map_err(|(key, message)| wrong(&format!("workload.{key}"), message))?;
    run_control(scenario)
}

fn limits(scenario: &Scenario) -> Result<(), Wrong> {
    let (machine, server, run) = (&scenario.machine, &scenario.server, &scenario.run);
    let many = 1..=MANY;
    let counts = [
        ("run.replications", run.replications, many.clone()),
        ("run.max_replications", run.max_replications, many.clone()),
        ("server.helpers", server.helpers, many.clone()),
        ("server.name_helpers", server.name_helpers, 0..=MANY),
        ("server.pool_threads", server.pool_threads, many.clone()),
        ("server.processes", server.processes, many.clone()),
        ("server.threads", server.threads, many.clone()),
        ("server.max_events", server.max_events, many.clone()),
        ("server.copies", server.copies, 1..=1024),
        (
            "server.aio_workers",
            server.aio_workers.unwrap_or(1),
            many.clone(),
        ),
        (
            "server.uring_workers",
            server.uring_workers.unwrap_or(1),
            many.clone(),
        ),
        (
            "server.carriers",
            server.carriers.unwrap_or(1),
            many.clone(),
        ),
        ("network.backlog", scenario.network.backlog, 0..=MANY),
        ("network.syn_retries", scenario.network.syn_retries, 0..=20),
        ("machine.disks", machine.disks, 1..=1024),
        ("machine.cpus", machine.cpus, 1..=1024),
    ];
    for (key, count, range) in counts {
        let words = format!("from {} to {}", range.start(), range.end());
        within(key, count.into(), range, &words)?;
    }
    let stripes = PAGE_BYTES..=GIB;
    let stripe = machine.stripe.map_or(PAGE_BYTES, |stripe| stripe.0);
    let patience = scenario.workload.patience.unwrap_or(MINUTE).0;
    let others = [
        ("server.chunk", server.chunk.0, 1..=GIB, "from 1 B to 1 GiB"),
        (
            "network.send_buffer",
            scenario.network.send_buffer.0,
            1..=GIB,
            "from 1 B to 1 GiB",
        ),
        (
            "network.rtt",
            scenario.network.rtt.unwrap_or_default().0,
            0..=MINUTE.0,
            "at most 1 min",
        ),
        (
            "machine.quantum",
            machine.quantum.0,
            QUANTUM.0..=MINUTE.0,
            "from 10 us to 1 min",
        ),
        (
            "machine.stripe",
            stripe,
            stripes,
            "from a page (4 KiB) to 1 GiB",
        ),
        (
            "cache.read_ahead",
            scenario.cache.read_ahead.0,
            0..=GIB,
            "at most 1 GiB",
        ),
        (
            "server.app_cpu",
            server.app_cpu.0,
            0..=MINUTE.0,
            "at most 1 min",
        ),
        (
            "workload.patience",
            patience,
            1_000_000..=DAY.0,
            "from 1 ms to a day",
        ),
    ];
    for (key, value, range, words) in others {
        within(key, value, range, words)?;
    }
    if !stripe.is_multiple_of(PAGE_BYTES) {
        return Err(wrong("machine.stripe", "must be a multiple of 4 KiB"));
    }
    Ok(())
}

fn within(key: &str, value: u64, range: RangeInclusive<u64>, words: &str) -> Result<(), Wrong> {
    match range.contains(&value) {
        true => Ok(()),
        false => Err(wrong(key, format!("must be {words}"))),
    }
}

fn servers(scenario: &Scenario) -> Result<(), Wrong> {
    if scenario.servers.is_empty() {
        let message = "names no server; for example [\"nb-b\", \"nb-laio\"]";
        return Err(wrong("servers", message));
    }
    for (index, server) in scenario.servers.iter().enumerate() {
        if scenario.servers[..index].contains(server) {
            let message = format!("names \"{server}\" twice; once is enough");
            return Err(wrong("servers", message));
        }
        data_path(*server, scenario.server.data_path)?;
    }
    Ok(())
}

/// Compared servers use the same data path; one that a server lacks is an error that says why.
fn data_path(server: Server, path: DataPath) -> Result<(), Wrong> {
    let why = match (server.structure, path) {
        (_, DataPath::ReadSend) => return Ok(()),
        (Structure::NbAio, _) => "asynchronous I/O reads into a buffer",
        (Structure::NbUring | Structure::NbUringHybrid, DataPath::Sendfile) => {
            "io_uring has no sendfile"
        }
        (Structure::NbUring | Structure::NbUringHybrid, DataPath::Mapped) => {
            "io_uring does not read for a mapping"
        }
        _ => return Ok(()),
    };
    Err(wrong(
        "server.data_path",
        format!(
            "{server} cannot use \"{}\": {why}; use \"read_send\", which every server can do",
            path.name()
        ),
    ))
}

fn network(scenario: &Scenario) -> Result<(), Wrong> {
    let network = &scenario.network;
    let rates = [
        ("network.client_link", network.client_link),
        ("network.server_link", network.server_link),
    ];
    for (key, rate) in rates {
        let rate = rate.and_then(|rate| rate.0);
        if rate.is_some_and(|bits| bits < LEAST_RATE) {
            return Err(wrong(key, "must be at least 1 kbit/s"));
        }
    }
    let of_links = [
        ("network.client_link", network.client_link.is_some()),
        ("network.server_link", network.server_link.is_some()),
        ("network.rtt", network.rtt.is_some()),
        ("network.slow_start", network.slow_start),
    ];
    for (key, given) in of_links {
        if given && network.loopback {
            let message = "means nothing on loopback: drop it, or network.loopback";
            return Err(wrong(key, message));
        }
    }
    Ok(())
}

/// Terminating and steady runs have different keys.
fn run_control(scenario: &Scenario) -> Result<(), Wrong> {
    let (run, workload) = (&scenario.run, &scenario.workload);
    let endless = workload.synthetic.is_some() && workload.requests.is_none();
    if run.precision.is_some() && run.max_replications < 10 {
        let message = "must be at least 10 for a precision to be judged";
        return Err(wrong("run.max_replications", message));
    }
    match run.duration {
        None if run.warm_up.is_some() => Err(wrong(
            "run.warm_up",
            "a terminating run is measured from its first request to its last response, and \
             nothing is left out of it; drop this, or give run.duration for a steady run",
        )),
        None if endless => Err(wrong(
            "workload.requests",
            "synthetic requests go on without end: say how many are played (a terminating run), \
             or for how long with run.duration (a steady one)",
        )),
        None => Ok(()),
        Some(time) if !(1_000_000..=DAY.0).contains(&time.0) => {
            Err(wrong("run.duration", "must be from 1 ms to a day"))
        }
        Some(_) if run.start == Start::Warm => Err(wrong(
            "run.start",
            "\"warm\" is for terminating runs; a steady one leaves out its own warm-up",
        )),
        Some(_) if !endless => Err(wrong(
            "run.duration",
            "is for requests without end; these have one (a trace, or workload.requests)",
        )),
        Some(_) => Ok(()),
    }
}

/// Whether the point fits its profiles.
pub(super) fn point(point: &Point) -> Result<(), Wrong> {
    let (scenario, profile) = (&point.scenario, &point.profile);
    for server in &scenario.servers {
        let missing = match server.structure {
            Structure::NbAio if profile.aio.is_none() => "[aio]",
            Structure::NbAio if profile.idle.aio.is_none() => "[idle.aio]",
            Structure::NbUring | Structure::NbUringHybrid if profile.uring.is_none() => "[uring]",
            Structure::NbUring | Structure::NbUringHybrid if profile.idle.uring.is_none() => {
                "[idle.uring]"
            }
            _ => continue,
        };
        let message = format!(
            "{server} needs the figures of {missing}, which the machine profile \"{}\" does not \
             have",
            scenario.machine.profile
        );
        return Err(wrong("servers", message));
    }
    memory(point)
}

/// The memory holds the processes of every server, and a few pages: with less, calls that need
/// several blocks at once would evict each other's for ever.
fn memory(point: &Point) -> Result<(), Wrong> {
    let scenario = &point.scenario;
    let taken_by = |server: &Server| taken_bytes(point, *server);
    let Some(server) = scenario.servers.iter().copied().max_by_key(taken_by) else {
        return Ok(());
    };
    let taken = taken_bytes(point, server);
    let least = taken + 64 * PAGE_BYTES;
    if scenario.cache.memory.0 >= least {
        return Ok(());
    }
    Err(wrong(
        "cache.memory",
        format!(
            "{} KiB is too little: {server} with {} connections and what works for them takes up \
             to {} KiB (profile \"{}\", [memory]); give at least {} KiB",
            scenario.cache.memory.0 >> 10,
            connections(scenario),
            taken >> 10,
            scenario.machine.profile,
            (least >> 10) + 1
        ),
    ))
}

/// Connections that are open at once for certain: those of closed clients.
fn connections(scenario: &Scenario) -> u64 {
    match scenario.workload.begin() {
        Ok(Begin::Clients(clients)) => clients.into(),
        _ => 0,
    }
}

/// The most memory in bytes that a server's processes and connections take at a point, which the
/// cache does not get: a carrier may wait for each client. With open arrivals, what it takes
/// before the first connection.
pub fn taken_bytes(point: &Point, server: Server) -> u64 {
    let memory = point.profile.costs().memory;
    let keys = &point.scenario.server;
    let clients = connections(&point.scenario);
    let threads = |count: u32| memory.thread.0 * u64::from(count);
    let kernel_workers = |count: u32| memory.kernel_worker.0 * u64::from(count);
    let each_copy = match server.structure {
        Structure::NbB => 0,
        Structure::NbAmped => memory.helper.0 * u64::from(keys.helpers + keys.name_helpers),
        Structure::NbLaio | Structure::LaioLaio => {
            memory.carrier.0
                * keys
                    .carriers
                    .map_or(clients, |most| clients.min(most.into()))
        }
        Structure::NbAmted | Structure::NbAmtedNowait => threads(keys.pool_threads),
        Structure::NbAio => match keys.aio {
            AioKind::Kernel => kernel_workers(keys.aio_workers()),
            AioKind::Glibc => threads(keys.aio_workers()),
        },
        Structure::NbUring | Structure::NbUringHybrid => {
            kernel_workers(keys.uring_workers(point.scenario.machine.cpus))
        }
        Structure::Mp => memory.worker.0 * u64::from(keys.processes - 1),
        Structure::Mt => threads(keys.threads),
    };
    let copies = u64::from(keys.copies);
    // A process or thread that waits for its connection has no other.
    let open = match server.structure {
        Structure::Mp => clients.min(u64::from(keys.processes) * copies),
        Structure::Mt => clients.min(u64::from(keys.threads) * copies),
        _ => clients,
    };
    let buffer = |bytes: u64| memory.buffer_page.0 * bytes.div_ceil(PAGE_BYTES);
    let of_connections = match keys.data_path {
        DataPath::ReadSend => buffer(u64::from(HEADER_BYTES) + keys.chunk.0) * open,
        DataPath::Sendfile | DataPath::Mapped => 0,
    };
    let of_helpers = match server.structure {
        Structure::NbAmped => buffer(keys.chunk.0) * u64::from(keys.helpers) * copies,
        _ => 0,
    };
    memory.process.0
        + memory.worker.0 * (copies - 1)
        + each_copy * copies
        + memory.connection.0 * open
        + of_connections
        + of_helpers
}

/// Whether the files have room on the disks, in units of stripes.
pub(super) fn span(point: &Point, workload: &Workload) -> Result<(), Wrong> {
    let least = least_span_blocks(&workload.sizes);
    let disks = u64::from(point.scenario.machine.disks);
    let disk_blocks = point.disk.sectors() * SECTOR_BYTES / PAGE_BYTES * disks;
    let mib = |blocks: u64| (blocks * PAGE_BYTES).div_ceil(1 << 20);
    match point.scenario.files.span.map(|span| span.pages()) {
        Some(span) if span < least => Err(wrong(
            "files.span",
            format!("the files need {} MiB at least", mib(least)),
        )),
        Some(span) if span > disk_blocks => Err(wrong(
            "files.span",
            format!("the disk has {} MiB only", (disk_blocks * PAGE_BYTES) >> 20),
        )),
        None if least > disk_blocks => {
            Err(wrong("machine.disk", "the disk is too small for the files"))
        }
        span => stripes(point, span.unwrap_or(least)),
    }
}

fn stripes(point: &Point, blocks: u64) -> Result<(), Wrong> {
    if blocks > MOST_BLOCKS {
        return Err(wrong("files.span", "the files lie on at most 8 TiB"));
    }
    let machine = &point.scenario.machine;
    let stripe = machine.stripe.map(|stripe| stripe.pages() as u32);
    let volume = Volume::new(machine.disks, blocks as u32, stripe);
    let used = u64::from(volume.blocks_per_disk()) * PAGE_BYTES;
    match used <= point.disk.sectors() * SECTOR_BYTES {
        true => Ok(()),
        false => Err(wrong(
            match stripe {
                Some(_) => "machine.stripe",
                None => "machine.disks",
            },
            "a disk's share of the files, in whole stripes, is more than it has room for",
        )),
    }
}
