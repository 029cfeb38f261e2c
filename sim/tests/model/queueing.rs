//! Closed queues whose solution is known, played by the whole simulator: clients, network, event
//! loop, I/O interface, machine, disk.
//!
//! A machine without CPU costs and with one disk is the machine-repair queue M/M/1//N: the
//! round-trip time is the time to think (any distribution of it gives the same means), the disk the
//! one server, first come first served. Every request is one disk read: its name is cached, its
//! file of one page is one of so many that it is forgotten before it is asked for again.
//!
//! Open queues, loss systems and networks of queues are in the tests of theory; the disk alone is
//! held against M/D/1 in the tests of the disk.

use sim::engine::Nanos;
use sim::run::Measured;
use sim::stats::Estimate;

use crate::bench::{Bench, HEADER, NB_AMPED, NB_B, NB_LAIO, PAGE, VALIDATED};
use crate::closed_form::closed_form;
use crate::measures::{cpu_time, mean_response};

/// `clients` clients with `each` requests apiece, on a machine without CPU costs. They go round
/// 1,024 files, of which the memory holds 160; names take no memory.
fn lone_reads(clients: u32, each: u32) -> Bench {
    const FILES: u32 = 1024;
    let bench = Bench::new(vec![PAGE; FILES as usize])
        .free()
        .set("cache.memory", "640 KiB")
        .set("machine.scheduling", "fcfs")
        .set("run.start", "warm");
    let own = FILES / clients;
    (0..clients)
        .fold(bench, |bench, client| {
            bench.plays((0..each).map(|i| client * own + i % own))
        })
        .client_each()
}

fn assert_one_read_each(run: &Measured) {
    assert_eq!(run.disk.requests, run.responses.len() as u64);
}

/// Throughput is biased by the end, when clients finish one after the other: of 1,500 requests each
/// the last client's end is some 1 % later than the mean one's.
#[test]
fn closed_clients_on_an_exponential_disk_are_machine_repair_for_every_server() {
    for (clients, parameters) in [(10, "N=10 c=1 Z=10 S=1"), (20, "N=20 c=1 Z=10 S=1")] {
        let expected = |quantity| closed_form("machine repair M/M/c//N", parameters, quantity);
        let bench = lone_reads(clients, 1500)
            .exponential_disk_ms(1.0)
            .set("network.rtt", "10 ms");
        for server in VALIDATED {
            let runs: Vec<Measured> = (0..5).map(|i| bench.replicate(server, i)).collect();
            runs.iter().for_each(assert_one_read_each);
            let at_disk = |run: &Measured| mean_response(run) / 1e6 - 10.0;
            let per_ms = |run: &Measured| run.responses.len() as f64 / run.elapsed.as_millis_f64();
            assert_agrees("R", &runs, at_disk, expected("R"), 0.005);
            assert_agrees("X", &runs, per_ms, expected("X"), 0.01);
        }
    }
}

/// Agreement within the interval of the replications and `bias` of the expected value.
fn assert_agrees(
    what: &str,
    runs: &[Measured],
    value: impl Fn(&Measured) -> f64,
    expected: f64,
    bias: f64,
) {
    let values: Vec<f64> = runs.iter().map(value).collect();
    let estimate = Estimate::of(&values).expect("several");
    let half = estimate.half_width.expect("several");
    println!("{what}: {:.4} +- {half:.4} / {expected:.4}", estimate.mean);
    assert!(half > 0.0, "replications of a random disk differ");
    assert!(
        half < 0.05 * expected,
        "{what}: too wide an interval, {half}"
    );
    assert!(
        (estimate.mean - expected).abs() < half + bias * expected,
        "{what}: {estimate:?} against {expected}"
    );
}

/// With one client nothing ever waits, so constant times give the same means as exponential ones.
#[test]
fn one_client_takes_the_sum_of_its_demands() {
    let row = |quantity| closed_form("closed MVA", "N=1 Z=10 D_cpu=1 D_disk=1.6", quantity);
    let bench = lone_reads(1, 1000)
        .fixed_disk_ms(1.6)
        .figure("call.parse", "1 ms")
        .set("network.rtt", "10 ms");
    for server in VALIDATED {
        let run = bench.run(server);
        assert_one_read_each(&run);
        let per_ms = run.responses.len() as f64 / (run.elapsed.as_millis_f64() - 10.0);
        assert!((mean_response(&run) / 1e6 - 10.0 - row("R")).abs() < 1e-9);
        assert!((per_ms - row("X")).abs() < 1e-9, "{per_ms}");
        let queue = run.disk.busy.as_millis_f64() / (run.elapsed.as_millis_f64() - 10.0);
        assert!((queue - row("Q_disk")).abs() < 1e-9, "{queue}");
    }
}

