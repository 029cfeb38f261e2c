//! `[network]`.

use sim::engine::Nanos;
use sim::run::Measured;
use sim::server::OpKind;

use super::{assert_greater, base, run_each};
use crate::bench::{Bench, NB_B};
use crate::measures::mean_response;

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

/// A CPU that costs nothing more after a pause, however long.
fn without_restarts(bench: Bench) -> Bench {
    let restarts = ["30us", "100us", "300us", "1ms", "3ms", "10ms"];
    restarts.iter().fold(bench, |bench, after| {
        bench
            .figure(&format!("idle.restart.after_{after}"), "0 ns")
            .figure(&format!("idle.cold.after_{after}"), "0 ns")
            .figure(&format!("idle.delay.after_{after}"), "0 ns")
    })
}

#[test]
pub(super) fn the_round_trip_time_adds_to_each_response() {
    let warm = without_restarts(Bench::new(vec![4096; 4]).plays(0..4)).set("run.start", "warm");
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

/// Sixteen clients that connect at once to a server that is busy with each request for 10 ms.
fn rush() -> Bench {
    let mut bench = Bench::new(vec![4096; 16]);
    for client in 0..16 {
        bench = bench.plays([client]);
    }
    bench.client_each().set("server.app_cpu", "10 ms")
}

#[test]
pub(super) fn a_smaller_backlog_drops_connections() {
    let small = rush().set("network.backlog", "4");
    assert_greater(&rush(), &small, |run| run.counters.dropped as f64);
    // They try again a second later: all are answered, some late.
    assert_greater(&rush(), &small, mean_response);
    for run in run_each(&small) {
        assert_eq!(run.responses.len(), 16);
    }
}

#[test]
pub(super) fn clients_that_do_not_retry_are_refused() {
    let small = rush().set("network.backlog", "2");
    let at_once = small.clone().set("network.syn_retries", "0");
    assert_greater(&small, &at_once, |run| run.failures.refused as f64);
    for run in run_each(&at_once) {
        assert_eq!(run.failures.refused, run.counters.dropped);
        assert_eq!(run.responses.len() as u64 + run.failures.refused, 16);
    }
}

/// Windows of 14600, 29200, 58400 bytes: a response of 200 KB waits for more of them, one of
/// 4 KB does not.
#[test]
pub(super) fn slow_start_adds_round_trips_to_large_responses() {
    let of = |size, slow_start| {
        let bench = Bench::new(vec![size; 2]).plays([0]).links("40 ms");
        bench.set("network.slow_start", slow_start).run(NB_B)
    };
    let large = ["false", "true"].map(|slow_start| mean_response(&of(200_000, slow_start)));
    let small = ["false", "true"].map(|slow_start| mean_response(&of(4096, slow_start)));
    assert_eq!(small[0], small[1]);
    assert!(large[1] - large[0] >= 2.0 * 40e6, "{large:?}");
}
