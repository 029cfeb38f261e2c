//! Runs a scenario: every point, server and replication, on any number of threads, with the same
//! results.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rand::Rng;

use super::load::{Loaded, Point, Workload};
use super::{Server, Start};
use crate::engine::random::{stream, unit};
use crate::machine::disk::{Disk, SECTOR_BYTES};
use crate::machine::files::{Files, Placement, least_span_blocks, spread};
use crate::machine::network::Network;
use crate::machine::{Machine, MachineSetup, PAGE_BYTES};
use crate::run::{CLIENT_CPU, Measured, Run};
use crate::server::io::{IoSetup, NbAmped, NbBlocking, NbLaio, SERVER_CPU, SimIo};
use crate::workload::clients::Plan;

/// One run of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Index of the point.
    pub point: usize,
    /// The server.
    pub server: Server,
    /// The replication.
    pub replication: u32,
}

/// Every run of a scenario, in the order of the results: by point, replication, server.
pub fn jobs(loaded: &Loaded) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (index, point) in loaded.points.iter().enumerate() {
        for replication in 0..point.scenario.run.replications {
            for &server in &point.scenario.servers {
                jobs.push(Job {
                    point: index,
                    server,
                    replication,
                });
            }
        }
    }
    jobs
}

/// Runs `jobs` on `threads` threads; calls `done` after each. When `stop` is set no further one
/// is begun. The results stand in the order of the jobs, `None` for those not run.
pub fn run_all(
    loaded: &Loaded,
    jobs: &[Job],
    threads: usize,
    stop: &AtomicBool,
    done: impl Fn() + Sync,
) -> Vec<Option<Measured>> {
    let results: Vec<Mutex<Option<Measured>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { break };
                    let measured = run(loaded, *job);
                    *results[index]
                        .lock()
                        .expect("no run panics while it holds this") = Some(measured);
                    done();
                }
            });
        }
    });
    results
        .into_iter()
        .map(|result| {
            result
                .into_inner()
                .expect("no run panics while it holds this")
        })
        .collect()
}

/// Runs one job.
pub fn run(loaded: &Loaded, job: Job) -> Measured {
    let point = &loaded.points[job.point];
    let workload = &loaded.workloads[job.point];
    let placement = synthetic_placement(point, workload, job.replication);
    run_placed(point, workload, &placement, job.server, job.replication)
}

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
) -> Measured {
    let scenario = &point.scenario;
    let mut rng = stream(scenario.run.seed, "assignment", replication.into(), 0);
    let plan = Plan::deal(workload.played, scenario.workload.clients, &mut rng);
    let machine = build(point, workload, placement, replication);
    match server {
        Server::NbB => play::<NbBlocking>(point, workload, &plan, machine),
        Server::NbAmped => play::<NbAmped>(point, workload, &plan, machine),
        Server::NbLaio => play::<NbLaio>(point, workload, &plan, machine),
    }
}

fn play<I: SimIo>(point: &Point, workload: &Workload, plan: &Plan, machine: Machine) -> Measured {
    let keys = &point.scenario.server;
    let setup = IoSetup {
        helpers: keys.helpers,
        metered: keys.metered,
    };
    let chunk = keys.chunk.0 as u32;
    let mut run = Run::<I>::new(machine, setup, chunk, &workload.sequences, plan);
    if point.scenario.run.start == Start::Warm {
        run.warm_up();
    }
    run.measure()
}

fn build(point: &Point, workload: &Workload, placement: &Placement, replication: u32) -> Machine {
    let scenario = &point.scenario;
    let seed = scenario.run.seed;
    let phase = unit(&mut stream(seed, "disk phase", replication.into(), 0));
    let service = stream(seed, "disk service", replication.into(), 0).next_u64();
    let disk = Disk::new(&point.disk, scenario.machine.scheduling, phase, service);
    debug_assert!(u64::from(placement.span_blocks) * PAGE_BYTES <= disk.sectors() * SECTOR_BYTES);
    let keys = &scenario.network;
    Machine::new(MachineSetup {
        costs: point.profile.costs(),
        cpus: if keys.loopback { 2 } else { 1 },
        files: Files::new(&workload.sizes, placement),
        memory_bytes: scenario.cache.memory.0,
        policy: scenario.cache.policy,
        proactive_pageout: scenario.cache.proactive_pageout,
        read_ahead_bytes: scenario.cache.read_ahead.0,
        disk,
        disk_cpu: if keys.loopback {
            CLIENT_CPU
        } else {
            SERVER_CPU
        },
        network: Network::new(keys.attachment(), keys.send_buffer.0),
        quantum: scenario.machine.quantum,
        wakeup_preemption: scenario.machine.wakeup_preemption,
        run_ahead: scenario.run.run_ahead,
    })
}
