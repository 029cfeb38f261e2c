//! `[workload]`, without its tables.

use sim::engine::Nanos;
use sim::server::OpKind;

use super::{assert_greater, base, elapsed, issued, reads, run_each, throughput};
use crate::bench::{Bench, NB_B};

#[test]
pub(super) fn another_trace_gives_another_result() {
    let one = Bench::new(vec![4096; 8]).plays(0..8);
    let other = Bench::new(vec![4096; 8]).plays(0..7);
    assert_greater(&other, &one, reads);
}

#[test]
pub(super) fn more_clients_give_more_throughput() {
    let far = base().set("network.rtt", "50 ms");
    let few = far.clone().set("workload.clients", "2");
    assert_greater(&few, &far, throughput);
}

#[test]
pub(super) fn a_longer_gap_makes_fewer_connections() {
    let spaced = base().recorded_gap(Nanos::from_millis(5_000));
    let (short, long) = (
        spaced.clone().set("workload.gap", "4 s"),
        spaced.set("workload.gap", "5 s"),
    );
    assert_greater(&long, &short, issued(OpKind::Accept));
    assert_eq!(issued(OpKind::Accept)(&short.run(NB_B)), 6.0 * 16.0);
    assert_eq!(issued(OpKind::Accept)(&long.run(NB_B)), 6.0);
}

/// Whole sequences, up to the one that brings so many: of six with sixteen, three.
#[test]
pub(super) fn fewer_requests_are_played() {
    for run in run_each(&base().set("workload.requests", "40")) {
        assert_eq!(run.responses.len(), 48);
    }
    for run in run_each(&base()) {
        assert_eq!(run.responses.len(), 96);
    }
}

#[test]
pub(super) fn a_trace_can_be_stretched() {
    let at_its_times = base()
        .recorded_gap(Nanos::from_millis(1_000))
        .arrivals(&[("kind", "trace")]);
    let slower = at_its_times.clone().set("workload.time_scale", "2");
    // Fifteen gaps, and the last response.
    let within = |bench: &Bench, seconds: f64| {
        for run in run_each(bench) {
            let time = elapsed(&run);
            assert!((seconds..seconds + 0.5).contains(&time), "{time}");
        }
    };
    within(&at_its_times, 15.0);
    within(&slower, 30.0);
}

#[test]
pub(super) fn pauses_separate_requests() {
    let thinking = base().set("workload.think", "50 ms");
    assert_greater(&base(), &thinking, elapsed);
    let records = thinking.records(NB_B);
    for (index, record) in records.iter().enumerate() {
        let mut later = records[index + 1..].iter();
        let Some(next) = later.find(|later| later.client == record.client) else {
            continue;
        };
        let pause = next.sent_at - (record.sent_at + record.response_time);
        assert_eq!(pause, Nanos::from_millis(50));
    }
}

#[test]
pub(super) fn impatient_clients_give_requests_up() {
    let slow = base().fixed_disk_ms(20.0);
    let hasty = slow.clone().set("workload.patience", "150 ms");
    assert_greater(&slow, &hasty, |run| run.failures.abandoned as f64);
    for run in run_each(&slow) {
        assert_eq!(run.failures.abandoned, 0);
    }
    for run in run_each(&hasty) {
        let longest = run.responses.iter().max().expect("some");
        assert!(*longest <= Nanos::from_millis(150));
    }
}
