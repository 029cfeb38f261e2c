//! A key counts for every server that it concerns, and for no other.

use sim::scenario::Structure::{
    self, LaioLaio, Mp, Mt, NbAmped, NbAmtedNowait, NbB, NbLaio, NbUringHybrid,
};

use super::{base, computing};
use crate::bench::{Bench, each_server};
use crate::measures::fingerprint;

/// `key = value` changes the results of all servers but `others`.
fn assert_counts_but_for(bench: &Bench, key: &str, value: &str, others: &[Structure]) {
    let changed = bench.clone().set(key, value);
    let servers = each_server();
    let (with, without) = (changed.run_each(&servers), bench.run_each(&servers));
    for (server, (with, without)) in servers.iter().zip(with.iter().zip(&without)) {
        let is_other = others.contains(&server.structure);
        let same = fingerprint(with) == fingerprint(without);
        assert_eq!(same, is_other, "{key} = {value}: {server}");
    }
}

#[test]
fn keys_of_the_machine_count_for_every_server() {
    let two = base().set("machine.cpus", "2");
    assert_counts_but_for(&two, "machine.pinned", "false", &[]);
    // A loop that does everything itself has nobody to share the CPU with.
    assert_counts_but_for(&base(), "machine.wakeup_preemption", "true", &[NbB]);
    let small = base().set("server.chunk", "4 KiB");
    assert_counts_but_for(&small, "cache.read_ahead", "0 B", &[]);
    assert_counts_but_for(&base(), "files.unreadable", "40", &[]);
    assert_counts_but_for(&base(), "run.start", "warm", &[]);
}

#[test]
fn keys_of_the_clients_count_for_every_server() {
    let far = base().set("network.rtt", "10 ms");
    assert_counts_but_for(&far, "network.slow_start", "true", &[]);
    // Of many processes enough wait for connections.
    assert_counts_but_for(&far, "network.backlog", "2", &[Mp, Mt]);
    let one = far.set("server.processes", "1").set("server.threads", "1");
    assert_counts_but_for(&one, "network.backlog", "2", &[]);
    assert_counts_but_for(&base(), "workload.patience", "20 ms", &[]);
    assert_counts_but_for(&base(), "workload.think", "20 ms", &[]);
}

#[test]
fn keys_of_the_script_count_for_every_server() {
    for (key, value) in [
        ("server.app_cpu", "1 ms"),
        ("server.log", "true"),
        ("server.chunk", "4 KiB"),
        ("server.persistent", "false"),
        ("server.copies", "3"),
    ] {
        assert_counts_but_for(&base(), key, value, &[]);
    }
}

#[test]
fn kept_names_and_files_count_for_every_server() {
    let asks = (0..64).map(|i| (i % 8, true)).collect();
    let stats = Bench::new(vec![4096; 8]).asks(asks);
    // A process has a share of the names that is for one of them.
    let one_each = stats.clone().set("server.processes", "64");
    assert_counts_but_for(&one_each, "server.name_cache", "64", &[Mp]);
    assert_counts_but_for(&stats, "server.name_cache", "1000", &[]);
    let opens = Bench::new(vec![4096; 8]).plays((0..64).map(|i| i % 8));
    assert_counts_but_for(&opens, "server.file_cache", "1 MiB", &[]);
}

/// What has no loop waits in accept and receive; LAIO's own loop polls for all at once.
#[test]
fn keys_of_the_loop_count_for_servers_that_have_one() {
    let crowd = computing().set("server.persistent", "false");
    assert_counts_but_for(&crowd, "server.accept", "drain", &[Mp, Mt]);
    let spread = base()
        .set("network.rtt", "1 ms")
        .set("server.app_cpu", "1 ms");
    assert_counts_but_for(&spread, "server.max_events", "1", &[LaioLaio, Mp, Mt]);
}

#[test]
fn the_test_of_names_counts_for_servers_that_test_first() {
    let warm = Bench::new(vec![4096; 8])
        .plays(0..8)
        .set("run.start", "warm");
    let testing = [NbAmped, NbAmtedNowait, NbUringHybrid];
    let others = Structure::ALL.into_iter();
    let others: Vec<_> = others.filter(|other| !testing.contains(other)).collect();
    assert_counts_but_for(&warm, "server.name_test", "none", &others);
}

/// LAIO needs none: its continuations tell what blocked.
#[test]
fn the_meter_counts_for_servers_that_run_it() {
    assert_counts_but_for(&base(), "server.metered", "true", &[NbLaio, LaioLaio]);
}
