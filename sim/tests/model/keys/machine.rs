//! `[machine]`, `[cache]`, `[files]`, `[run]`, `[axes]`, and what stands above them.

use sim::run::Measured;
use sim::scenario::{Scenario, Server};
use sim::stats::Estimate;

use super::{assert_greater, base, reads, run_each, throughput};
use crate::bench::Bench;
use crate::measures::{fingerprint, mean_response};

fn service_time(run: &Measured) -> f64 {
    run.disk.busy.as_secs_f64() / run.disk.requests as f64
}

#[test]
pub(super) fn title_is_the_loaded_scenarios() {
    let loaded = base().set("title", "another").load();
    assert_eq!(loaded.title, "another");
}

#[test]
pub(super) fn servers_are_those_that_run_in_their_order() {
    let runs = base().set("servers", "[\"nb-laio\", \"nb-b\"]").run_all(1);
    let (laio, blocking) = (base().run(Server::NbLaio), base().run(Server::NbB));
    assert_eq!(runs.len(), 2);
    assert_eq!(fingerprint(&runs[0]), fingerprint(&laio));
    assert_eq!(fingerprint(&runs[1]), fingerprint(&blocking));
}

/// The other figures are in the tests of the costs.
#[test]
pub(super) fn a_profile_with_another_figure_gives_another_result() {
    let slower = base().figure("call.parse", "1 ms");
    assert_greater(&base(), &slower, |run| run.elapsed.as_secs_f64());
}

#[test]
pub(super) fn a_slower_disk_makes_slower_responses() {
    let (fast, slow) = (base().fixed_disk_ms(1.0), base().fixed_disk_ms(8.0));
    assert_greater(&fast, &slow, mean_response);
    assert_greater(&fast, &base(), mean_response);
}

/// Where the disk has a queue: `nb-b` never does, and is indifferent.
#[test]
pub(super) fn c_look_serves_a_queue_faster_than_fcfs() {
    let scattered = base()
        .set("files.span", "4 GiB")
        .set("cache.read_ahead", "0 B");
    let fcfs = run_each(&scattered.clone().set("machine.scheduling", "fcfs"));
    let c_look = run_each(&scattered.set("machine.scheduling", "c-look"));
    assert_eq!(fcfs[0].disk.max_waiting, 0);
    assert_eq!(fingerprint(&fcfs[0]), fingerprint(&c_look[0]));
    for server in [1, 2] {
        assert!(c_look[server].disk.seek < fcfs[server].disk.seek);
    }
}

/// Eight clients whose requests take 0.4 ms of CPU each, of the disk less: the loop is busy when
/// the disk is ready.
fn contended() -> Bench {
    (0..8)
        .fold(Bench::new(vec![4096; 64]), |bench, client| {
            bench.plays(client * 8..(client + 1) * 8)
        })
        .client_each()
        .fixed_disk_ms(0.2)
        .figure("call.parse", "400 us")
        .figure("kernel.context_switch", "2 us")
}

/// What `key = less` and `key = more` give for nb-b, which has nobody to share the CPU with, is
/// equal; for the others the processes take turns more often.
fn assert_more_switches(key: &str, less: &str, more: &str) {
    let less = run_each(&contended().set(key, less));
    let more = run_each(&contended().set(key, more));
    assert_eq!(fingerprint(&less[0]), fingerprint(&more[0]));
    for server in [1, 2] {
        assert!(less[server].switches < more[server].switches);
        assert_ne!(less[server].responses, more[server].responses);
    }
}

#[test]
pub(super) fn a_short_quantum_lets_workers_in() {
    assert_more_switches("machine.quantum", "100 ms", "50 us");
}

#[test]
pub(super) fn wakeup_preemption_lets_workers_in() {
    assert_more_switches("machine.wakeup_preemption", "false", "true");
}

#[test]
pub(super) fn more_memory_reads_less() {
    let (little, much) = (
        base().set("cache.memory", "700 KiB"),
        base().set("cache.memory", "8 MiB"),
    );
    assert_greater(&much, &little, reads);
    assert_greater(&much, &little, |run| run.cache.misses as f64);
    assert_greater(&little, &much, throughput);
}

