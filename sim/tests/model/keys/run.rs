//! `[run]`.

use sim::run::Measured;
use sim::scenario::experiment::{PointRuns, WarmUpCut};
use sim::stats::{Estimate, Metric};

use super::{assert_greater, base, reads, run_each, throughput};
use crate::bench::{Bench, NB_B};
use crate::measures::fingerprint;

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
    assert_ne!(law.run(NB_B).disk.busy, second.run(NB_B).disk.busy);
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

/// Two clients without end, on caches that are cold at first and never hold all.
fn steady() -> Bench {
    Bench::synthetic()
        .drawn("objects", "200")
        .drawn("zipf", "1.2")
        .small_processes()
        .set("cache.memory", "1 MiB")
        .exponential_disk_ms(5.0)
        .drawn("think_between", "5 ms")
        .set("workload.clients", "2")
        .set("servers", "[\"nb-b\"]")
        .set("run.duration", "10 s")
        .set("run.replications", "3")
}

#[test]
pub(super) fn a_longer_run_answers_more() {
    let short = steady().run(NB_B);
    let long = steady().set("run.duration", "20 s").run(NB_B);
    assert_eq!(short.elapsed * 2, long.elapsed);
    assert_eq!(
        long.responses[..short.responses.len()],
        short.responses,
        "it begins alike"
    );
    assert!(long.responses.len() > short.responses.len());
}

fn only(bench: &Bench) -> PointRuns {
    bench.conduct().remove(0)
}

fn mean_of(point: &PointRuns, metric: Metric) -> f64 {
    let runs = point.servers[0].runs.iter().flatten();
    let values: Vec<f64> = runs.filter_map(|run| run.get(metric)).collect();
    Estimate::of(&values).expect("some").mean
}

#[test]
pub(super) fn the_warm_up_is_left_out_unless_it_is_off() {
    let auto = only(&steady());
    let off = only(&steady().set("run.warm_up", "off"));
    assert_eq!(off.warm_up, WarmUpCut::Nothing);
    assert!(matches!(auto.warm_up, WarmUpCut::Share(share) if share > 0.0));
    let response = |point| mean_of(point, Metric::ResponseMean);
    assert!(
        response(&auto) < response(&off),
        "reads of cold caches are left out"
    );
}

/// Few clients at a disk whose times are drawn: runs that differ.
fn noisy(precision: &str) -> Bench {
    base()
        .exponential_disk_ms(5.0)
        .set("servers", "[\"nb-b\"]")
        .set("run.replications", "10")
        .set("run.precision", precision)
}

fn replications(point: &PointRuns) -> usize {
    point.servers[0].runs.len()
}

#[test]
pub(super) fn a_finer_precision_takes_more_replications() {
    let (coarse, fine) = (only(&noisy("50%")), only(&noisy("3%")));
    assert_eq!(replications(&coarse), 10);
    assert!(replications(&fine) > 10);
    assert_eq!((coarse.precise, fine.precise), (Some(true), Some(true)));
    assert_eq!(only(&base()).precise, None);
}

#[test]
pub(super) fn no_more_replications_than_allowed_are_made() {
    let bench = noisy("0.1%");
    for allowed in [10, 25] {
        let point = only(
            &bench
                .clone()
                .set("run.max_replications", &allowed.to_string()),
        );
        assert_eq!(replications(&point), allowed);
        assert_eq!(point.precise, Some(false));
    }
}
