//! Every figure of the machine profile changes something for every server that uses it, and
//! nothing for one that does not. Figures that are added later are held to the rule.

use sim::engine::Nanos;
use sim::run::Measured;
use sim::scenario::Server;

use crate::bench::Bench;
use crate::measures::{cpu_time, fingerprint, total_response};

/// Everything that costs: names and files from the disk into too little memory, large files and
/// small, requests "not modified", sends that find their buffer full, several connections.
fn everything_happens() -> Bench {
    let sizes: Vec<u64> = (0..40).map(|i| 500 + i * i * 97 % 80_000).collect();
    (0..8)
        .fold(Bench::new(sizes), |bench, sequence| {
            // Knuth's multiplicative hash: any object, at any distance from its last use.
            let hash = |i: u32| (sequence * 20 + i).wrapping_mul(2_654_435_761) >> 16;
            let ask = |i: u32| (hash(i) % 40, i % 5 == 1);
            bench.asks((0..20).map(ask).collect())
        })
        .small_processes()
        .times("3 us")
        .set("workload.clients", "4")
        .set("server.metered", "true")
        .set("server.helpers", "3")
        .set("cache.memory", "800 KiB")
        // Without it more memory means fewer misses.
        .set("cache.read_ahead", "0 B")
        .set("network.send_buffer", "32 KiB")
}

fn on_links() -> Bench {
    everything_happens().set("network.client_link", "20 Mbit/s")
}

/// Long interrupts of the disk keep the load generator's CPU busy while its process sleeps.
fn on_loopback() -> Bench {
    everything_happens()
        .loopback()
        .figure("kernel.disk_interrupt", "100 us")
}

/// Who uses a figure: all servers, unless something is said here.
fn is_used(figure: &str, server: Server, loopback: bool) -> bool {
    match figure {
        // LAIO tells from its own continuations what blocked: it needs no meter.
        "call.meter" => server != Server::NbLaio,
        // The memory of the workers that only one server has.
        "memory.helper" => server == Server::NbAmped,
        "memory.carrier" => server == Server::NbLaio,
        // Only on loopback is there a second CPU to be woken.
        "kernel.wake_busy_cpu" | "kernel.wake_idle_cpu" | "kernel.wake_idle_delay" => loopback,
        // Only where `cache.proactive_pageout` says so; its test is with the keys.
        "kernel.pageout_age" => false,
        // On loopback the sender pays.
        "kernel.net_interrupt" => !loopback,
        _ if figure.starts_with("laio.") => server == Server::NbLaio,
        _ if figure.starts_with("helper.") => server == Server::NbAmped,
        _ if figure.starts_with("client.") => loopback,
        _ => true,
    }
}

fn is_delay(figure: &str) -> bool {
    ["kernel.wake_idle_delay", "kernel.disk_path"].contains(&figure)
}

/// What goes up with a figure: what must be read with memory that is taken, response times with a
/// delay, CPU time with any other.
fn affected(figure: &str, run: &Measured) -> u128 {
    match figure {
        _ if is_delay(figure) => total_response(run),
        _ if figure.starts_with("memory.") => run.disk.sectors.into(),
        _ => u128::from((cpu_time(run) + run.client_cpu).0),
    }
}

fn raised(bench: &Bench, figure: &str) -> Bench {
    let text = bench.figure_text(figure);
    if figure.starts_with("memory.") {
        let (number, unit) = text.split_once(' ').expect("a unit");
        let number: u64 = number.parse().expect("a whole number");
        // Some 400 KiB more in all, for a server, three helpers, four of the others, 40 names.
        let times = match figure {
            "memory.process" | "memory.inode" => 7,
            "memory.helper" => 9,
            "memory.carrier" => 13,
            _ => 25,
        };
        let more = format!("{} {unit}", number * times);
        return bench.clone().figure(figure, &more);
    }
    let time: Nanos = text.parse().expect("a time");
    let more = time + Nanos::from_micros(20);
    bench.clone().figure(figure, &format!("{} ns", more.0))
}

fn assert_each_figure_counts_where_it_is_used(bench: &Bench, loopback: bool) {
    // One client's requests keep their order, and with it their hits, whatever they cost.
    let alone = bench.clone().set("workload.clients", "1");
    for server in Server::ALL {
        for figure in bench.figures() {
            let takes_memory = figure.starts_with("memory.");
            let bench = if takes_memory { bench } else { &alone };
            let run = bench.run(server);
            let more = raised(bench, &figure).run(server);
            if !is_used(&figure, server, loopback) {
                let (run, more) = (fingerprint(&run), fingerprint(&more));
                assert_eq!(run, more, "{figure} is none of {}'s", server.name());
                continue;
            }
            let (before, after) = (affected(&figure, &run), affected(&figure, &more));
            let name = server.name();
            assert!(after > before, "{figure} for {name}: {before} -> {after}");
        }
    }
}

#[test]
fn each_figure_counts_for_those_who_use_it_on_links() {
    assert_each_figure_counts_where_it_is_used(&on_links(), false);
}

#[test]
fn each_figure_counts_for_those_who_use_it_on_loopback() {
    assert_each_figure_counts_where_it_is_used(&on_loopback(), true);
}

/// CPU time of one request for one cached page on an open connection, call by call.
#[test]
fn a_cached_request_costs_the_sum_of_its_calls() {
    let bench = Bench::new(vec![4096])
        .free()
        .set("run.start", "warm")
        .set("server.metered", "true");
    let two = bench.clone().plays([0, 0]);
    let three = bench.plays([0, 0, 0]);
    let calls = [
        ("call.recv", 1),
        ("call.parse", 1),
        ("call.open", 1),
        ("call.fstat", 1),
        ("call.read", 1),
        ("call.read_page", 1),
        ("call.send", 1),
        // The header makes it a page and a bit.
        ("call.send_page", 2),
        ("call.close", 1),
        ("call.stat", 0),
        ("kernel.net_interrupt", 1),
        ("kernel.miss_page", 0),
    ];
    for server in Server::ALL {
        // Of open, fstat, read and close.
        let of_all_four = |applies| if applies { 4 } else { 0 };
        let by_interface = [
            ("call.meter", of_all_four(server != Server::NbLaio)),
            ("laio.inline", of_all_four(server == Server::NbLaio)),
            ("laio.steal", 0),
            ("helper.residency", u64::from(server == Server::NbAmped)),
            ("helper.name_residency", 0),
        ];
        for (figure, times) in calls.into_iter().chain(by_interface) {
            let cpu = |bench: &Bench| cpu_time(&bench.clone().figure(figure, "7 us").run(server));
            let of_one_more = cpu(&three) - cpu(&two);
            let expected = Nanos::from_micros(7) * times;
            assert_eq!(of_one_more, expected, "{figure} for {}", server.name());
        }
    }
}

/// On loopback the clients' work is the machine's too: sending and receiving are part of the
/// response time, connecting comes before it.
#[test]
fn the_load_generator_pays_for_connection_request_and_response() {
    let bench = Bench::new(vec![4096])
        .free()
        .plays([0; 10])
        .loopback()
        .set("run.start", "warm")
        .figure("client.connect", "40 us")
        .figure("client.request", "10 us")
        .figure("client.response", "20 us")
        .figure("client.response_page", "3 us");
    for server in Server::ALL {
        let run = bench.run(server);
        // The header makes it a page and a bit.
        let each = Nanos::from_micros(10 + 20 + 2 * 3);
        assert_eq!(run.responses, [each; 10]);
        assert_eq!(run.client_cpu, each * 10 + Nanos::from_micros(40));
        assert_eq!(run.elapsed, run.client_cpu);
    }
}
