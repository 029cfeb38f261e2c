//! Closed queues: clients that think between a response and the next request.
//!
//! Machine repair: the disk alone. Networks (MVA, load-dependent): the CPU, shared by threads with a
//! quantum short beside what a request computes, then the disk. Both have a product form: the CPU
//! as a processor-sharing station whatever its times, the disk as one of exponential times, the
//! thinking as a delay.
//!
//! What is measured lies between the start, when all clients ask at once, and the first client's
//! end.

use sim::engine::Nanos;
use sim::run::{Measured, Played, RequestRecord};

use crate::closed_form::closed_form;
use crate::judge::assert_agrees_within;
use crate::system::{MT, NB_LAIO, System};

/// Requests per millisecond, and mean response time in milliseconds, while all clients play.
fn steady_part(run: &Measured, played: &Played) -> (f64, f64) {
    assert_eq!(
        run.disk.requests,
        run.responses.len() as u64,
        "one read each"
    );
    let records = played.records.as_deref().expect("kept");
    let end = |record: &RequestRecord| record.sent_at + record.response_time;
    let clients = records
        .iter()
        .map(|record| record.client)
        .max()
        .expect("some");
    let last_of = |client: u32| {
        let own = records.iter().filter(|record| record.client == client);
        own.map(end).max().expect("each has one")
    };
    let to = (0..=clients).map(last_of).min().expect("some");
    let from = Nanos(to.0 / 10);
    let inside: Vec<&RequestRecord> = records
        .iter()
        .filter(|record| (from..to).contains(&end(record)))
        .collect();
    let total: u64 = inside.iter().map(|record| record.response_time.0).sum();
    let count = inside.len() as f64;
    (
        count / (to - from).as_millis_f64(),
        total as f64 / 1e6 / count,
    )
}

/// X and R, in units of `unit_ms`.
fn assert_x_and_r(
    system: &System,
    server: sim::scenario::Server,
    model: &str,
    parameters: &str,
    unit_ms: f64,
    bias: f64,
) {
    let both = system.each(server, 10, steady_part);
    let x: Vec<f64> = both.iter().map(|(x, _)| x * unit_ms).collect();
    let r: Vec<f64> = both.iter().map(|(_, r)| r / unit_ms).collect();
    let agrees = |quantity: &str, values: &[f64]| {
        let expected = closed_form(model, parameters, quantity);
        let what = format!("{parameters} {quantity}");
        assert_agrees_within(&what, values, expected, 0.02, bias);
    };
    agrees("X", &x);
    agrees("R", &r);
}

#[test]
fn clients_before_a_disk_of_c_servers_are_machine_repair() {
    for (clients, c, think, each) in [
        (10, 1, "10 ms", 1000),
        (20, 1, "10 ms", 500),
        (20, 4, "10 ms", 500),
        (64, 2, "16 ms", 300),
    ] {
        let system = System::lone_reads(clients, each)
            .disk("exponential", 1.0, c)
            .clients(think);
        let z = think.trim_end_matches(" ms");
        let parameters = format!("N={clients} c={c} Z={z} S=1");
        let model = "machine repair M/M/c//N";
        assert_x_and_r(&system, NB_LAIO, model, &parameters, 1.0, 0.0);
    }
}

/// The CPU time of a request, in milliseconds: fifty quanta, as short as the server's computation
/// is divided.
const UNIT_MS: f64 = 25.0;
/// A request waits for up to a round of all others' quanta before its first one, half of it more
/// than where the CPU is shared evenly. Of up to 34 requests at the CPU and a mean response time of
/// 40 units that is 34 / 2 / 50 / 40.
const QUANTUM_BIAS: f64 = 0.01;

fn cpu_and_disk(clients: u32, each: u32, disk_ms: f64, servers: u32) -> System {
    System::lone_reads(clients, each)
        .disk("exponential", disk_ms, servers)
        .clients("250 ms")
        .set("server.threads", "64")
        .set("server.app_cpu", "25 ms")
        .set("machine.quantum", "500 us")
}

#[test]
fn cpu_and_disk_are_a_closed_network() {
    for (clients, each) in [(5, 1200), (20, 300), (50, 150)] {
        let system = cpu_and_disk(clients, each, 1.6 * UNIT_MS, 1);
        let parameters = format!("N={clients} Z=10 D_cpu=1 D_disk=1.6");
        assert_x_and_r(
            &system,
            MT,
            "closed MVA",
            &parameters,
            UNIT_MS,
            QUANTUM_BIAS,
        );
    }
}

#[test]
fn cpu_and_a_disk_of_several_servers_are_a_load_dependent_network() {
    for (clients, c, each) in [(20, 2, 300), (20, 4, 300), (50, 4, 150)] {
        let system = cpu_and_disk(clients, each, 3.2 * UNIT_MS, c);
        let parameters =
            format!("N={clients} Z=10 D_cpu=1 D_disk=3.2 disk servers c={c} (load-dependent)");
        assert_x_and_r(
            &system,
            MT,
            "closed load-dependent",
            &parameters,
            UNIT_MS,
            QUANTUM_BIAS,
        );
    }
}
