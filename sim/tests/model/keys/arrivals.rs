//! `[workload.arrivals]`.

use sim::engine::Nanos;

use super::{assert_greater, elapsed, run_each};
use crate::bench::{Bench, NB_B};
use crate::measures::fingerprint;

/// Two hundred sessions of a request each, at a server that is hardly busy.
fn sessions() -> Bench {
    (0..200).fold(Bench::new(vec![4096; 8]), |bench, session| {
        bench.plays([session % 8])
    })
}

fn poisson(rate: &str) -> Bench {
    sessions().arrivals(&[("kind", "poisson"), ("rate", rate)])
}

fn on_off(on: &str, off: &str) -> Bench {
    sessions().arrivals(&[
        ("kind", "on-off"),
        ("rate", "100"),
        ("on", on),
        ("off", off),
    ])
}

fn curve(points: &str) -> Bench {
    sessions().arrivals(&[("kind", "curve"), ("points", points)])
}

#[test]
pub(super) fn each_kind_has_arrivals_of_its_own() {
    let kinds = [
        poisson("100"),
        on_off("200 ms", "200 ms"),
        curve("[[\"0 s\", 20], [\"4 s\", 120]]"),
        sessions().arrivals(&[("kind", "trace")]),
    ];
    let runs = kinds.map(|bench| bench.run(NB_B));
    for (index, one) in runs.iter().enumerate() {
        assert_eq!(one.responses.len(), 200);
        for other in &runs[..index] {
            assert_ne!(fingerprint(one), fingerprint(other));
        }
    }
    // All of the trace's begin at its first instant.
    let at_once = runs.map(|run| elapsed(&run));
    assert!(at_once[3] < at_once[0] && at_once[3] < at_once[1] && at_once[3] < at_once[2]);
}

/// The same arrivals, closer together.
#[test]
pub(super) fn a_higher_rate_begins_sessions_sooner() {
    let times = ["50", "100"].map(|rate| run_each(&poisson(rate)).map(|run| elapsed(&run)));
    for (slow, fast) in times[0].iter().zip(&times[1]) {
        let ratio = slow / fast;
        assert!((1.9..=2.1).contains(&ratio), "{ratio}");
    }
}

#[test]
pub(super) fn longer_on_periods_begin_more_sessions() {
    let (short, long) = (on_off("100 ms", "400 ms"), on_off("800 ms", "400 ms"));
    assert_greater(&long, &short, elapsed);
}

#[test]
pub(super) fn longer_off_periods_begin_fewer_sessions() {
    let (short, long) = (on_off("200 ms", "100 ms"), on_off("200 ms", "800 ms"));
    assert_greater(&short, &long, elapsed);
}

/// Of periods of 200 ms and 300 ms nothing begins in the last three fifths.
#[test]
pub(super) fn fixed_periods_end_when_they_say() {
    let drawn = on_off("200 ms", "300 ms");
    let fixed = drawn.clone().set("workload.arrivals.periods", "fixed");
    let off = |bench: &Bench| {
        let records = bench.records(NB_B);
        let begun = records.iter().map(|record| record.sent_at.0);
        begun
            .filter(|at| at % Nanos::from_millis(500).0 > Nanos::from_millis(200).0)
            .count()
    };
    assert_eq!(off(&fixed), 0);
    assert!(off(&drawn) > 0);
}

#[test]
pub(super) fn a_higher_curve_begins_sessions_sooner() {
    let low = curve("[[\"0 s\", 10], [\"4 s\", 60]]");
    let high = curve("[[\"0 s\", 20], [\"4 s\", 120]]");
    assert_greater(&high, &low, elapsed);
}