/// n requests of CPU time C = 0.4 ms and disk time D = 1 ms, eight clients without delay.
fn cpu_then_disk() -> (Bench, u64) {
    let bench = lone_reads(8, 50)
        .fixed_disk_ms(1.0)
        .figure("call.parse", "400 us");
    let requests = bench.requests();
    (bench, requests)
}

#[test]
fn nb_b_takes_the_sum_of_cpu_and_disk_times_however_many_clients() {
    let (bench, n) = cpu_then_disk();
    let run = bench.run(NB_B);
    assert_one_read_each(&run);
    assert_eq!(run.elapsed, Nanos::from_micros(1400) * n);
    assert_eq!(run.counters.stalled, Nanos::from_micros(1000) * n);
    assert_eq!(cpu_time(&run), Nanos::from_micros(400) * n);
}

/// The first request's CPU time, then the disk never rests.
#[test]
fn nb_laio_overlaps_cpu_and_disk_entirely() {
    let (bench, n) = cpu_then_disk();
    let run = bench.run(NB_LAIO);
    assert_one_read_each(&run);
    assert_eq!(
        run.elapsed,
        Nanos::from_micros(400) + Nanos::from_millis(1) * n
    );
    assert_eq!(run.counters.stalled, Nanos::ZERO);
}

/// The first helper waits for the CPU until the loop has served all eight first requests, unless
/// waking it preempts the loop.
#[test]
fn nb_amped_overlaps_them_once_a_helper_has_the_cpu() {
    let (bench, n) = cpu_then_disk();
    for (preempts, served_before) in [("false", 8), ("true", 1)] {
        let bench = bench.clone().set("machine.wakeup_preemption", preempts);
        let run = bench.run(NB_AMPED);
        assert_one_read_each(&run);
        let before = Nanos::from_micros(400) * served_before;
        assert_eq!(run.elapsed, before + Nanos::from_millis(1) * n);
        assert_eq!(run.counters.stalled, Nanos::ZERO);
    }
}

/// Where the CPU is the bottleneck, the disk's last request is all that sticks out.
#[test]
fn nb_laio_is_bound_by_the_cpu_where_that_is_slower() {
    let (bench, n) = cpu_then_disk();
    let run = bench.figure("call.parse", "3 ms").run(NB_LAIO);
    assert_one_read_each(&run);
    assert_eq!(
        run.elapsed,
        Nanos::from_millis(3) * n + Nanos::from_millis(1)
    );
}

/// A response of 1,256 bytes behind another on a link of 8 Mbit/s, 1 us per byte.
#[test]
fn the_slower_link_bounds_the_throughput() {
    let sizes = vec![1000];
    let bench = || {
        Bench::new(sizes.clone())
            .free()
            .plays([0; 50])
            .plays([0; 50])
            .client_each()
            .set("run.start", "warm")
    };
    let of_each_client = bench().set("network.client_link", "8 Mbit/s");
    let of_the_server = bench().set("network.server_link", "8 Mbit/s");
    for server in VALIDATED {
        let elapsed = of_each_client.run(server).elapsed;
        assert_eq!(elapsed, Nanos::from_micros(1256 * 50));
        let elapsed = of_the_server.run(server).elapsed;
        assert_eq!(elapsed, Nanos::from_micros(1256 * 100));
    }
}

/// The first segment's CPU time, then the link never rests: a send that fills the buffer costs,
/// and leaves after, what it takes, not what it was offered.
#[test]
fn a_large_response_takes_its_first_segment_and_then_the_link() {
    const BODY: u64 = 1 << 20;
    let bench = Bench::new(vec![BODY])
        .free()
        .plays([0])
        .figure("call.send_page", "1 us")
        .set("run.start", "warm")
        .set("server.chunk", "1 MiB")
        .set("network.send_buffer", "128 KiB")
        .set("network.client_link", "8 Mbit/s");
    for server in VALIDATED {
        let run = bench.run(server);
        let first = (128 << 10) / PAGE;
        assert_eq!(run.elapsed, Nanos::from_micros(first + BODY + HEADER));
    }
}
