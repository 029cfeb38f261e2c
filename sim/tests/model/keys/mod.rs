//! Every key of a scenario changes some result, in the direction that it should.

use std::collections::BTreeSet;

use sim::run::Measured;
use sim::scenario::{Server, Structure};
use sim::server::OpKind;

use crate::bench::{Bench, VALIDATED};
use crate::measures::fingerprint;
use list::{ELSEWHERE, TESTS};

mod arrivals;
mod cache;
mod each_server;
mod list;
mod machine;
mod network;
mod pools;
mod run;
mod scenario;
mod service;
mod synthetic;
mod workload;

/// Sixty objects of up to 60 KB, six clients with sixteen requests each.
fn base() -> Bench {
    let sizes = (0..60).map(|i| 300 + i * i * 7919 % 60_000).collect();
    (0..6)
        .fold(Bench::new(sizes), |bench, client| {
            bench.plays((0..16).map(|i| (client * 10 + i * i * 3) % 60))
        })
        .client_each()
        .small_processes()
        .cheetah()
}

/// So many clients with as many requests each, all for different objects of a page; 5 ms a read.
fn many_reads(clients: u32) -> Bench {
    (0..clients)
        .fold(
            Bench::new(vec![4096; (clients * clients) as usize]),
            |bench, client| bench.plays(client * clients..(client + 1) * clients),
        )
        .client_each()
        .fixed_disk_ms(5.0)
}

/// Eight clients whose requests are but computation.
fn computing() -> Bench {
    let mut bench = Bench::new(vec![4096]);
    for _ in 0..8 {
        bench = bench.plays([0; 10]);
    }
    bench.client_each().set("server.app_cpu", "5 ms")
}

#[test]
fn each_key_has_a_test() {
    let tested = TESTS.iter().map(|(key, _)| *key);
    let listed: Vec<&str> = tested.chain(ELSEWHERE.map(|(key, _)| key)).collect();
    let distinct: BTreeSet<String> = listed.iter().map(|&key| key.to_owned()).collect();
    assert_eq!(distinct.len(), listed.len(), "each key stands once");
    let documented = sim::scenario::reference::keys();
    let documented = documented.into_iter().map(|key| key.name);
    assert_eq!(distinct, documented.collect());
}

fn run_each(bench: &Bench) -> [Measured; 3] {
    let runs = bench.run_each(&VALIDATED);
    runs.try_into().expect("a run of each")
}

fn run(bench: &Bench, structure: Structure) -> Measured {
    bench.run(Server::plain(structure))
}

/// For every server, `what` is greater in `more` than in `less`.
fn assert_greater(less: &Bench, more: &Bench, what: impl Fn(&Measured) -> f64) {
    assert_greater_for(&VALIDATED.map(|server| server.structure), less, more, what);
}

/// For these servers, `what` is greater in `more` than in `less`.
fn assert_greater_for(
    structures: &[Structure],
    less: &Bench,
    more: &Bench,
    what: impl Fn(&Measured) -> f64,
) {
    for &structure in structures {
        let (less, more) = (what(&run(less, structure)), what(&run(more, structure)));
        assert!(less < more, "{}: {less}, {more}", structure.name());
    }
}

/// For these servers, the two come to the same.
fn assert_same_for(structures: &[Structure], one: &Bench, other: &Bench) {
    for &structure in structures {
        let (one, other) = (run(one, structure), run(other, structure));
        assert_eq!(fingerprint(&one), fingerprint(&other), "{structure:?}");
    }
}

fn reads(run: &Measured) -> f64 {
    run.disk.requests as f64
}

fn service_time(run: &Measured) -> f64 {
    run.disk.busy.as_secs_f64() / run.disk.requests as f64
}

fn bytes(run: &Measured) -> f64 {
    run.bytes as f64
}

fn elapsed(run: &Measured) -> f64 {
    run.elapsed.as_secs_f64()
}

fn throughput(run: &Measured) -> f64 {
    run.responses.len() as f64 / run.elapsed.as_secs_f64()
}

fn issued(kind: OpKind) -> impl Fn(&Measured) -> f64 {
    move |run| run.counters.ops[kind as usize].issued as f64
}
