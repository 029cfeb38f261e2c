//! The same scenario and seed give the same results, however they are computed.

use proptest::prelude::*;
use sim::scenario::Structure;

use crate::bench::{Bench, each_server};
use crate::laws::kinds;
use crate::measures::fingerprint;
use crate::random::any_bench;

/// With every structure among the servers.
fn of_all(bench: Bench) -> Bench {
    let names = Structure::ALL.map(|structure| format!("\"{}\"", structure.name()));
    bench
        .few_small_workers()
        .set("servers", &format!("[{}]", names.join(", ")))
}

fn fingerprints(bench: &Bench, threads: usize) -> Vec<String> {
    bench.run_all(threads).iter().map(fingerprint).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_number_of_threads_gives_the_same_results(bench in any_bench()) {
        let bench = of_all(bench).set("run.replications", "2");
        let on_one = fingerprints(&bench, 1);
        prop_assert_eq!(&on_one, &fingerprints(&bench, 2));
        prop_assert_eq!(&on_one, &fingerprints(&bench, 8));
    }

    #[test]
    fn running_ahead_of_the_events_changes_nothing(
        bench in any_bench(),
        cpus in 1u32..4,
        copies in 1u32..3,
        pinned: bool,
    ) {
        let bench = of_all(bench)
            .set("machine.cpus", &cpus.to_string())
            .set("machine.pinned", &pinned.to_string())
            .set("server.copies", &copies.to_string());
        let ahead = fingerprints(&bench, 1);
        let step_by_step = bench.set("run.run_ahead", "false");
        prop_assert_eq!(ahead, fingerprints(&step_by_step, 1));
    }
}

/// Open and closed, steady and terminating, with failures, on several CPUs and disks.
#[test]
fn running_ahead_changes_nothing_in_any_kind_of_run() {
    for (name, bench) in kinds() {
        for server in each_server() {
            let ahead = fingerprint(&bench.run(server));
            let step_by_step = bench.clone().set("run.run_ahead", "false").run(server);
            assert_eq!(ahead, fingerprint(&step_by_step), "{name}: {server}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_and_another_another() {
    for (name, bench) in kinds() {
        let other = bench.clone().set("run.seed", "77");
        for server in each_server() {
            let run = fingerprint(&bench.run(server));
            assert_eq!(run, fingerprint(&bench.run(server)), "{name}: {server}");
            // Of a trace on a disk of a fixed time the seed deals the sessions.
            assert_ne!(run, fingerprint(&other.run(server)), "{name}: {server}");
        }
    }
}

#[test]
fn running_ahead_spares_events() {
    let bench = Bench::new(vec![10_000; 4]).plays([0, 1, 2, 3, 0, 1, 2, 3]);
    let step_by_step = bench.clone().set("run.run_ahead", "false");
    for server in each_server() {
        let events = |bench: &Bench| bench.run(server).counters.events;
        let (ahead, all) = (events(&bench), events(&step_by_step));
        assert!(ahead < all * 3 / 4, "{server}: {ahead} of {all}");
    }
}

#[test]
fn compared_servers_meet_the_same_files_and_sequences() {
    // One client at a time and nothing shared: the disk sees the same reads from every server.
    let bench = Bench::new(vec![4096; 64])
        .free()
        .cheetah()
        .plays(0..64)
        .set("cache.read_ahead", "0 B")
        .set("run.replications", "2");
    let bench = of_all(bench)
        .figure("memory.worker", "0 B")
        .figure("memory.thread", "0 B")
        .figure("memory.kernel_worker", "0 B");
    let runs = bench.run_all(1);
    let servers = Structure::ALL.len();
    for of_one_replication in runs.chunks(servers) {
        for other in &of_one_replication[1..] {
            assert_eq!(of_one_replication[0].responses, other.responses);
            assert_eq!(of_one_replication[0].disk, other.disk);
        }
    }
    assert_ne!(
        runs[0].responses, runs[servers].responses,
        "replications differ"
    );
}
