//! Which test shows what a key does.

use super::{
    arrivals, cache, machine, network, pools, run, scenario, service, synthetic, workload,
};

/// The test of each key. A key without one fails `each_key_has_a_test`.
pub(super) const TESTS: &[(&str, fn())] = &[
    (
        "extends",
        scenario::what_a_scenario_extends_holds_where_it_says_nothing,
    ),
    ("title", scenario::title_is_the_loaded_scenarios),
    (
        "servers",
        scenario::servers_are_those_that_run_in_their_order,
    ),
    ("axes", scenario::axes_make_a_point_of_each_value),
    (
        "machine.profile",
        machine::a_profile_with_another_figure_gives_another_result,
    ),
    (
        "machine.disk",
        machine::a_slower_disk_makes_slower_responses,
    ),
    ("machine.disks", machine::more_disks_read_at_once),
    (
        "machine.stripe",
        machine::stripes_have_one_file_read_from_all_disks,
    ),
    (
        "machine.scheduling",
        machine::each_order_of_a_queue_is_another_and_shorter_than_fcfs,
    ),
    ("machine.cpus", machine::a_second_cpu_runs_a_second_copy),
    (
        "machine.pinned",
        machine::threads_that_may_move_use_both_cpus,
    ),
    ("machine.quantum", machine::a_short_quantum_lets_workers_in),
    (
        "machine.wakeup_preemption",
        machine::wakeup_preemption_lets_workers_in,
    ),
    ("cache.memory", cache::more_memory_reads_less),
    (
        "cache.policy",
        cache::policies_differ_in_what_they_keep_through_a_scan,
    ),
    (
        "cache.proactive_pageout",
        cache::proactive_pageout_reads_again,
    ),
    (
        "cache.read_ahead",
        cache::reading_ahead_takes_fewer_and_larger_reads,
    ),
    ("files.span", cache::files_further_apart_take_longer_seeks),
    ("files.unreadable", cache::unreadable_pages_break_responses),
    (
        "network.loopback",
        network::on_loopback_the_clients_cost_cpu,
    ),
    (
        "network.rtt",
        network::the_round_trip_time_adds_to_each_response,
    ),
    (
        "network.client_link",
        network::a_slower_client_link_makes_slower_responses,
    ),
    (
        "network.server_link",
        network::a_slower_server_link_makes_slower_responses,
    ),
    (
        "network.send_buffer",
        network::a_smaller_send_buffer_blocks_more_sends,
    ),
    (
        "network.backlog",
        network::a_smaller_backlog_drops_connections,
    ),
    (
        "network.syn_retries",
        network::clients_that_do_not_retry_are_refused,
    ),
    (
        "network.slow_start",
        network::slow_start_adds_round_trips_to_large_responses,
    ),
    ("server.data_path", service::data_paths_make_their_own_calls),
    ("server.chunk", service::smaller_chunks_take_more_calls),
    ("server.copies", service::copies_read_at_once),
    (
        "server.persistent",
        service::without_persistence_each_request_has_a_connection,
    ),
    ("server.name_cache", service::kept_names_save_stats),
    ("server.file_cache", service::kept_files_save_opens),
    ("server.app_cpu", service::computing_adds_to_each_response),
    ("server.log", service::a_log_is_written_once_a_request),
    ("server.accept", service::draining_accepts_saves_epoll_waits),
    ("server.max_events", service::fewer_events_take_more_waits),
    ("server.metered", service::the_meter_costs_cpu),
    (
        "server.helpers",
        pools::more_helpers_keep_more_reads_at_the_disk,
    ),
    (
        "server.name_helpers",
        pools::name_helpers_keep_names_from_waiting_for_reads,
    ),
    (
        "server.name_test",
        pools::without_a_test_of_names_helpers_look_them_all_up,
    ),
    (
        "server.pool_threads",
        pools::more_threads_in_the_pool_keep_more_reads_at_the_disk,
    ),
    ("server.aio", pools::glibc_wakes_a_thread_for_cached_reads),
    (
        "server.aio_workers",
        pools::more_aio_workers_keep_more_reads_at_the_disk,
    ),
    (
        "server.uring_workers",
        pools::more_uring_workers_look_up_more_names_at_once,
    ),
    ("server.carriers", pools::fewer_carriers_stall_the_loop),
    ("server.processes", pools::more_processes_read_at_once),
    ("server.threads", pools::more_threads_read_at_once),
    (
        "workload.trace",
        workload::another_trace_gives_another_result,
    ),
    (
        "workload.clients",
        workload::more_clients_give_more_throughput,
    ),
    (
        "workload.gap",
        workload::a_longer_gap_makes_fewer_connections,
    ),
    ("workload.requests", workload::fewer_requests_are_played),
    ("workload.time_scale", workload::a_trace_can_be_stretched),
    ("workload.think", workload::pauses_separate_requests),
    (
        "workload.patience",
        workload::impatient_clients_give_requests_up,
    ),
    (
        "workload.arrivals.kind",
        arrivals::each_kind_has_arrivals_of_its_own,
    ),
    (
        "workload.arrivals.rate",
        arrivals::a_higher_rate_begins_sessions_sooner,
    ),
    (
        "workload.arrivals.on",
        arrivals::longer_on_periods_begin_more_sessions,
    ),
    (
        "workload.arrivals.off",
        arrivals::longer_off_periods_begin_fewer_sessions,
    ),
    (
        "workload.arrivals.periods",
        arrivals::fixed_periods_end_when_they_say,
    ),
    (
        "workload.arrivals.points",
        arrivals::a_higher_curve_begins_sessions_sooner,
    ),
    (
        "workload.synthetic.preset",
        synthetic::a_preset_stands_for_its_values,
    ),
    (
        "workload.synthetic.objects",
        synthetic::more_objects_fit_less_into_memory,
    ),
    (
        "workload.synthetic.body_median",
        synthetic::larger_bodies_are_more_bytes,
    ),
    (
        "workload.synthetic.body_sigma",
        synthetic::sizes_spread_as_much_as_sigma_says,
    ),
    (
        "workload.synthetic.tail_share",
        synthetic::a_tail_is_more_bytes,
    ),
    (
        "workload.synthetic.tail_min",
        synthetic::a_tail_from_larger_sizes_on_is_more_bytes,
    ),
    (
        "workload.synthetic.tail_shape",
        synthetic::a_lighter_tail_is_fewer_bytes,
    ),
    (
        "workload.synthetic.max_size",
        synthetic::no_object_is_larger_than_max_size,
    ),
    (
        "workload.synthetic.zipf",
        synthetic::a_steeper_popularity_reads_less,
    ),
    (
        "workload.synthetic.session_requests",
        synthetic::longer_sessions_make_fewer_connections,
    ),
    (
        "workload.synthetic.think",
        synthetic::thinking_separates_the_requests_of_a_session,
    ),
    (
        "workload.synthetic.think_between",
        synthetic::thinking_separates_sessions,
    ),
    (
        "workload.synthetic.think_law",
        synthetic::fixed_pauses_are_all_the_same,
    ),
    (
        "workload.synthetic.not_modified",
        synthetic::unmodified_objects_are_only_looked_up,
    ),
    (
        "workload.synthetic.missing",
        synthetic::missing_names_are_answered_so,
    ),
    ("run.start", run::a_warm_start_reads_less),
    ("run.duration", run::a_longer_run_answers_more),
    ("run.warm_up", run::the_warm_up_is_left_out_unless_it_is_off),
    (
        "run.replications",
        run::more_replications_narrow_the_interval,
    ),
    (
        "run.precision",
        run::a_finer_precision_takes_more_replications,
    ),
    (
        "run.max_replications",
        run::no_more_replications_than_allowed_are_made,
    ),
    ("run.seed", run::another_seed_places_files_elsewhere),
    ("run.run_ahead", run::running_ahead_takes_fewer_events),
];

/// Keys that change no result of the simulator, and why.
pub(super) const ELSEWHERE: [(&str, &str); 1] =
    [("paper.compare", "what the program prints beside a result")];
