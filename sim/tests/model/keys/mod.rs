//! Every key of a scenario changes some result, in the direction that it should.

use sim::run::Measured;
use sim::scenario::Server;

use crate::bench::Bench;

mod machine;
mod service;

/// The test of each key. A key without one fails `each_key_has_a_test`.
const TESTS: [(&str, fn()); 29] = [
    ("title", machine::title_is_the_loaded_scenarios),
    (
        "servers",
        machine::servers_are_those_that_run_in_their_order,
    ),
    (
        "machine.profile",
        machine::a_profile_with_another_figure_gives_another_result,
    ),
    (
        "machine.disk",
        machine::a_slower_disk_makes_slower_responses,
    ),
    (
        "machine.scheduling",
        machine::c_look_serves_a_queue_faster_than_fcfs,
    ),
    ("machine.quantum", machine::a_short_quantum_lets_workers_in),
    (
        "machine.wakeup_preemption",
        machine::wakeup_preemption_lets_workers_in,
    ),
    ("cache.memory", machine::more_memory_reads_less),
    (
        "cache.policy",
        machine::linux_keeps_what_was_used_twice_through_a_scan,
    ),
    (
        "cache.proactive_pageout",
        machine::proactive_pageout_reads_again,
    ),
    (
        "cache.read_ahead",
        machine::reading_ahead_takes_fewer_and_larger_reads,
    ),
    ("files.span", machine::files_further_apart_take_longer_seeks),
    (
        "network.loopback",
        service::on_loopback_the_clients_cost_cpu,
    ),
    (
        "network.rtt",
        service::the_round_trip_time_adds_to_each_response,
    ),
    (
        "network.client_link",
        service::a_slower_client_link_makes_slower_responses,
    ),
    (
        "network.server_link",
        service::a_slower_server_link_makes_slower_responses,
    ),
    (
        "network.send_buffer",
        service::a_smaller_send_buffer_blocks_more_sends,
    ),
    ("server.chunk", service::smaller_chunks_take_more_calls),
    (
        "server.helpers",
        service::more_helpers_keep_more_reads_at_the_disk,
    ),
    ("server.metered", service::the_meter_costs_cpu),
    (
        "workload.trace",
        service::another_trace_gives_another_result,
    ),
    (
        "workload.clients",
        service::more_clients_give_more_throughput,
    ),
    (
        "workload.gap",
        service::a_longer_gap_makes_fewer_connections,
    ),
    ("workload.requests", service::fewer_requests_are_played),
    ("run.start", machine::a_warm_start_reads_less),
    (
        "run.replications",
        machine::more_replications_narrow_the_interval,
    ),
    ("run.seed", machine::another_seed_places_files_elsewhere),
    ("run.run_ahead", machine::running_ahead_takes_fewer_events),
    ("axes", machine::axes_make_a_point_of_each_value),
];

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

/// Every optional key, so that the schema is whole.
fn with_every_key() -> Bench {
    base()
        .set("files.span", "100 MiB")
        .set("workload.requests", "1000")
}

#[test]
fn each_key_has_a_test() {
    let scenario = with_every_key().load().points.remove(0).scenario;
    let table = toml::Table::try_from(&scenario).expect("scenarios are written as they are read");
    let mut keys = Vec::new();
    for (key, value) in &table {
        match value.as_table().filter(|inner| !inner.is_empty()) {
            Some(inner) => keys.extend(inner.keys().map(|name| format!("{key}.{name}"))),
            None => keys.push(key.clone()),
        }
    }
    let mut tested: Vec<&str> = TESTS.iter().map(|(key, _)| *key).collect();
    tested.sort_unstable();
    keys.sort_unstable();
    assert_eq!(keys, tested);
}

fn run_each(bench: &Bench) -> [Measured; 3] {
    Server::ALL.map(|server| bench.run(server))
}

/// For every server, `what` is greater in `more` than in `less`.
fn assert_greater(less: &Bench, more: &Bench, what: impl Fn(&Measured) -> f64) {
    for (server, (less, more)) in Server::ALL
        .iter()
        .zip(run_each(less).iter().zip(&run_each(more)))
    {
        let (less, more) = (what(less), what(more));
        assert!(less < more, "{}: {less}, {more}", server.name());
    }
}

fn reads(run: &Measured) -> f64 {
    run.disk.requests as f64
}

fn throughput(run: &Measured) -> f64 {
    run.responses.len() as f64 / run.elapsed.as_secs_f64()
}
