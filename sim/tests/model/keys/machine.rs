//! `[machine]`.

use sim::scenario::Structure::{Mp, Mt, NbAmped, NbB, NbLaio};

use super::{
    assert_greater, assert_greater_for, assert_same_for, base, computing, many_reads, reads, run,
    run_each, service_time, throughput,
};
use crate::bench::{Bench, each_server};
use crate::measures::{fingerprint, mean_response};

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

#[test]
pub(super) fn more_disks_read_at_once() {
    let one = many_reads(6).set("files.span", "64 MiB");
    let four = one.clone().set("machine.disks", "4");
    assert_greater_for(&[NbAmped, NbLaio, Mt], &one, &four, throughput);
}

/// Without stripes a quarter of the file lies on each disk, and they are read one after the other.
#[test]
pub(super) fn stripes_have_one_file_read_from_all_disks() {
    let plain = Bench::new(vec![4 << 20])
        .plays([0])
        .cheetah()
        .set("machine.disks", "4")
        .set("server.chunk", "1 MiB")
        .set("cache.read_ahead", "1 MiB");
    let striped = plain.clone().set("machine.stripe", "256 KiB");
    assert_greater(&plain, &striped, reads);
    assert_greater(&plain, &striped, throughput);
}

/// Where the disk has a queue: `nb-b` never does, and is indifferent.
#[test]
pub(super) fn each_order_of_a_queue_is_another_and_shorter_than_fcfs() {
    let under = |scheduling| {
        let sizes = vec![4096; 480];
        (0..24)
            .fold(Bench::new(sizes), |bench, client| {
                bench.plays((0..20).map(|i| (client + i * 24) * 7 % 480))
            })
            .client_each()
            .cheetah()
            .set("files.span", "8 GiB")
            .set("machine.scheduling", scheduling)
    };
    let orders = ["fcfs", "sstf", "scan", "c-look", "disksort", "sptf"].map(under);
    for bench in &orders[1..] {
        assert_same_for(&[NbB], &orders[0], bench);
    }
    let runs = orders.map(|bench| run(&bench, NbLaio));
    for (index, one) in runs.iter().enumerate() {
        assert!(index == 0 || service_time(one) < service_time(&runs[0]));
        for other in &runs[..index] {
            assert_ne!(fingerprint(one), fingerprint(other));
        }
    }
}

#[test]
pub(super) fn a_second_cpu_runs_a_second_copy() {
    let one = computing().set("server.copies", "2");
    let two = one.clone().set("machine.cpus", "2");
    for server in each_server() {
        let (one, two) = (one.run(server), two.run(server));
        assert_eq!((one.cpus, two.cpus), (1, 2));
        let gain = throughput(&two) / throughput(&one);
        assert!((1.5..=2.1).contains(&gain), "{server}: {gain}");
    }
}

#[test]
pub(super) fn threads_that_may_move_use_both_cpus() {
    let pinned = computing().set("machine.cpus", "2");
    let free = pinned.clone().set("machine.pinned", "false");
    for structure in [Mt, Mp] {
        let gain = throughput(&run(&free, structure)) / throughput(&run(&pinned, structure));
        assert!((1.5..=2.1).contains(&gain), "{structure:?}: {gain}");
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
