//! Open queues: sessions of one request that arrive as a Poisson process.
//!
//! With a server that never waits (LAIO, as many carriers as needed) and a free CPU the disk is the
//! queue: M/M/c, M/D/1. With objects in memory the server's link is: M/G/1 first come first served.
//! With a thread for each connection and a short quantum the CPU is: M/G/1 processor sharing.

use sim::engine::random::{stream, unit};
use sim::run::{Measured, Played};
use sim::scenario::Server;

use crate::closed_form::closed_form;
use crate::judge::{assert_agrees, assert_agrees_within};
use crate::system::{Ask, MP, MT, NB_LAIO, System};

/// The first responses, while the queue is still too short, take no part.
const FIRST: usize = 1000;

/// Response times in milliseconds, without the first ones.
fn times(run: &Measured, _: &Played) -> Vec<f64> {
    let late = run.responses[FIRST..].iter();
    late.map(|time| time.as_millis_f64()).collect()
}

fn means(replications: &[Vec<f64>]) -> Vec<f64> {
    let mean = |times: &Vec<f64>| times.iter().sum::<f64>() / times.len() as f64;
    replications.iter().map(mean).collect()
}

fn quantiles(replications: &mut [Vec<f64>], share: f64) -> Vec<f64> {
    let quantile = |times: &mut Vec<f64>| {
        let rank = (share * times.len() as f64) as usize;
        *times.select_nth_unstable_by(rank, f64::total_cmp).1
    };
    replications.iter_mut().map(quantile).collect()
}

fn disk_queue(kind: &str, servers: u32, per_ms: f64, requests: u32) -> Vec<Vec<f64>> {
    let system = System::lone_reads(requests, 1)
        .disk(kind, 1.0, servers)
        .arrivals(per_ms);
    system.each(NB_LAIO, 10, |run, played| {
        assert_eq!(run.disk.requests, u64::from(requests), "one read each");
        times(run, played)
    })
}

#[test]
fn an_exponential_disk_is_m_m_1_in_mean_and_quantiles() {
    let row = |quantity| closed_form("M/M/1", "lambda=0.8 mu=1", quantity);
    let mut times = disk_queue("exponential", 1, 0.8, 20_000);
    assert_agrees("W", &means(&times), row("W"), 0.03);
    assert_agrees("W_p95", &quantiles(&mut times, 0.95), row("W_p95"), 0.04);
    assert_agrees("W_p99", &quantiles(&mut times, 0.99), row("W_p99"), 0.06);
}

#[test]
fn an_exponential_disk_with_c_servers_is_m_m_c() {
    for (c, per_ms, parameters) in [
        (2, 1.6, "lambda=1.6 mu=1 c=2"),
        (4, 3.2, "lambda=3.2 mu=1 c=4"),
        (8, 7.2, "lambda=7.2 mu=1 c=8"),
    ] {
        let expected = closed_form("M/M/c", parameters, "W");
        let times = disk_queue("exponential", c, per_ms, 20_000);
        assert_agrees(parameters, &means(&times), expected, 0.03);
    }
}

/// Where all servers are busy on arrival, waiting takes mean 1 / (c mu - lambda): the share that
/// waits is the mean wait beside that (Erlang's C).
#[test]
fn threads_are_the_servers_of_m_m_c_and_the_backlog_its_queue() {
    let parameters = "lambda=3.2 mu=1 c=4";
    let system = System::lone_reads(20_000, 1)
        .disk("exponential", 1.0, 64)
        .arrivals(3.2)
        .set("server.threads", "4")
        .set("server.processes", "4")
        .set("network.backlog", "1000");
    for server in [MT, MP] {
        let means = means(&system.each(server, 10, times));
        let expected = closed_form("M/M/c", parameters, "W");
        assert_agrees(&format!("W {server}"), &means, expected, 0.03);
        let waits: Vec<f64> = means.iter().map(|w| (w - 1.0) * (4.0 - 3.2)).collect();
        let expected = closed_form("M/M/c", parameters, "ErlangC_Pwait");
        assert_agrees(&format!("C {server}"), &waits, expected, 0.05);
    }
}

