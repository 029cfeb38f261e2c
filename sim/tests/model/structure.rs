//! What makes each architecture what it is.

use proptest::prelude::*;
use sim::engine::Nanos;
use sim::machine::cpu::Activity;
use sim::run::Measured;
use sim::scenario::Server;
use sim::server::OpKind;

use crate::bench::Bench;
use crate::measures::cpu_time;
use crate::random::any_bench;

fn disk_blocks(run: &Measured) -> u64 {
    let on_disk = OpKind::ALL.into_iter().filter(|kind| kind.on_disk());
    on_disk
        .map(|kind| run.counters.ops[kind as usize].would_block)
        .sum()
}

/// 64 objects of one page each, four clients that share none.
fn lone_pages() -> Bench {
    (0..4)
        .fold(Bench::new(vec![4096; 64]), |bench, client| {
            bench.plays(client * 16..(client + 1) * 16)
        })
        .client_each()
        .set("cache.read_ahead", "0 B")
}

#[test]
fn in_memory_nothing_touches_the_disk_or_becomes_a_continuation() {
    let bench = lone_pages().cheetah().set("run.start", "warm");
    for bench in [bench.clone().loopback(), bench] {
        for server in Server::ALL {
            let run = bench.run(server);
            assert_eq!(run.disk.requests, 0);
            assert_eq!(run.cache.misses, 0);
            assert_eq!(run.counters.continuations, 0);
            assert_eq!(run.counters.loop_stalls, 0);
            assert_eq!(disk_blocks(&run), 0);
        }
    }
}

/// The CPU works for other requests only while the loop does not sleep in a call: what is left
/// during a stall are interrupts and switches.
#[test]
fn nb_b_never_works_and_waits_for_the_disk_at_once() {
    let bench = lone_pages().cheetah();
    // One call that sleeps many times, and works in between.
    let large = Bench::new(vec![300_000; 8])
        .plays(0..8)
        .figure("call.read_page", "50 us")
        .set("server.chunk", "1 MiB")
        .set("cache.read_ahead", "16 KiB");
    for bench in [bench.clone().loopback(), bench, large] {
        let run = bench.run(Server::NbB);
        let overlapping = [Activity::Switch, Activity::Interrupt];
        let aside: Nanos = overlapping
            .map(|a| run.server_cpu[a as usize])
            .into_iter()
            .sum();
        let work = cpu_time(&run) - aside;
        // After the last response come a close and the hang-ups of the clients.
        let tail = Nanos::from_millis(1);
        assert!(run.counters.stalled + work <= run.elapsed + tail);
        assert_eq!(run.counters.continuations, 0);
        assert_eq!(run.counters.loop_stalls, disk_blocks(&run));
    }
}

#[test]
fn only_nb_b_keeps_the_disks_queue_empty() {
    let bench = lone_pages().cheetah();
    assert_eq!(bench.run(Server::NbB).disk.max_waiting, 0);
    for server in [Server::NbAmped, Server::NbLaio] {
        let queued = bench.run(server).disk.max_waiting;
        assert!((1..=3).contains(&queued), "{queued} of four clients wait");
    }
}

#[test]
fn one_helper_keeps_the_disks_queue_empty_too() {
    let run = lone_pages()
        .cheetah()
        .set("server.helpers", "1")
        .run(Server::NbAmped);
    assert_eq!(run.disk.max_waiting, 0);
}

#[test]
fn helpers_sleep_in_the_loops_stead() {
    let run = lone_pages().cheetah().run(Server::NbAmped);
    assert_eq!(run.counters.loop_stalls, 0);
    assert_eq!(run.counters.stalled, Nanos::ZERO);
    assert!(disk_blocks(&run) >= 64, "the helpers' calls are counted");
    // The name and the page of each object.
    assert_eq!(run.counters.continuations, 2 * 64);
}

/// A page in flight counts as resident, as cachestat has it: the second client's read then stalls
/// the loop of nb-amped, while nb-laio lets it wait in the background.
#[test]
fn a_page_in_flight_deceives_the_residency_test() {
    let bench = Bench::new(vec![4096])
        .asks(vec![(0, false)])
        // The name first, so that its read comes a round-trip time after the other client's.
        .asks(vec![(0, true), (0, false)])
        .client_each()
        .links("1 ms")
        .fixed_disk_ms(5.0);
    let amped = bench.run(Server::NbAmped);
    assert_eq!(amped.counters.loop_stalls, 1);
    let stalled = amped.counters.stalled.as_millis_f64();
    assert!((3.5..4.5).contains(&stalled), "{stalled} of 5 ms are left");
    let laio = bench.run(Server::NbLaio);
    assert_eq!(laio.counters.loop_stalls, 0);
    assert_eq!(laio.disk.requests, amped.disk.requests, "read once");
}

