//! Measures what this machine charges, and writes it as a machine profile.
//!
//! Every figure is measured on the machine: calls one by one in batches, the network against a
//! peer on the other CPU, misses against the emulated disk, LAIO through the real library, and the
//! servers as a whole in place, on fixed objects held in memory. No figure is
//! taken from a run that the simulator is judged on.

mod assemble;
mod calls;
mod child;
mod disk;
mod inplace;
mod laio_costs;
mod memory;
mod scheduling;
mod sockets;
mod timing;

use std::io;

use sim::machine::profile::Profile;

use crate::emulate::EmulateError;

/// How thoroughly to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds of every figure.
    pub rounds: usize,
    /// Calls in a round.
    pub batch: u64,
}

impl Effort {
    /// About a minute in all.
    pub const QUICK: Self = Self {
        rounds: 15,
        batch: 2_000,
    };
    /// About two minutes.
    pub const FULL: Self = Self {
        rounds: 41,
        batch: 10_000,
    };
}

/// Why a calibration failed. Nothing has been written.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// A system call of a measurement failed.
    #[error("calibrating {what}: {source}")]
    Call {
        /// What was being measured.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// The emulated disk or the memory group could not be set up.
    #[error(transparent)]
    Emulate(#[from] EmulateError),
    /// The library could not start.
    #[error("calibrating laio: {0}")]
    Laio(#[from] laio::Error),
    /// The user asked to stop.
    #[error("interrupted: nothing written")]
    Interrupted,
    /// A server or the load generator failed.
    #[error("calibrating the servers in place: {0}")]
    Server(String),
}

/// Measures the machine. `progress` is told what comes next.
///
/// # Errors
/// If a measurement cannot be made: no root, no FUSE, one CPU only.
pub fn calibrate(effort: Effort, progress: impl Fn(&str)) -> Result<Profile, CalibrateError> {
    progress("calls on cached files");
    let files = calls::measure(effort)?;
    progress("sockets");
    let sockets = sockets::measure(effort)?;
    progress("switches and wake-ups");
    let scheduling = scheduling::measure(effort)?;
    progress("misses on the emulated disk");
    let disk = disk::measure(effort)?;
    progress("laio");
    let laio = laio_costs::measure(effort, &scheduling)?;
    progress("memory");
    let memory = memory::measure(effort)?;
    progress("servers in place");
    let inplace = inplace::measure(effort)?;
    Ok(assemble::profile(&assemble::Parts {
        files,
        sockets,
        scheduling,
        disk,
        laio,
        memory,
        inplace,
    }))
}
