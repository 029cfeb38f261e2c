//! From a scenario to a machine with a server on it and clients before it.

use rand::Rng;

use super::keys::{AcceptMode, ServerKeys, Start};
use super::load::{Point, Workload};
use super::units::Bytes;
use super::workload::Begin;
use super::{Flavour, Server, Structure};
use crate::engine::random::{Stream, shuffle, stream, unit};
use crate::machine::cpu::ProcId;
use crate::machine::disk::{Disk, SECTOR_BYTES};
use crate::machine::files::{Files, Placement, least_span_blocks, spread};
use crate::machine::network::{Network, NetworkSetup};
use crate::machine::volume::Volume;
use crate::machine::{Machine, MachineSetup, PAGE_BYTES};
use crate::run::{Instants, Keep, Play, Played, Run};
use crate::server::io::{
    IoSetup, LaioLaio, NbAio, NbAmped, NbAmted, NbAmtedNowait, NbBlocking, NbLaio, NbUring,
    NbUringHybrid,
};
use crate::server::script::ScriptSetup;
use crate::server::structure::{EventDriven, Sequential, ServerSetup, SimServer};
use crate::workload::clients::{Plan, Turns};

/// Names that Flash's cache keeps (Flash, USENIX ATC 1999).
const FLASH_NAMES: u32 = 6000;

/// Bytes of mapped files that Flash's cache keeps (Flash, USENIX ATC 1999).
const FLASH_FILES: Bytes = Bytes(128 << 20);

/// Where the files lie in one replication.
pub fn synthetic_placement(point: &Point, workload: &Workload, replication: u32) -> Placement {
    let scenario = &point.scenario;
    let mut rng = stream(scenario.run.seed, "placement", replication.into(), 0);
    let span = scenario
        .files
        .span
        .map_or_else(|| least_span_blocks(&workload.sizes), |span| span.pages());
    spread(&workload.sizes, span, &mut rng)
}

/// Runs one server in one replication with its files placed as given.
pub fn run_placed(
    point: &Point,
    workload: &Workload,
    placement: &Placement,
    server: Server,
    replication: u32,
    keep: Keep,
) -> Played {
    let job = Job {
        point,
        workload,
        placement,
        server,
        replication,
        keep,
    };
    match server.structure {
        Structure::NbB => job.play::<EventDriven<NbBlocking>>(),
        Structure::NbAio => job.play::<EventDriven<NbAio>>(),
        Structure::NbLaio => job.play::<EventDriven<NbLaio>>(),
        Structure::LaioLaio => job.play::<EventDriven<LaioLaio>>(),
        Structure::NbAmped => job.play::<EventDriven<NbAmped>>(),
        Structure::NbAmted => job.play::<EventDriven<NbAmted>>(),
        Structure::NbAmtedNowait => job.play::<EventDriven<NbAmtedNowait>>(),
        Structure::NbUring => job.play::<EventDriven<NbUring>>(),
        Structure::NbUringHybrid => job.play::<EventDriven<NbUringHybrid>>(),
        Structure::Mp | Structure::Mt => job.play::<Sequential>(),
    }
}

struct Job<'a> {
    point: &'a Point,
    workload: &'a Workload,
    placement: &'a Placement,
    server: Server,
    replication: u32,
    keep: Keep,
}