#[test]
fn a_fixed_disk_is_m_d_1() {
    for (per_ms, requests, share, parameters) in [
        (0.5, 10_000, 0.02, "lambda=0.5 D=1"),
        (0.8, 20_000, 0.02, "lambda=0.8 D=1"),
        (0.95, 40_000, 0.06, "lambda=0.95 D=1"),
    ] {
        let expected = closed_form("M/D/1", parameters, "Wq");
        let times = disk_queue("fixed", 1, per_ms, requests);
        let waits: Vec<f64> = means(&times).iter().map(|w| w - 1.0).collect();
        assert_agrees(parameters, &waits, expected, share);
    }
}

/// Sessions of one request, a tenth of them for the one object, the others "not modified".
fn bimodal(sessions: u32, size: u64) -> System {
    let mut rng = stream(7, "theory bimodal", 0, 0);
    let mut ask = || -> Ask { (0, unit(&mut rng) >= 0.1) };
    let sessions = (0..sessions).map(|_| vec![ask()]).collect();
    System::new(vec![size], sessions).set("run.start", "warm")
}

fn assert_m_g_1(system: &System, server: Server, model: &str, parameters: &str, quantity: &str) {
    let expected = closed_form(model, parameters, quantity);
    let means = means(&system.each(server, 10, times));
    assert_agrees(&format!("{model} {quantity}"), &means, expected, 0.03);
}

const BIMODAL: &str = "lambda=0.4 S=1 w.p. 0.9 / 10 w.p. 0.1";

/// A header of 256 bytes takes a millisecond, ten times as many bytes ten of them.
#[test]
fn a_link_with_two_sizes_is_m_g_1_first_come_first_served() {
    let system = bimodal(20_000, 9 * 256)
        .arrivals(0.4)
        .set("network.server_link", "2048 kbit/s");
    assert_m_g_1(&system, NB_LAIO, "M/G/1 bimodal", BIMODAL, "W_FIFO");
}

/// The unit is 10 ms: every request computes for one, one for the object reads 180 pages of 0.5 ms
/// besides. A request waits for up to a round of the others' quanta (of 1/20) before its first: of
/// 3 others on average for half a round more than where the CPU is shared evenly.
#[test]
fn a_cpu_shared_by_threads_is_m_g_1_processor_sharing() {
    const UNITS_PER_MS: f64 = 0.1;
    let system = bimodal(10_000, 180 * 4096)
        .arrivals(0.4 * UNITS_PER_MS)
        .set("server.threads", "400")
        .set("server.chunk", "4096 B")
        .set("server.app_cpu", "10 ms")
        .set("machine.quantum", "500 us")
        .figure("call.read_page", "500 us");
    let expected = closed_form("M/G/1 bimodal", BIMODAL, "W_PS");
    let means: Vec<f64> = means(&system.each(MT, 10, times))
        .iter()
        .map(|ms| ms * UNITS_PER_MS)
        .collect();
    assert_agrees_within("W_PS", &means, expected, 0.03, 0.01);
}

/// A byte takes a microsecond; 5 ms and up to 6 more.
#[test]
fn a_link_with_sizes_spread_evenly_is_m_g_1() {
    const SIZES: u32 = 6001;
    let mut rng = stream(7, "theory sizes", 0, 0);
    let mut draw = || (unit(&mut rng) * f64::from(SIZES)) as u32;
    let sessions = (0..20_000).map(|_| vec![(draw(), false)]).collect();
    let header = u64::from(sim::server::script::HEADER_BYTES);
    let sizes = (0..SIZES).map(|i| 5000 + u64::from(i) - header).collect();
    let system = System::new(sizes, sessions)
        .set("run.start", "warm")
        .set("cache.memory", "256 MiB")
        .set("network.server_link", "8 Mbit/s")
        .arrivals(0.08);
    let parameters = "lambda=0.08/ms S=5+U(0,6) ms";
    assert_m_g_1(&system, NB_LAIO, "M/G/1 const+U[0,6]", parameters, "W");
}
