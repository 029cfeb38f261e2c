//! Measures what this machine charges, and writes it as a machine profile.
//!
//! Every figure is measured on the machine: calls one by one in batches, the network against a
//! peer on the other CPU, misses against the emulated disk, LAIO through the real library, POSIX AIO
//! and io_uring where the system has them, and the servers as a whole in place, on fixed objects held in
//! memory. All but a few of it several times over (see `passes`). No figure is taken from a run that
//! the simulator is judged on.

mod aio;
mod assemble;
mod calls;
mod child;
mod disk;
mod idle;
mod inplace;
mod laio_costs;
mod mappings;
mod memory;
pub(crate) mod pace;
mod passes;
mod paths;
mod scheduling;
mod sendfile;
mod sockets;
mod spinning;
mod threads;
mod timing;
mod tree;
mod uring;

use std::io;

use sim::machine::profile::Profile;

use crate::emulate::EmulateError;
use crate::emulate::realtime::pin_to;
use crate::process::SERVER_CPU;
use memory::Memory;
use timing::Rounds;
use tree::Tree;

/// How thoroughly to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Passes over all the figures.
    pub passes: usize,
    /// Rounds of every figure in a pass.
    pub rounds: usize,
    /// Calls in a round.
    pub batch: u64,
}

impl Effort {
    /// About three and a half minutes in all.
    pub const QUICK: Self = Self {
        passes: 3,
        rounds: 5,
        batch: 2_000,
    };
    /// About eight minutes.
    pub const FULL: Self = Self {
        passes: 10,
        rounds: 7,
        batch: 4_000,
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
    progress("the kernel's proactive page-out");
    let once = Once {
        pageout_rate: disk::pageout_rate()?,
        memory: memory::measure(effort)?,
    };
    let pass = |number| {
        pass(effort, &once, |step| {
            progress(&format!("pass {number} of {}: {step}", effort.passes))
        })
    };
    let passes = (1..=effort.passes).map(pass);
    Ok(passes::means(&passes.collect::<Result<Vec<_>, _>>()?))
}

/// What other tenants hardly change, and takes long: measured before the passes.
struct Once {
    pageout_rate: Rounds,
    memory: Memory,
}

/// Measures all else once.
fn pass(effort: Effort, once: &Once, progress: impl Fn(&str)) -> Result<Profile, CalibrateError> {
    let failed = |source| CalibrateError::Call {
        what: "the server's CPU",
        source,
    };
    pin_to(SERVER_CPU).map_err(failed)?;
    progress("calls on cached files");
    let tree = Tree::create().map_err(failed)?;
    let files = calls::measure(effort, &tree)?;
    let mappings = mappings::measure(effort, &tree)?;
    progress("sockets");
    let sockets = sockets::measure(effort)?;
    let sendfile = sendfile::measure(effort, &tree)?;
    drop(tree);
    progress("switches and wake-ups");
    let scheduling = scheduling::measure(effort)?;
    progress("laio, threads, POSIX AIO, io_uring");
    let laio = laio_costs::measure(effort, &scheduling)?;
    let threads = threads::measure(effort)?;
    let aio = aio::measure(effort, &scheduling, &sockets)?;
    let uring = uring::measure(effort, &scheduling)?;
    progress("the same after pauses");
    let paths = paths::measure(effort, aio.is_some(), uring.is_some())?;
    progress("misses on the emulated disk");
    let disk = disk::measure(effort)?;
    progress("servers in place");
    let inplace = inplace::measure(effort)?;
    Ok(assemble::profile(&assemble::Parts {
        files,
        mappings,
        sockets,
        sendfile,
        scheduling,
        disk,
        laio,
        threads,
        aio,
        uring,
        paths,
        once,
        inplace,
    }))
}
