//! The pace of the machine now against that of a profile: on a shared machine, other tenants slow
//! CPU time down and let it go again within seconds.
//!
//! Measured is what calibrate measures in place, on its own objects in memory: the CPU time of
//! `nb-b` for requests that it always has. What it takes more after pauses changes by larger factors,
//! and within seconds, so that a look before and after a run does not tell what it was in between.

use std::{io, thread};

use sim::machine::profile::CallCosts;
use sim::scenario::keys::ServerKeys;

use super::CalibrateError;
use super::inplace::{BUSY, Grid, OBJECTS, PAGES, SETTLE_NS, known_calls, server_failed};
use super::spinning::{Next, keep_busy, spin};
use super::timing::{cpu_clock_of, read_clock};
use crate::emulate::realtime::pin_to;
use crate::process::{CLIENT_CPU, ServerProcess};
use crate::serve::NB_B;

/// Requests of a measurement: a third of a second. Ours.
const REQUESTS: u32 = 15_000;

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

    /// CPU nanoseconds of a request, now.
    ///
    /// # Errors
    /// If the server fails.
    pub(crate) fn request_ns(&self) -> Result<f64, CalibrateError> {
        let pid = self.server.pids().map_err(server_failed)?[0];
        // On a thread of its own, which is pinned.
        let client = || {
            pin_to(CLIENT_CPU)?;
            // The kernel may have taken the files out of memory since they were last asked for.
            keep_busy(self.server.address(), BUSY, OBJECTS, Next::Kept)?;
            let clock = cpu_clock_of(pid)?;
            spin(SETTLE_NS);
            let before = read_clock(clock);
            let requests = keep_busy(self.server.address(), BUSY, REQUESTS, Next::Kept)?;
            spin(SETTLE_NS);
            Ok::<_, io::Error>((read_clock(clock) - before) as f64 / f64::from(requests))
        };
        let measured = thread::scope(|scope| scope.spawn(client).join());
        let measured = measured.expect("a client does not panic");
        measured.map_err(server_failed)
    }
}

/// What a profile says of such a request.
pub(crate) fn calibrated_request_ns(call: &CallCosts) -> f64 {
    (known_calls(call) + call.parse).0 as f64
}
