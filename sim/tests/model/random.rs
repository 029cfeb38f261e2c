//! Small random experiments of every kind.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::bench::{Ask, Bench};

/// Sizes at and around what matters: nothing, a page, a chunk, a segment, a read-ahead window.
fn size() -> impl Strategy<Value = u64> {
    const EDGES: [u64; 7] = [0, 1000, 4096, 5000, 8192, 65_536, 131_072];
    prop_oneof![
        2 => (select(&EDGES[..]), 0u64..3).prop_map(|(edge, more)| (edge + more).saturating_sub(1)),
        1 => 0u64..20_000,
        1 => 0u64..400_000,
    ]
}

fn sequences(objects: u32) -> impl Strategy<Value = Vec<Vec<Ask>>> {
    let ask = (0..objects, prop::bool::weighted(0.15));
    vec(vec(ask, 1..10), 1..9)
}

fn load() -> impl Strategy<Value = Bench> {
    vec(size(), 1..16).prop_flat_map(|sizes| {
        sequences(sizes.len() as u32).prop_map(move |sequences| {
            sequences
                .into_iter()
                .fold(Bench::new(sizes.clone()), Bench::asks)
                .small_processes()
        })
    })
}

fn set(
    key: &'static str,
    values: &'static [&'static str],
) -> impl Strategy<Value = (String, String)> {
    select(values).prop_map(move |value| (key.to_owned(), value.to_owned()))
}

fn keys() -> impl Strategy<Value = Vec<(String, String)>> {
    let machine = (
        set("cache.memory", &["512 KiB", "1 MiB", "64 MiB"]),
        set("cache.read_ahead", &["0 B", "16 KiB", "128 KiB"]),
        set("machine.scheduling", &["fcfs", "c-look"]),
        set("machine.wakeup_preemption", &["false", "true"]),
        set("machine.quantum", &["50 us", "3 ms"]),
    );
    let server = (
        set("workload.clients", &["1", "2", "3", "6"]),
        set("server.helpers", &["1", "2", "3", "4"]),
        set("server.chunk", &["1000 B", "4096 B", "5000 B", "64 KiB"]),
        set("server.metered", &["false", "true"]),
        set("network.send_buffer", &["4 KiB", "64 KiB", "208 KiB"]),
        set("run.start", &["cold", "warm"]),
    );
    (machine, server)
        .prop_map(|((a, b, c, d, e), (f, g, h, i, j, k))| vec![a, b, c, d, e, f, g, h, i, j, k])
}

fn links() -> impl Strategy<Value = Vec<(String, String)>> {
    (
        set("network.rtt", &["0 ms", "333 ns", "1 ms", "20 ms"]),
        set(
            "network.client_link",
            &["unlimited", "10 Mbit/s", "100 Mbit/s"],
        ),
        set(
            "network.server_link",
            &["unlimited", "50 Mbit/s", "1 Gbit/s"],
        ),
    )
        .prop_map(|(a, b, c)| vec![a, b, c])
}

/// On a drive or a disk of 1 ms, on loopback or links, in little memory or much.
pub(crate) fn any_bench() -> impl Strategy<Value = Bench> {
    let attached = prop::option::of(links());
    (load(), keys(), attached, any::<bool>()).prop_map(|(bench, keys, links, drive)| {
        let bench = if drive { bench.cheetah() } else { bench };
        let bench = match &links {
            None => bench.loopback(),
            Some(_) => bench,
        };
        let all = keys.into_iter().chain(links.into_iter().flatten());
        all.fold(bench, |bench, (key, value)| bench.set(&key, &value))
    })
}
