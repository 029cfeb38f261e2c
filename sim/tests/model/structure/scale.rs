//! What happens when everything takes longer, or there is the least of everything.

use sim::engine::Nanos;
use sim::server::OpKind;

use super::count;
use crate::bench::{Bench, VALIDATED, each_server};

impl Bench {
    fn without_idle_costs(self) -> Self {
        let names = self.figures().into_iter();
        let idle = names.filter(|name| name.starts_with("idle."));
        idle.fold(self.clone(), |bench, name| bench.figure(&name, "0 ns"))
    }
}

/// Every time of the machine times `k`.
fn slowed_down(bench: &Bench, k: u64) -> Bench {
    let rate = |ns_per_byte: u64| format!("{:?} Mbit/s", 8e3 / (ns_per_byte * k) as f64);
    let rtt = format!("{} us", 300 * k);
    bench
        .clone()
        .times_times(k)
        // They depend on the idle time by a grid of times that is not of the machine's making.
        .without_idle_costs()
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
        .few_small_workers()
        .set("cache.memory", "512 KiB")
        .set("network.send_buffer", "32 KiB");
    for server in each_server() {
        let run = slowed_down(&bench, 1).run(server);
        assert!(run.cache.reclaimed > 0 && count(&run, OpKind::Send).sleeps > 0);
        for k in [2, 5] {
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
    // The process; a connection, its buffer of 17 pages of 64 bytes, and a carrier for each client;
    // 64 pages.
    let least = 64 + (4 + 24) * CLIENTS + 17 * 64 * CLIENTS / 1024 + 256;
    let with = |kib: u32| bench.clone().set("cache.memory", &format!("{kib} KiB"));
    let refusal = with(least - 1).refusal();
    assert!(refusal.contains("too little"), "{refusal}");
    for server in VALIDATED {
        let run = with(least).run(server);
        assert_eq!(run.responses.len() as u32, CLIENTS * 10);
    }
}
