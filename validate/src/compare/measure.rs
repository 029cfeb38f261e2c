//! Runs a real server under the real load on the emulated disk, and meters it from outside.

use sim::engine::Nanos;
use sim::engine::random::{stream, unit};
use sim::machine::disk::Disk;
use sim::machine::files::{Placed, Placement};
use sim::scenario::Server;
use sim::scenario::keys::Start;
use sim::scenario::load::{Point, Workload};
use sim::server::OpKind;

use crate::emulate::cgroup::{MemoryGroup, drop_caches};
use crate::emulate::disk::DiskUse;
use crate::emulate::host::{CpuUse, HostCpu, ProcessMeter};
use crate::emulate::image::Image;
use crate::emulate::{Rig, RigConfig, clock};
use crate::process::{CLIENT_CPU, Load, ServerProcess};
use crate::serve::counters::Snapshot;

use super::{CompareError, Quantity};

/// A measured run.
#[derive(Clone, Debug)]
pub struct Real {
    /// The values of [`Quantity::ALL`].
    pub values: [f64; Quantity::ALL.len()],
    /// What the server counted.
    pub counters: Snapshot,
    /// Requests answered.
    pub requests: u64,
    /// Share of the machine's CPU time that was neither ours nor idle.
    pub not_ours: f64,
    /// Page cache of the memory group at the end, in bytes.
    pub cache_bytes: u64,
}

/// The rig for a point's workload, its disk in the phase of the first replication.
///
/// # Errors
/// If this machine cannot run it.
pub fn rig(point: &Point, workload: &Workload) -> Result<Rig, CompareError> {
    let scenario = &point.scenario;
    let seed = scenario.run.seed;
    let phase = unit(&mut stream(seed, "disk phase", 0, 0));
    let disk = Disk::new(&point.disk, scenario.machine.scheduling, phase, seed);
    let config = RigConfig {
        disk_cpu: CLIENT_CPU,
        read_ahead_kib: (scenario.cache.read_ahead.0 >> 10) as u32,
    };
    Ok(Rig::start(Image::build(&workload.sizes)?, disk, config)?)
}

/// Where the rig's files lie, for the simulator.
///
/// # Errors
/// If the file system does not tell.
pub fn placement(rig: &Rig) -> Result<Placement, CompareError> {
    let layout = rig.layout()?;
    let files = layout
        .files
        .iter()
        .map(|file| Placed {
            blocks: file
                .extents
                .iter()
                .flat_map(|&(first, blocks)| first..first + blocks)
                .map(|block| block as u32)
                .collect(),
            inode_block: file.inode_block as u32,
        })
        .collect();
    let directories = layout
        .directories
        .iter()
        .map(|directory| Placed {
            blocks: directory.blocks.iter().map(|&block| block as u32).collect(),
            inode_block: directory.inode_block as u32,
        })
        .collect();
    Ok(Placement {
        files,
        directories,
        span_blocks: (rig.disk().image().as_bytes().len() / 4096) as u32,
    })
}

/// Plays one replication against one server.
///
/// # Errors
/// If the server or the load generator fails, or the user interrupts.
pub fn run(rig: &Rig, point: &Point, load: &Load, server: Server) -> Result<Real, CompareError> {
    let scenario = &point.scenario;
    rig.disk().set_fast(true);
    drop_caches()?;
    let group = MemoryGroup::create(scenario.cache.memory.0)?;
    let process = ServerProcess::start(rig.files(), server, &scenario.server, Some(&group))?;
    rig.disk().set_fast(false);
    // At the disk's own pace, too: which pages are active by then depends on how long it took.
    if scenario.run.start == Start::Warm {
        load.play(&process)?;
    }
    drop(rig.disk().take_log());
    let before = Meters::read(rig, &process)?;
    let result = load.play(&process)?;
    let after = Meters::read(rig, &process)?;
    let log = rig.disk().take_log();
    let cache_bytes = group.usage()?.cache_bytes;
    rig.disk().set_fast(true);
    if rig.is_interrupted() {
        return Err(CompareError::Interrupted);
    }
    let requests = result.responses.len() as f64;
    let counters = after.counters.minus(&before.counters);
    let elapsed = result.elapsed;
    let disk = DiskUse::over(&log, after.at - elapsed, after.at);
    let mut responses = result.responses.clone();
    responses.sort_unstable();
    let cpu = after.server.since(before.server).cpu;
    let disk_cpu = after.disk - before.disk;
    let not_ours = after
        .host
        .not_ours_since(&before.host, cpu + disk_cpu + result.cpu);
    let value = |quantity| match quantity {
        Quantity::BlockRate => block_rate(&counters),
        Quantity::DiskRequests => log.len() as f64 / requests,
        Quantity::CpuPerRequest => cpu.0 as f64 / 1e3 / requests,
        Quantity::Throughput => requests / elapsed.as_secs_f64(),
        Quantity::ResponseP50 => responses[responses.len().div_ceil(2) - 1].as_millis_f64(),
        Quantity::DiskUtilization => disk.utilization,
    };
    Ok(Real {
        values: Quantity::ALL.map(value),
        counters,
        requests: result.responses.len() as u64,
        not_ours: not_ours.steal + not_ours.others,
        cache_bytes,
    })
}

fn block_rate(counters: &Snapshot) -> f64 {
    let on_disk = || OpKind::ALL.into_iter().filter(|kind| kind.on_disk());
    let issued: u64 = on_disk().map(|kind| counters.total().op(kind).issued).sum();
    let blocked: u64 = on_disk()
        .map(|kind| counters.total().op(kind).would_block)
        .sum();
    blocked as f64 / issued as f64
}

struct Meters {
    at: Nanos,
    server: CpuUse,
    disk: Nanos,
    host: HostCpu,
    counters: Snapshot,
}

impl Meters {
    fn read(rig: &Rig, process: &ServerProcess) -> Result<Self, CompareError> {
        let mut server = CpuUse::default();
        for pid in process.pids()? {
            server = server.plus(ProcessMeter::snapshot(pid)?);
        }
        Ok(Self {
            at: clock::now(),
            server,
            disk: rig.disk().cpu_time()?,
            host: HostCpu::snapshot()?,
            counters: process.counters(),
        })
    }
}
