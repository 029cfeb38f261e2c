//! The pace of the machine now against that of a profile: on a shared machine, other tenants slow
//! CPU time down and let it go again within seconds.
//!
//! Measured is what calibrate measures in place, on its own objects in memory: the CPU time of
//! `nb-b` for a burst of requests after 10 ms of idleness. Restart, cold connections and plain
//! calls are in it in about the shares that a disk-bound server has them.

use std::thread;

use sim::engine::Nanos;
use sim::machine::profile::{CallCosts, IDLE_TIMES, IdleCosts};
use sim::scenario::keys::ServerKeys;

use super::CalibrateError;
use super::idle::{BURST, median_burst, open_burst};
use super::inplace::{Grid, OBJECTS, PAGES, known_calls, server_failed};
use super::spinning::exchange_on_each;
use super::timing::cpu_clock_of;
use crate::emulate::realtime::pin_to;
use crate::process::{CLIENT_CPU, ServerProcess};
use crate::serve::NB_B;

/// Bursts of a measurement: a third of a second. Ours.
const BURSTS: u64 = 30;
const PAUSE: Nanos = IDLE_TIMES[IDLE_TIMES.len() - 1];

/// A server that waits to be measured.
pub(crate) struct Pacer {
    server: ServerProcess,
    _folder: tempfile::TempDir,
}

impl Pacer {
    /// Starts the server.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start() -> Result<Self, CalibrateError> {
        let failed = |source| CalibrateError::Call {
            what: "the machine's pace",
            source,
        };
        let folder = tempfile::tempdir().map_err(failed)?;
        let grid = Grid::create(folder.path(), PAGES).map_err(failed)?;
        let server = ServerProcess::start(&grid.root, NB_B, &ServerKeys::default(), None)
            .map_err(server_failed)?;
        Ok(Self {
            server,
            _folder: folder,
        })
    }

    /// CPU nanoseconds of a burst, now.
    ///
    /// # Errors
    /// If the server fails.
    pub(crate) fn burst_ns(&self) -> Result<f64, CalibrateError> {
        let pid = self.server.pids().map_err(server_failed)?[0];
        // On a thread of its own, which is pinned.
        let client = || {
            pin_to(CLIENT_CPU)?;
            let mut clients = open_burst(&self.server)?;
            // The kernel may have taken the files out of memory since they were last asked for.
            for _ in 0..=OBJECTS / BURST {
                exchange_on_each(&mut clients)?;
            }
            median_burst(&mut clients, cpu_clock_of(pid)?, PAUSE.0, BURSTS)
        };
        let measured = thread::scope(|scope| scope.spawn(client).join());
        let measured = measured.expect("a client does not panic");
        measured.map_err(server_failed)
    }
}

/// What a profile says of such a burst.
pub(crate) fn calibrated_burst_ns(call: &CallCosts, idle: &IdleCosts) -> f64 {
    let each = known_calls(call) + call.parse + idle.cold(PAUSE);
    (each * u64::from(BURST) + idle.restart(PAUSE)).0 as f64
}