/// Six pages used over and over, between them a scan of files used once, in memory for neither.
#[test]
pub(super) fn linux_keeps_what_was_used_twice_through_a_scan() {
    let scans = |policy| {
        let hot = |i| i % 6;
        let requests = (0..600).map(|i| if i % 2 == 0 { hot(i / 2) } else { 6 + i / 2 });
        Bench::new(vec![4096; 400])
            .plays(requests)
            .small_processes()
            .fixed_disk_ms(1.0)
            .set("cache.memory", "1 MiB")
            .set("cache.policy", policy)
    };
    let (lru, linux) = (run_each(&scans("lru")), run_each(&scans("linux")));
    for server in 0..3 {
        assert_ne!(fingerprint(&lru[server]), fingerprint(&linux[server]));
    }
}

#[test]
pub(super) fn proactive_pageout_reads_again() {
    let bench = base()
        .set("cache.memory", "64 MiB")
        .figure("kernel.pageout_age", "50 ms");
    let with = bench.clone().set("cache.proactive_pageout", "true");
    assert_greater(&bench, &with, reads);
}

#[test]
pub(super) fn reading_ahead_takes_fewer_and_larger_reads() {
    let large = || {
        Bench::new(vec![1 << 20])
            .plays([0])
            .cheetah()
            .set("server.chunk", "16 KiB")
    };
    let (none, some) = (
        large().set("cache.read_ahead", "0 B"),
        large().set("cache.read_ahead", "128 KiB"),
    );
    assert_greater(&some, &none, reads);
    assert_greater(&some, &none, mean_response);
    for run in run_each(&some) {
        assert_eq!(run.disk.sectors, (1 << 20) / 512 + 3 * 8, "each page once");
    }
}

#[test]
pub(super) fn files_further_apart_take_longer_seeks() {
    let near = base().set("files.span", "16 MiB");
    let far = base().set("files.span", "8 GiB");
    assert_greater(&near, &far, |run| run.disk.seek.as_secs_f64());
    assert_greater(&near, &far, service_time);
}

#[test]
pub(super) fn a_warm_start_reads_less() {
    let warm = base().set("run.start", "warm");
    assert_greater(&warm, &base(), reads);
    assert_greater(&base(), &warm, throughput);
}

fn half_width(runs: &[Measured]) -> f64 {
    let of_one_server: Vec<f64> = runs.iter().step_by(3).map(throughput).collect();
    let estimate = Estimate::of(&of_one_server).expect("some");
    estimate.half_width.expect("more than one")
}

#[test]
pub(super) fn more_replications_narrow_the_interval() {
    let few = base().set("run.replications", "3").run_all(2);
    let many = base().set("run.replications", "12").run_all(2);
    assert_eq!((few.len(), many.len()), (9, 36));
    for (few, many) in few.iter().zip(&many) {
        assert_eq!(
            fingerprint(few),
            fingerprint(many),
            "the first are the same"
        );
    }
    assert!(half_width(&many) < half_width(&few));
}

#[test]
pub(super) fn another_seed_places_files_elsewhere() {
    for (first, second) in run_each(&base())
        .iter()
        .zip(&run_each(&base().set("run.seed", "2")))
    {
        assert_ne!(first.disk.seek, second.disk.seek);
    }
    // Also where the disk is but a law: the times it draws.
    let law = base().exponential_disk_ms(5.0);
    let second = law.clone().set("run.seed", "2");
    assert_ne!(
        law.run(Server::NbB).disk.busy,
        second.run(Server::NbB).disk.busy
    );
    // And from replication to replication.
    let runs = law.set("run.replications", "2").run_all(1);
    assert_ne!(runs[0].disk.busy, runs[3].disk.busy);
}

/// That nothing else changes is in the tests of determinism.
#[test]
pub(super) fn running_ahead_takes_fewer_events() {
    let step_by_step = base().set("run.run_ahead", "false");
    assert_greater(&base(), &step_by_step, |run| run.counters.events as f64);
}

#[test]
pub(super) fn axes_make_a_point_of_each_value() {
    let axes = "[axes]\n\"cache.memory\" = [\"1 MiB\", \"8 MiB\"]\n\
                \"network.rtt\" = [\"1 ms\", \"2 ms\", \"3 ms\"]\n";
    // An override of a key drops its axis.
    let swept = base()
        .unset("cache.memory")
        .unset("network.rtt")
        .append(axes)
        .load();
    let values: Vec<Scenario> = swept
        .points
        .into_iter()
        .map(|point| point.scenario)
        .collect();
    assert_eq!(values.len(), 6);
    let mut distinct: Vec<_> = values
        .iter()
        .map(|scenario| (scenario.cache.memory, scenario.network.rtt))
        .collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 6);
}
