//! `[workload.synthetic]`.

use std::collections::BTreeSet;

use sim::engine::Nanos;
use sim::run::RequestRecord;
use sim::server::OpKind;

use super::{assert_greater, bytes, elapsed, issued, reads, run_each};
use crate::bench::{Bench, NB_B};

/// Three hundred requests for drawn objects.
fn drawn() -> Bench {
    Bench::synthetic().set("workload.requests", "300")
}

fn sizes(bench: &Bench) -> Vec<u64> {
    bench.load().workloads[0].sizes.clone()
}

#[test]
pub(super) fn a_preset_stands_for_its_values() {
    let preset = |name| {
        let keys = ["objects", "body_median", "body_sigma", "zipf"];
        let bare = keys.iter().fold(drawn(), |bench, key| {
            bench.unset(&format!("workload.synthetic.{key}"))
        });
        bare.set("servers", "[\"nb-b\"]").drawn("preset", name)
    };
    let (rice, berkeley) = (preset("rice-like"), preset("berkeley-like"));
    assert_eq!(sizes(&rice).len(), 6_000);
    assert_eq!(sizes(&berkeley).len(), 160_000);
    // The more objects, the fewer of so few requests are for the same.
    let (rice, berkeley) = (rice.run(NB_B), berkeley.run(NB_B));
    assert!(reads(&rice) < reads(&berkeley));
}

#[test]
pub(super) fn more_objects_fit_less_into_memory() {
    let more = drawn().drawn("objects", "400");
    assert_greater(&drawn(), &more, reads);
}

/// The same objects are drawn, each four times as large.
#[test]
pub(super) fn larger_bodies_are_more_bytes() {
    let larger = drawn().drawn("body_median", "32 KiB");
    assert_greater(&drawn(), &larger, bytes);
    for (small, large) in sizes(&drawn()).into_iter().zip(sizes(&larger)) {
        assert!(large.abs_diff(4 * small) <= 4);
    }
}

#[test]
pub(super) fn sizes_spread_as_much_as_sigma_says() {
    let same = drawn().drawn("body_sigma", "0.0");
    assert!(sizes(&same).iter().all(|&size| size == 8 << 10));
    for run in run_each(&same) {
        assert_eq!(run.bytes, run.responses.len() as u64 * (8192 + 256));
    }
    let logs: Vec<f64> = sizes(&drawn().drawn("objects", "4000"))
        .iter()
        .map(|&size| (size as f64).ln())
        .collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / logs.len() as f64;
    assert!((variance.sqrt() - 0.5).abs() < 0.02, "{variance}");
}

/// Half of the objects in a tail from 100 KB on.
fn with_tail() -> Bench {
    drawn()
        .drawn("tail_share", "0.5")
        .drawn("tail_min", "100 kB")
        .drawn("tail_shape", "1.5")
        .drawn("max_size", "10 MB")
}

#[test]
pub(super) fn a_tail_is_more_bytes() {
    let smaller = with_tail().drawn("tail_share", "0.1");
    assert_greater(&drawn(), &smaller, bytes);
    assert_greater(&smaller, &with_tail(), bytes);
}

#[test]
pub(super) fn a_tail_from_larger_sizes_on_is_more_bytes() {
    let larger = with_tail().drawn("tail_min", "500 kB");
    assert_greater(&with_tail(), &larger, bytes);
}

#[test]
pub(super) fn a_lighter_tail_is_fewer_bytes() {
    let lighter = with_tail().drawn("tail_shape", "5.0");
    assert_greater(&lighter, &with_tail(), bytes);
}

#[test]
pub(super) fn no_object_is_larger_than_max_size() {
    let limited = with_tail().drawn("max_size", "200 kB");
    assert_greater(&limited, &with_tail(), bytes);
    let largest = |bench| sizes(bench).into_iter().max().expect("some");
    assert!(largest(&limited) <= 200_000 && largest(&with_tail()) > 200_000);
}

#[test]
pub(super) fn a_steeper_popularity_reads_less() {
    let flat = drawn().drawn("objects", "400").drawn("zipf", "0.0");
    let steep = flat.clone().drawn("zipf", "1.5");
    assert_greater(&steep, &flat, reads);
}

#[test]
pub(super) fn longer_sessions_make_fewer_connections() {
    let longer = drawn().drawn("session_requests", "10.0");
    assert_greater(&longer, &drawn(), issued(OpKind::Accept));
    for run in run_each(&drawn()) {
        assert_eq!(issued(OpKind::Accept)(&run), 300.0);
    }
}

/// Pauses of the one client before its requests, by whether they begin a session.
fn pauses(bench: &Bench) -> Vec<(bool, Nanos)> {
    let records = bench.records(NB_B);
    let pause = |pair: &[RequestRecord]| {
        let ended = pair[0].sent_at + pair[0].response_time;
        (pair[1].index == 0, pair[1].sent_at - ended)
    };
    records.windows(2).map(pause).collect()
}

fn mean_pause(bench: &Bench, before_sessions: bool) -> f64 {
    let pauses = pauses(bench);
    let of_kind = pauses.iter().filter(|pause| pause.0 == before_sessions);
    let times: Vec<f64> = of_kind.map(|pause| pause.1.as_secs_f64()).collect();
    times.iter().sum::<f64>() / times.len() as f64
}

fn in_sessions() -> Bench {
    drawn().drawn("session_requests", "4.0")
}

#[test]
pub(super) fn thinking_separates_the_requests_of_a_session() {
    let thinking = in_sessions().drawn("think", "100 ms");
    assert_greater(&in_sessions(), &thinking, elapsed);
    assert_eq!(mean_pause(&thinking, true), 0.0);
    let mean = mean_pause(&thinking, false);
    assert!((0.08..0.12).contains(&mean), "{mean}");
}

#[test]
pub(super) fn thinking_separates_sessions() {
    let thinking = in_sessions().drawn("think_between", "100 ms");
    assert_greater(&in_sessions(), &thinking, elapsed);
    assert_eq!(mean_pause(&thinking, false), 0.0);
    let mean = mean_pause(&thinking, true);
    assert!((0.06..0.14).contains(&mean), "{mean}");
}

#[test]
pub(super) fn fixed_pauses_are_all_the_same() {
    let drawn = in_sessions()
        .drawn("think", "100 ms")
        .drawn("think_between", "100 ms");
    let fixed = drawn.clone().drawn("think_law", "fixed");
    let distinct = |bench| {
        let times = pauses(bench).into_iter().map(|(_, time)| time);
        times.collect::<BTreeSet<_>>()
    };
    assert_eq!(
        distinct(&fixed).into_iter().collect::<Vec<_>>(),
        [Nanos::from_millis(100)]
    );
    assert!(distinct(&drawn).len() > 250);
}

#[test]
pub(super) fn unmodified_objects_are_only_looked_up() {
    let half = drawn().drawn("not_modified", "0.5");
    assert_greater(&drawn(), &half, issued(OpKind::Stat));
    assert_greater(&half, &drawn(), bytes);
    for run in run_each(&drawn().drawn("not_modified", "1.0")) {
        assert_eq!(run.bytes, 300 * 256);
    }
}

#[test]
pub(super) fn missing_names_are_answered_so() {
    let half = drawn().drawn("missing", "0.5");
    assert_greater(&drawn(), &half, |run| run.failures.not_found as f64);
    for run in run_each(&drawn().drawn("missing", "1.0")) {
        assert_eq!(run.failures.not_found, 300);
    }
}