impl Job<'_> {
    fn play<S: SimServer>(&self) -> Played {
        let scenario = &self.point.scenario;
        let keys = &scenario.workload;
        let plan = self.plan();
        let begin = keys.begin().expect("checked when it was loaded");
        let sessions = self.workload.played.map(|(sessions, _)| sessions);
        let turns = match (&begin, &plan) {
            (Begin::Clients(_), Some(plan)) => Turns::Dealt(plan),
            (Begin::Clients(clients), None) => Turns::Endless(*clients),
            (Begin::Law(_) | Begin::Trace, _) => Turns::Open(sessions),
        };
        let instants = match &begin {
            Begin::Clients(_) => Instants::Never,
            Begin::Law(law) => {
                Instants::Drawn(law.arrivals(scenario.run.seed, self.replication.into()))
            }
            Begin::Trace => Instants::Recorded,
        };
        let play = Play {
            source: &self.workload.source,
            turns,
            instants,
            replication: self.replication,
            persistent: is_persistent(self.server, &scenario.server),
            syn_retries: scenario.network.syn_retries,
            patience: keys.patience,
            duration: scenario.run.duration,
        };
        let mut run = Run::<S>::new(self.machine(), &self.setups(), play, self.keep);
        if scenario.run.start == Start::Warm {
            run.warm_up();
        }
        run.measure()
    }

    /// Which client plays which session, where these are counted.
    fn plan(&self) -> Option<Plan> {
        let scenario = &self.point.scenario;
        let Ok(Begin::Clients(clients)) = scenario.workload.begin() else {
            return None;
        };
        let (sessions, _) = self.workload.played?;
        let mut rng = self.stream("assignment");
        Some(Plan::deal(sessions, clients, &mut rng))
    }

    fn setups(&self) -> Vec<ServerSetup> {
        let copies = self.point.scenario.server.copies;
        (0..copies).map(|copy| self.setup(copy)).collect()
    }

    fn setup(&self, copy: u32) -> ServerSetup {
        let scenario = &self.point.scenario;
        let (keys, machine) = (&scenario.server, &scenario.machine);
        let flash = self.server.flavour == Some(Flavour::Flash);
        let (names, files) = if flash {
            (FLASH_NAMES, FLASH_FILES)
        } else {
            (0, Bytes(0))
        };
        let is_mt = self.server.structure == Structure::Mt;
        let workers = if is_mt { keys.threads } else { keys.processes };
        let file_cache = keys.file_cache.unwrap_or(files);
        // Processes keep caches of their own, which together take what one would: as in Flash,
        // whose processes had to be given smaller ones.
        let shares = match self.server.structure {
            Structure::Mp => u64::from(workers),
            _ => 1,
        };
        ServerSetup {
            script: ScriptSetup {
                data_path: keys.data_path,
                chunk_bytes: keys.chunk.0 as u32,
                persistent: is_persistent(self.server, keys),
                app_cpu: keys.app_cpu,
                log: keys.log,
            },
            name_cache: keys.name_cache.unwrap_or(names) / shares as u32,
            file_cache: Bytes(file_cache.0 / shares),
            drains_backlog: keys.accept == AcceptMode::Drain,
            io: IoSetup {
                copy,
                cpu: copy as usize % machine.cpus as usize,
                pinned: machine.pinned,
                event_loop: ProcId(0),
                max_events: keys.max_events as usize,
                helpers: keys.helpers,
                name_helpers: keys.name_helpers,
                name_test: keys.name_test,
                pool_threads: keys.pool_threads,
                aio: keys.aio,
                shares_files: file_cache.0 > 0,
                aio_workers: keys.aio_workers(),
                uring_workers: keys.uring_workers(machine.cpus),
                carriers: keys.carriers.unwrap_or(u32::MAX),
                metered: keys.metered,
            },
            workers,
            threads: is_mt,
        }
    }

    fn machine(&self) -> Machine {
        let scenario = &self.point.scenario;
        let (keys, cache) = (&scenario.machine, &scenario.cache);
        let files = Files::new(&self.workload.sizes, self.placement);
        let stripe = keys.stripe.map(|stripe| stripe.pages() as u32);
        let volume = Volume::new(keys.disks, self.placement.span_blocks, stripe);
        let disks: Vec<Disk> = (0..keys.disks).map(|index| self.disk(index)).collect();
        debug_assert!(
            u64::from(volume.blocks_per_disk()) * PAGE_BYTES <= disks[0].sectors() * SECTOR_BYTES
        );
        let loopback = scenario.network.loopback;
        Machine::new(MachineSetup {
            costs: self.point.profile.costs(),
            server_cpus: keys.cpus as usize,
            copies: scenario.server.copies,
            unreadable: self.unreadable(&files),
            files,
            memory_bytes: cache.memory.0,
            policy: cache.policy,
            victims: self.stream("cache victims"),
            statistics_phase: unit(&mut self.stream("statistics phase")),
            proactive_pageout: cache.proactive_pageout,
            read_ahead_bytes: cache.read_ahead.0,
            disks,
            volume,
            disk_cpu: if loopback { keys.cpus as usize } else { 0 },
            network: Network::new(NetworkSetup {
                attachment: scenario.network.attachment(),
                send_buffer_bytes: scenario.network.send_buffer.0,
                backlog: scenario.network.backlog,
                slow_start: scenario.network.slow_start,
                copies: scenario.server.copies,
            }),
            quantum: keys.quantum,
            wakeup_preemption: keys.wakeup_preemption,
            run_ahead: scenario.run.run_ahead,
        })
    }

    fn disk(&self, index: u32) -> Disk {
        let seed = self.point.scenario.run.seed;
        let replication = u64::from(self.replication);
        let phase = unit(&mut stream(seed, "disk phase", replication, index.into()));
        let service = stream(seed, "disk service", replication, index.into()).next_u64();
        let scheduling = self.point.scenario.machine.scheduling;
        Disk::new(&self.point.disk, scheduling, phase, service)
    }

    /// Random numbers of this replication.
    fn stream(&self, name: &str) -> Stream {
        let seed = self.point.scenario.run.seed;
        stream(seed, name, self.replication.into(), 0)
    }

    /// Pages of files that cannot be read, wherever that happens to be.
    fn unreadable(&self, files: &Files) -> Vec<u32> {
        let wanted = self.point.scenario.files.unreadable as usize;
        if wanted == 0 {
            return Vec::new();
        }
        let mut rng = self.stream("unreadable");
        let mut pages: Vec<u32> = (0..files.data_pages()).collect();
        shuffle(&mut rng, &mut pages);
        pages.truncate(wanted);
        pages.sort_unstable();
        pages
    }
}

/// Whether a connection of this server serves one request after the other.
fn is_persistent(server: Server, keys: &ServerKeys) -> bool {
    let usual = server.flavour != Some(Flavour::Thttpd);
    keys.persistent.unwrap_or(usual)
}
