//! What it takes a CPU to run again after it was idle: the server in place, asleep for so long,
//! and a client on the other CPU that never sleeps.
//!
//! The client spins on its socket, so its own CPU is never idle and nobody has to wake it: the
//! server's CPU time and the time until the response comes are those of one idle CPU alone.

use std::io;

use sim::machine::profile::IDLE_TIMES;

use super::inplace::{BUSY, OBJECTS, SETTLE_NS};
use super::spinning::{Connection, exchange_on_each, spin};
use super::timing::{Rounds, cpu_clock_of, read_clock};
use crate::process::ServerProcess;

/// Pauses of a round take about so long in all, and are at least [`FEWEST`] and at most [`MOST`].
/// Ours.
const PAUSED_NS: u64 = 60_000_000;
const FEWEST: u64 = 30;
const MOST: u64 = 400;
/// Connections on which requests come at once after a pause. Ours: as many as of the busy load.
pub(super) const BURST: u32 = BUSY;

/// What was measured at one pause, in nanoseconds.
pub(super) struct AfterPause {
    /// CPU of the server per request.
    pub(super) server: Rounds,
    /// CPU of the server for [`BURST`] requests at once, each on a connection of its own.
    pub(super) burst: Rounds,
    /// From the request's first instruction until its response can be read, less that CPU.
    pub(super) beyond_cpu: Rounds,
}

/// The figures of each round at each of [`IDLE_TIMES`].
#[derive(Default)]
pub(super) struct Pauses {
    server: [Vec<f64>; IDLE_TIMES.len()],
    burst: [Vec<f64>; IDLE_TIMES.len()],
    beyond_cpu: [Vec<f64>; IDLE_TIMES.len()],
}

impl Pauses {
    /// Measures a round against `server`, which nobody else uses.
    pub(super) fn round(&mut self, server: &ServerProcess, pid: u32) -> io::Result<()> {
        let mut clients = open_burst(server)?;
        let server_clock = cpu_clock_of(pid)?;
        for (index, pause) in IDLE_TIMES.into_iter().enumerate() {
            let requests = (PAUSED_NS / pause.0).clamp(FEWEST, MOST);
            let (cpu, beyond) = one_by_one(&mut clients[0], server_clock, pause.0, requests)?;
            self.server[index].push(cpu);
            self.beyond_cpu[index].push(beyond);
            let bursts = requests.min(FEWEST);
            let burst = mean_burst(&mut clients, server_clock, pause.0, bursts)?;
            self.burst[index].push(burst);
        }
        Ok(())
    }

    /// The figures by pause, without the first round, which only warmed.
    pub(super) fn figures(self) -> Vec<AfterPause> {
        let all = self.server.into_iter().zip(self.burst).zip(self.beyond_cpu);
        let figures = |((server, burst), beyond_cpu)| AfterPause {
            server: Rounds::after_the_first(server),
            burst: Rounds::after_the_first(burst),
            beyond_cpu: Rounds::after_the_first(beyond_cpu),
        };
        all.map(figures).collect()
    }
}

/// Of `requests` with a pause before each: the mean CPU time of the server, which adds up, and the
/// median of what the response took beyond it, which does not. The server's clock is exact since it
/// sleeps when it is read.
fn one_by_one(
    client: &mut Connection,
    server_clock: libc::clockid_t,
    pause_ns: u64,
    requests: u64,
) -> io::Result<(f64, f64)> {
    let (mut cpu, mut beyond) = (vec![], vec![]);
    spin(pause_ns);
    for _ in 0..requests {
        let before = read_clock(server_clock);
        let response = client.exchange()?;
        spin(pause_ns);
        let used = read_clock(server_clock) - before;
        cpu.push(used as f64);
        beyond.push(response as f64 - used as f64);
    }
    Ok((
        Rounds::from_values(cpu).mean(),
        Rounds::from_values(beyond).median(),
    ))
}

/// The connections of a burst.
pub(super) fn open_burst(server: &ServerProcess) -> io::Result<Vec<Connection>> {
    let open = |index| Connection::open(server.address(), index * OBJECTS / BURST);
    (0..BURST).map(open).collect()
}

/// The mean CPU time of the server for a request of each client at once, after a pause, of so
/// many bursts.
pub(super) fn mean_burst(
    clients: &mut [Connection],
    server_clock: libc::clockid_t,
    pause_ns: u64,
    bursts: u64,
) -> io::Result<f64> {
    let mut cpu = vec![];
    spin(SETTLE_NS);
    for _ in 0..bursts {
        spin(pause_ns);
        let before = read_clock(server_clock);
        exchange_on_each(clients)?;
        spin(SETTLE_NS);
        cpu.push((read_clock(server_clock) - before) as f64);
    }
    Ok(Rounds::from_values(cpu).mean())
}