#[test]
fn a_page_wanted_by_many_is_read_once() {
    let bench = (0..8)
        .fold(Bench::new(vec![4096]), |bench, _| bench.plays([0]))
        .client_each();
    for server in Server::ALL {
        // The directory's inode block and entries, the file's inode block, its page.
        assert_eq!(bench.run(server).disk.requests, 4);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn nb_laio_never_stalls_and_has_a_continuation_just_where_a_call_would_block(
        bench in any_bench(),
    ) {
        let run = bench.run(Server::NbLaio);
        prop_assert_eq!(run.counters.loop_stalls, 0);
        prop_assert_eq!(run.counters.stalled, Nanos::ZERO);
        prop_assert_eq!(run.counters.continuations, disk_blocks(&run));
    }

    #[test]
    fn nb_b_stalls_just_where_a_call_would_block(bench in any_bench()) {
        let run = bench.run(Server::NbB);
        prop_assert_eq!(run.counters.continuations, 0);
        prop_assert_eq!(run.counters.loop_stalls, disk_blocks(&run));
    }

    /// In ample memory, small files and no reading ahead: with nothing in flight for two and
    /// nothing reclaimed, the residency tests are right.
    #[test]
    fn nb_amped_stalls_only_where_pages_are_in_flight_or_reclaimed(
        clients in 1u32..6,
        helpers in 1u32..4,
        warm: bool,
    ) {
        let bench = (0..clients).fold(Bench::new(vec![6000; 60]), |bench, client| {
            bench.plays(client * 10..(client + 1) * 10)
        });
        let bench = bench
            .client_each()
            .cheetah()
            .set("cache.read_ahead", "0 B")
            .set("server.helpers", &helpers.to_string())
            .set("run.start", if warm { "warm" } else { "cold" });
        let run = bench.run(Server::NbAmped);
        prop_assert_eq!(run.counters.loop_stalls, 0);
    }
}

/// Every time of the machine times `k`.
fn slowed_down(bench: &Bench, k: u64) -> Bench {
    let rate = |ns_per_byte: u64| format!("{:?} Mbit/s", 8e3 / (ns_per_byte * k) as f64);
    let rtt = format!("{} us", 300 * k);
    bench
        .clone()
        .times_times(k)
        .fixed_disk_ms(1.7 * k as f64)
        .set("network.rtt", &rtt)
        // Odd nanoseconds per byte: the bytes in a buffer are never half-way between two numbers.
        .set("network.client_link", &rate(81))
        .set("network.server_link", &rate(9))
        .set("machine.quantum", &format!("{} us", 500 * k))
}

#[test]
fn a_machine_slower_throughout_takes_exactly_so_much_longer() {
    let sizes = vec![300_000, 10_000, 0, 4096, 70_000, 5000, 12_000, 90_000];
    let bench = (0..6)
        .fold(Bench::new(sizes), |bench, client| {
            bench.plays((0..12).map(|i| (client * 5 + i * i) % 8))
        })
        .client_each()
        .small_processes()
        .set("cache.memory", "512 KiB")
        .set("network.send_buffer", "32 KiB");
    for server in Server::ALL {
        let run = slowed_down(&bench, 1).run(server);
        assert!(run.cache.reclaimed > 0 && run.counters.ops[OpKind::Send as usize].sleeps > 0);
        for k in [2, 3, 10] {
            let slow = slowed_down(&bench, k).run(server);
            assert_eq!(slow.elapsed, run.elapsed * k);
            let longer: Vec<Nanos> = run.responses.iter().map(|&time| time * k).collect();
            assert_eq!(slow.responses, longer);
            assert_eq!(slow.counters.ops, run.counters.ops);
            assert_eq!(slow.counters.stalled, run.counters.stalled * k);
            assert_eq!(slow.server_cpu, run.server_cpu.map(|time| time * k));
            assert_eq!(slow.disk.busy, run.disk.busy * k);
            assert_eq!(slow.in_system, run.in_system * u128::from(k));
            assert_eq!((slow.switches, slow.bytes), (run.switches, run.bytes));
        }
    }
}

/// With less, a look-up that needs three blocks at once could wait for ever, each read evicting
/// what the one before brought.
#[test]
fn the_least_memory_that_is_accepted_suffices() {
    const CLIENTS: u32 = 64;
    let sizes = (0..400).map(|i| 1000 + i * 300).collect();
    let bench = (0..CLIENTS)
        .fold(Bench::new(sizes), |bench, client| {
            bench.plays((0..10).map(|i| (client * 37 + i * 91) % 400))
        })
        .client_each()
        .small_processes()
        .figure("memory.carrier", "24 KiB");
    // The process, a connection and a carrier for each client, 64 pages.
    let least = 64 + 4 * CLIENTS + 24 * CLIENTS + 256;
    let with = |kib: u32| bench.clone().set("cache.memory", &format!("{kib} KiB"));
    let refusal = with(least - 1).refusal();
    assert!(refusal.contains("too little"), "{refusal}");
    for server in Server::ALL {
        let run = with(least).run(server);
        assert_eq!(run.responses.len() as u32, CLIENTS * 10);
    }
}
