//! The same scenario and seed give the same results, however they are computed.

use proptest::prelude::*;

use crate::bench::Bench;
use crate::measures::fingerprint;
use crate::random::any_bench;

fn fingerprints(bench: &Bench, threads: usize) -> Vec<String> {
    bench.run_all(threads).iter().map(fingerprint).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_number_of_threads_gives_the_same_results(bench in any_bench()) {
        let bench = bench.set("run.replications", "2");
        let on_one = fingerprints(&bench, 1);
        prop_assert_eq!(&on_one, &fingerprints(&bench, 2));
        prop_assert_eq!(&on_one, &fingerprints(&bench, 8));
    }

    #[test]
    fn running_ahead_of_the_events_changes_nothing(bench in any_bench()) {
        let ahead = fingerprints(&bench, 1);
        let step_by_step = bench.set("run.run_ahead", "false");
        prop_assert_eq!(ahead, fingerprints(&step_by_step, 1));
    }
}

#[test]
fn running_ahead_spares_events() {
    let bench = Bench::new(vec![10_000; 4]).plays([0, 1, 2, 3, 0, 1, 2, 3]);
    let events = |bench: &Bench| -> u64 {
        let runs = bench.run_all(1);
        runs.iter().map(|run| run.counters.events).sum()
    };
    let (ahead, step_by_step) = (
        events(&bench),
        events(&bench.clone().set("run.run_ahead", "false")),
    );
    assert!(ahead < step_by_step / 2, "{ahead} of {step_by_step}");
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
    let runs = bench.run_all(1);
    for of_one_replication in runs.chunks(3) {
        for other in &of_one_replication[1..] {
            assert_eq!(of_one_replication[0].responses, other.responses);
            assert_eq!(of_one_replication[0].disk, other.disk);
        }
    }
    assert_ne!(runs[0].responses, runs[3].responses, "replications differ");
}
