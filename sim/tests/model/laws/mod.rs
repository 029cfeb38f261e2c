//! What holds in every run, whatever the server and the machine.

use proptest::prelude::*;
use sim::engine::Nanos;
use sim::run::Measured;
use sim::scenario::{Server, Structure};
use sim::server::OpKind;

use crate::bench::{Bench, NB_AMPED, PAGE, each_server};
use crate::measures::{cpu_time, total_response};
use crate::random::any_bench;

mod everywhere;

pub(crate) use everywhere::kinds;

/// Little's law and bookkeeping: each request ends exactly once, with all its bytes.
fn assert_conserved(bench: &Bench, run: &Measured) {
    assert_eq!(run.responses.len() as u64, bench.requests());
    assert_eq!(run.bytes, bench.response_bytes());
    // L T = the sum of the response times, exactly: L = in_system / T, X R = sum / T.
    assert_eq!(run.in_system, total_response(run));
    let longest = run.responses.iter().max().expect("at least one");
    assert!(*longest <= run.elapsed);
}

fn issued(run: &Measured, kind: OpKind) -> u64 {
    run.counters.ops[kind as usize].issued
}

fn assert_counts(bench: &Bench, server: Server, run: &Measured) {
    for count in run.counters.ops {
        assert!(count.would_block <= count.issued);
        assert!(count.would_block <= count.sleeps);
    }
    let accepts = issued(run, OpKind::Accept);
    match server.structure {
        // Further accepts wait, but for those that had begun before a warm run was measured.
        Structure::LaioLaio | Structure::Mp | Structure::Mt => {
            assert!(accepts >= bench.connections());
            assert!(!bench.is_warm() || accepts == bench.connections());
        }
        _ => assert_eq!(accepts, bench.connections()),
    }
    // One for each request and one that finds the hang-up.
    assert_eq!(
        issued(run, OpKind::Recv),
        bench.requests() + bench.connections()
    );
    // Every page used is found once at last, whatever it missed before.
    assert!(run.cache.hits >= bench.pages_asked());
    if server == NB_AMPED {
        // Helpers open, look up, read and close too.
        assert!(issued(run, OpKind::Open) >= bench.bodies());
        return;
    }
    for kind in [OpKind::Open, OpKind::Fstat, OpKind::Close] {
        assert_eq!(issued(run, kind), bench.bodies());
    }
    assert_eq!(issued(run, OpKind::Stat), bench.requests() - bench.bodies());
    assert_eq!(issued(run, OpKind::Read), bench.chunks_asked());
}

fn assert_disk(run: &Measured) {
    let disk = &run.disk;
    let parts = disk.seek + disk.rotation + disk.transfer + disk.overhead;
    assert_eq!(disk.busy, parts);
    assert_eq!(disk.sectors % (PAGE / 512), 0);
    assert!(disk.sectors / (PAGE / 512) >= disk.requests);
    // A page is read because a look-up missed it or because it lies ahead of one that did.
    assert!(run.cache.misses > 0 || disk.requests == 0);
}

/// The hang-ups after the last response, and what reading ahead left, belong to the run's CPU time
/// but not to its span.
const TAIL: Nanos = Nanos::from_millis(1);

fn assert_laws(bench: &Bench, server: Server, run: &Measured) {
    assert_conserved(bench, run);
    assert_counts(bench, server, run);
    assert_disk(run);
    assert!(cpu_time(run) <= run.elapsed + TAIL, "{}", cpu_time(run));
    assert!(run.client_cpu <= run.elapsed + TAIL);
    assert!(run.counters.stalled <= run.elapsed);
}

/// 120 objects of up to 90 KB in three directories; 12 sequences of 25 requests, 12.5 % "not
/// modified".
fn mixed() -> Bench {
    let sizes: Vec<u64> = (0..300).map(|i| i * i * 7919 % 90_000).collect();
    let ask = |sequence: u32| {
        move |i: u32| {
            let at = sequence * 25 + i;
            (at * at * 31 % 300, at % 8 == 3)
        }
    };
    (0..12)
        .fold(Bench::new(sizes), |bench, s| {
            bench.asks((0..25).map(ask(s)).collect())
        })
        .few_small_workers()
        .set("workload.clients", "6")
}

/// Every server cold and warm, on loopback and links, in much and little memory.
fn every_kind_of_run(bench: &Bench) -> Vec<Bench> {
    let mut runs = Vec::new();
    for start in ["cold", "warm"] {
        for memory in ["64 MiB", "6 MiB"] {
            let bench = bench
                .clone()
                .set("run.start", start)
                .set("cache.memory", memory);
            let links = bench.clone().links("2 ms");
            runs.push(links.set("network.client_link", "20 Mbit/s"));
            runs.push(bench.loopback());
        }
    }
    runs
}

#[test]
fn every_run_obeys_littles_law_and_ends_each_request_once() {
    for bench in every_kind_of_run(&mixed().cheetah()) {
        for server in each_server() {
            assert_laws(&bench, server, &bench.run(server));
        }
    }
}

#[test]
fn the_disk_is_busy_for_its_requests_times_its_service_time() {
    for bench in every_kind_of_run(&mixed().fixed_disk_ms(2.5)) {
        for server in each_server() {
            let run = bench.run(server);
            assert_laws(&bench, server, &run);
            assert_eq!(run.disk.busy, Nanos::from_micros(2500) * run.disk.requests);
            assert!(run.disk.requests > 0 || bench.is_warm());
        }
    }
}

/// The busy time of an exponential law is random, its mean is not: here 1,500 services or more.
#[test]
fn an_exponential_disks_busy_time_is_its_requests_times_the_mean() {
    let bench = mixed()
        .exponential_disk_ms(2.0)
        .set("run.replications", "8");
    let runs = bench.run_all(2);
    let requests: u64 = runs.iter().map(|run| run.disk.requests).sum();
    let busy: Nanos = runs.iter().map(|run| run.disk.busy).sum();
    let mean = busy.as_millis_f64() / requests as f64;
    // Servers of one replication share their service times: an eighth as many are independent.
    let error = 2.0 / (requests as f64 / 3.0).sqrt();
    assert!((mean - 2.0).abs() < 4.0 * error, "{mean} +- {error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_experiment_obeys_the_laws(bench in any_bench()) {
        let bench = bench.few_small_workers();
        for server in each_server() {
            assert_laws(&bench, server, &bench.run(server));
        }
    }
}
