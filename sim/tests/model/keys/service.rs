//! `[network]`, `[server]`, `[workload]`.

use sim::engine::Nanos;
use sim::machine::cpu::Activity;
use sim::run::Measured;
use sim::scenario::Server;
use sim::server::OpKind;

use super::{assert_greater, base, reads, run_each, throughput};
use crate::bench::Bench;
use crate::measures::{fingerprint, mean_response};

fn issued(kind: OpKind) -> impl Fn(&Measured) -> f64 {
    move |run| run.counters.ops[kind as usize].issued as f64
}

#[test]
pub(super) fn on_loopback_the_clients_cost_cpu() {
    assert_greater(&base(), &base().loopback(), |run| {
        run.client_cpu.as_secs_f64()
    });
    assert!(
        run_each(&base())
            .iter()
            .all(|run| run.client_cpu == Nanos::ZERO)
    );
}

#[test]
pub(super) fn the_round_trip_time_adds_to_each_response() {
    let warm = Bench::new(vec![4096; 4])
        .plays(0..4)
        .set("run.start", "warm");
    let near = run_each(&warm.clone().set("network.rtt", "2 ms"));
    let far = run_each(&warm.set("network.rtt", "50 ms"));
    for (near, far) in near.iter().zip(&far) {
        let more = near
            .responses
            .iter()
            .map(|&time| time + Nanos::from_millis(48));
        assert_eq!(more.collect::<Vec<_>>(), far.responses);
    }
}

#[test]
pub(super) fn a_slower_client_link_makes_slower_responses() {
    let slow = base().set("network.client_link", "2 Mbit/s");
    assert_greater(&base(), &slow, mean_response);
}

#[test]
pub(super) fn a_slower_server_link_makes_slower_responses() {
    let slow = base().set("network.server_link", "5 Mbit/s");
    assert_greater(&base(), &slow, mean_response);
}

#[test]
pub(super) fn a_smaller_send_buffer_blocks_more_sends() {
    let blocks = |run: &Measured| run.counters.ops[OpKind::Send as usize].would_block as f64;
    let large = || {
        Bench::new(vec![1 << 20; 3])
            .plays(0..3)
            .plays(0..3)
            .client_each()
    };
    for large in [
        large().set("network.client_link", "20 Mbit/s"),
        large().set("network.server_link", "20 Mbit/s"),
        large().loopback(),
    ] {
        let (roomy, tight) = (
            large.clone().set("network.send_buffer", "2 MiB"),
            large.set("network.send_buffer", "64 KiB"),
        );
        assert_greater(&roomy, &tight, blocks);
    }
}

#[test]
pub(super) fn smaller_chunks_take_more_calls() {
    let small = base().set("server.chunk", "4 KiB");
    for kind in [OpKind::Read, OpKind::Send] {
        assert_greater(&base(), &small, issued(kind));
    }
}

#[test]
pub(super) fn more_helpers_keep_more_reads_at_the_disk() {
    let run = |helpers, server| base().set("server.helpers", helpers).run(server);
    let (one, four) = (run("1", Server::NbAmped), run("4", Server::NbAmped));
    assert!(one.disk.waiting < four.disk.waiting);
    assert!(mean_response(&four) < mean_response(&one));
    for server in [Server::NbB, Server::NbLaio] {
        let (one, four) = (run("1", server), run("4", server));
        assert_eq!(fingerprint(&one), fingerprint(&four));
    }
}

/// LAIO needs no meter: its continuations tell what blocked.
#[test]
pub(super) fn the_meter_costs_cpu() {
    let (bare, metered) = (base(), base().set("server.metered", "true"));
    let meter = |run: &Measured| run.server_cpu[Activity::Meter as usize];
    assert!(run_each(&bare).iter().all(|run| meter(run) == Nanos::ZERO));
    let metered = run_each(&metered).map(|run| meter(&run) > Nanos::ZERO);
    assert_eq!(metered, [true, true, false]);
}

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
    assert_eq!(issued(OpKind::Accept)(&short.run(Server::NbB)), 6.0 * 16.0);
    assert_eq!(issued(OpKind::Accept)(&long.run(Server::NbB)), 6.0);
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
