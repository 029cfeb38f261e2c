//! Every figure of the machine profile changes something for every server that uses it, and
//! nothing for one that does not. Figures that are added later are held to the rule.

use sim::engine::Nanos;
use sim::run::Measured;
use sim::scenario::{Server, Structure};

use crate::bench::{Bench, each_server};
use crate::measures::{cpu_time, fingerprint, total_response};

mod elsewhere;
mod idle;
mod sums;

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
        .few_small_workers()
        .times("3 us")
        .set("workload.clients", "4")
        .set("server.metered", "true")
        .set("server.log", "true")
        .set("server.helpers", "3")
        .set("cache.memory", "800 KiB")
        // Without it more memory means fewer misses.
        .set("cache.read_ahead", "0 B")
        .set("network.send_buffer", "32 KiB")
}

impl Bench {
    /// Three workers beyond a server's first process, whatever they are, of 8 KiB each.
    pub(crate) fn few_small_workers(self) -> Self {
        ["memory.worker", "memory.thread", "memory.kernel_worker"]
            .into_iter()
            .fold(self, |bench, figure| bench.figure(figure, "8 KiB"))
            .set("server.processes", "4")
            .set("server.threads", "3")
            .set("server.pool_threads", "3")
            .set("server.aio_workers", "3")
            .set("server.uring_workers", "3")
    }
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

fn polls_sockets(structure: Structure) -> bool {
    structure.is_event_driven() && structure != Structure::LaioLaio
}

fn is_laio(structure: Structure) -> bool {
    matches!(structure, Structure::NbLaio | Structure::LaioLaio)
}

fn is_amted(structure: Structure) -> bool {
    matches!(structure, Structure::NbAmted | Structure::NbAmtedNowait)
}

fn is_uring(structure: Structure) -> bool {
    matches!(structure, Structure::NbUring | Structure::NbUringHybrid)
}

fn tests_residency(structure: Structure) -> bool {
    use Structure::{NbAmped, NbAmtedNowait, NbUringHybrid};
    matches!(structure, NbAmped | NbAmtedNowait | NbUringHybrid)
}

/// Figures of what does not happen here; they have tests of their own, and the page-out's is with
/// the keys.
fn is_elsewhere(figure: &str) -> bool {
    const FIGURES: [&str; 6] = [
        "call.sendfile",
        "call.sendfile_page",
        "call.map",
        "call.fault",
        "helper.mapped_residency",
        "kernel.pageout_age",
    ];
    FIGURES.contains(&figure)
}

/// Who uses a figure: all servers, unless something is said here.
fn is_used(figure: &str, structure: Structure, loopback: bool) -> bool {
    match figure {
        _ if is_elsewhere(figure) => false,
        // LAIO tells from its own continuations what blocked: it needs no meter.
        "call.meter" => !is_laio(structure),
        "call.epoll_wait" | "call.epoll_event" | "call.would_block" => polls_sockets(structure),
        "memory.helper" => structure == Structure::NbAmped,
        "memory.carrier" => is_laio(structure),
        "memory.worker" => structure == Structure::Mp,
        "memory.thread" => is_amted(structure) || structure == Structure::Mt,
        "memory.kernel_worker" => is_uring(structure) || structure == Structure::NbAio,
        // Only on loopback is there a second CPU to be woken.
        "kernel.wake_busy_cpu" => loopback,
        // On loopback the sender pays.
        "kernel.net_interrupt" => !loopback,
        "helper.residency" | "helper.name_residency" => tests_residency(structure),
        _ if figure.starts_with("laio.") => is_laio(structure),
        _ if figure.starts_with("helper.") => structure == Structure::NbAmped,
        _ if figure.starts_with("threads.") => is_amted(structure),
        _ if figure.starts_with("aio.") => structure == Structure::NbAio,
        _ if figure.starts_with("uring.") => is_uring(structure),
        _ if figure.starts_with("client.") => loopback,
        _ => true,
    }
}

/// What goes up with a figure: what must be read with memory that is taken, response times with a
/// delay, CPU time with any other.
fn affected(figure: &str, run: &Measured) -> u128 {
    match figure {
        "kernel.disk_path" => total_response(run),
        _ if figure.starts_with("memory.") => run.disk.sectors.into(),
        _ => u128::from((cpu_time(run) + run.client_cpu).0),
    }
}

fn raised(bench: &Bench, figure: &str) -> Bench {
    let text = bench.figure_text(figure);
    if figure.starts_with("memory.") {
        let (number, unit) = text.split_once(' ').expect("a unit");
        let number: u64 = number.parse().expect("a whole number");
        // Some 400 KiB more in all, for a server, three workers, four of the others, 40 names.
        let times = match figure {
            "memory.process" | "memory.inode" => 7,
            "memory.helper" => 9,
            "memory.carrier" => 13,
            "memory.buffer_page" => 33,
            "memory.connection" => 25,
            _ => 17,
        };
        let more = format!("{} {unit}", number * times);
        return bench.clone().figure(figure, &more);
    }
    let time: Nanos = text.parse().expect("a time");
    let more = time + Nanos::from_micros(20);
    bench.clone().figure(figure, &format!("{} ns", more.0))
}

fn assert_none_of(figure: &str, server: Server, run: &Measured, more: &Measured) {
    let (run, more) = (fingerprint(run), fingerprint(more));
    assert_eq!(run, more, "{figure} is none of {server}'s");
}

fn assert_each_figure_counts_where_it_is_used(bench: &Bench, loopback: bool) {
    // One client's requests keep their order, and with it their hits, whatever they cost, unless a
    // connection that overlaps the next one needs a second buffer.
    let alone = bench
        .clone()
        .set("workload.clients", "1")
        .figure("memory.buffer_page", "0 B");
    // How long a CPU was idle depends on everything: that has a test of its own.
    let figures = bench.figures().into_iter();
    let figures: Vec<String> = figures.filter(|name| !name.starts_with("idle.")).collect();
    for server in each_server() {
        let (together, one_by_one) = (bench.run(server), alone.run(server));
        for figure in &figures {
            let (bench, run) = match figure.starts_with("memory.") {
                true => (bench, &together),
                false => (&alone, &one_by_one),
            };
            let more = raised(bench, figure).run(server);
            if !is_used(figure, server.structure, loopback) {
                assert_none_of(figure, server, run, &more);
                continue;
            }
            let (before, after) = (affected(figure, run), affected(figure, &more));
            assert!(after > before, "{figure} for {server}: {before} -> {after}");
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
    for server in each_server() {
        let run = bench.run(server);
        // The header makes it a page and a bit.
        let each = Nanos::from_micros(10 + 20 + 2 * 3);
        assert_eq!(run.responses, [each; 10], "{server}");
        assert_eq!(run.client_cpu, each * 10 + Nanos::from_micros(40));
        assert_eq!(run.elapsed, run.client_cpu);
    }
}
