//! What holds between two systems of which one is better off: memory, disk, time.

use sim::engine::Nanos;
use sim::engine::random::{stream, uniform_below};
use sim::run::{Measured, Played};
use sim::scenario::{Server, Structure};

use crate::judge::is_larger;
use crate::system::{Ask, System};

/// Objects of 1 to 12 pages, 500 of them: so few names are never reclaimed.
const OBJECTS: u64 = 500;

fn sizes() -> Vec<u64> {
    (0..OBJECTS).map(|i| 1 + i * 97 % 49_000).collect()
}

/// Sessions of 50 requests; of two drawn objects the one with the lower number is asked for, so
/// that some are more popular.
fn sessions(count: u32, seed: u64) -> Vec<Vec<Ask>> {
    let mut rng = stream(seed, "theory order", 0, 0);
    let mut draw = || uniform_below(&mut rng, OBJECTS) as u32;
    let mut ask = || (draw().min(draw()), false);
    (0..count)
        .map(|_| (0..50).map(|_| ask()).collect())
        .collect()
}

/// The stack property of LRU: one client's references come in the same order whatever they cost.
#[test]
fn more_memory_never_misses_more_under_lru_without_read_ahead() {
    for seed in 0..5 {
        let system = System::new(sizes(), sessions(20, seed))
            .set("workload.clients", "1")
            .set("cache.policy", "lru")
            .set("cache.read_ahead", "0 B");
        let misses = |kib: u64| {
            let system = system.clone().set("cache.memory", &format!("{kib} KiB"));
            system.run(Server::plain(Structure::NbB)).cache.misses
        };
        let by_memory: Vec<u64> = (1..=12).map(|i| misses(i * 1000)).collect();
        assert!(
            by_memory.is_sorted_by(|less, more| less >= more),
            "{by_memory:?}"
        );
        assert!(by_memory[0] > by_memory[11], "{by_memory:?}");
    }
}

fn busy() -> System {
    let system = System::new(sizes(), sessions(60, 1)).costly();
    system
        .set("workload.clients", "16")
        .set("cache.memory", "8 MiB")
        .set("server.processes", "8")
        .set("server.threads", "16")
}

fn per_s(run: &Measured, _: &Played) -> f64 {
    run.responses.len() as f64 / run.elapsed.as_secs_f64()
}

fn assert_faster(what: &str, better: &System, worse: &System) {
    for server in Structure::ALL.map(Server::plain) {
        let (better, worse) = (better.each(server, 6, per_s), worse.each(server, 6, per_s));
        assert!(
            is_larger(&better, &worse),
            "{what}, {server}: {better:?} against {worse:?}"
        );
    }
}

#[test]
fn every_server_is_faster_with_more_memory() {
    let disk = |system: System| system.disk("exponential", 1.0, 1);
    let more = disk(busy().set("cache.memory", "14 MiB"));
    assert_faster("memory", &more, &disk(busy()));
}

#[test]
fn every_server_is_faster_with_a_faster_disk() {
    let disk = |mean| busy().disk("exponential", mean, 1);
    assert_faster("disk", &disk(0.5), &disk(1.0));
}

/// Every time of the machine and of the clients times `k`.
fn slowed_down(k: u64) -> System {
    let rate = |ns_per_byte: u64| format!("{:?} Mbit/s", 8e3 / (ns_per_byte * k) as f64);
    busy()
        .times_times(k)
        .disk("fixed", 1.7 * k as f64, 1)
        .set("network.rtt", &format!("{} us", 300 * k))
        // Odd nanoseconds per byte: the bytes in a buffer are never half-way between two numbers.
        .set("network.client_link", &rate(81))
        .set("network.server_link", &rate(9))
        .set("network.send_buffer", "32 KiB")
        .set("machine.quantum", &format!("{} us", 500 * k))
        .set("workload.think", &format!("{k} ms"))
}

#[test]
fn every_server_takes_exactly_k_times_as_long_where_everything_does() {
    for server in Structure::ALL.map(Server::plain) {
        let run = slowed_down(1).run(server);
        assert!(run.cache.reclaimed > 0 && run.disk.requests > 0);
        for k in [2, 7] {
            let slow = slowed_down(k).run(server);
            let longer: Vec<Nanos> = run.responses.iter().map(|&time| time * k).collect();
            assert_eq!(slow.elapsed, run.elapsed * k, "{server}");
            assert_eq!(slow.responses, longer, "{server}");
            assert_eq!(slow.counters.ops, run.counters.ops, "{server}");
            assert_eq!(
                slow.server_cpu,
                run.server_cpu.map(|time| time * k),
                "{server}"
            );
            assert_eq!(slow.disk.busy, run.disk.busy * k, "{server}");
        }
    }
}
