//! Memory that is not page cache: servers, helpers, workers, threads, carriers, connections.

mod connections;
mod workers;

use std::io::{self, pipe};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::thread;
use std::time::Duration;

use laio::{Laio, Submission};

use sim::scenario::Server;
use sim::scenario::keys::ServerKeys;

use super::child::measure_in_child;
use super::timing::Rounds;
use super::{CalibrateError, Effort};
use crate::emulate::cgroup::{MemoryGroup, drop_caches};
use crate::process::ServerProcess;
use crate::serve::{NB_AMPED, NB_B};

/// Connections, helpers and carriers counted at once. Ours.
const MANY: usize = 32;
/// A limit that nothing here reaches.
const AMPLE: u64 = 512 << 20;
/// Time for a server to settle. Ours.
const SETTLE: Duration = Duration::from_millis(100);

/// What was measured, in bytes.
pub(super) struct Memory {
    pub(super) process: Rounds,
    pub(super) helper: Rounds,
    pub(super) worker: Rounds,
    pub(super) thread: Rounds,
    /// The kernel's part of a thread.
    pub(super) thread_in_kernel: Rounds,
    /// Where there is io_uring.
    pub(super) kernel_worker: Option<Rounds>,
    pub(super) carrier: Rounds,
    pub(super) connection: Rounds,
    pub(super) buffer_page: Rounds,
}

/// Measures with the real servers, each in a memory group of its own.
pub(super) fn measure(effort: Effort) -> Result<Memory, CalibrateError> {
    let rounds = effort.rounds.min(7);
    let (mut process, mut helper, mut carrier) = (vec![], vec![], vec![]);
    let (mut connection, mut buffer_page) = (vec![], vec![]);
    let (mut worker, mut threads, mut kernel_worker) = (vec![], vec![], vec![]);
    for _ in 0..rounds {
        let group = MemoryGroup::create(AMPLE)?;
        let nothing = std::env::temp_dir();
        let server = server(NB_B, 1, &nothing, &group)?;
        let alone = charged(&group)?;
        process.push(alone);
        drop(server);
        let group = MemoryGroup::create(AMPLE)?;
        let (open, filled) = connections::measure(&group)?;
        connection.push(open);
        buffer_page.push(filled);
        let group = MemoryGroup::create(AMPLE)?;
        let server = self::server(NB_AMPED, MANY as u32, &nothing, &group)?;
        helper.push((charged(&group)? - alone) / MANY as f64);
        drop(server);
        carrier.extend(in_child("carriers", carriers)?);
        worker.extend(in_child("worker processes", workers::processes)?);
        threads.extend(in_child("threads", workers::threads)?);
        kernel_worker.extend(in_child("kernel workers", workers::kernel_workers)?);
    }
    let [thread, thread_in_kernel] = Rounds::columns::<2>(&threads);
    let kernel_worker = (!kernel_worker.iter().any(|bytes| bytes.is_nan()))
        .then(|| Rounds::from_values(kernel_worker));
    Ok(Memory {
        process: Rounds::from_values(process),
        helper: Rounds::from_values(helper),
        worker: Rounds::from_values(worker),
        thread,
        thread_in_kernel,
        kernel_worker,
        carrier: Rounds::from_values(carrier),
        connection: Rounds::from_values(connection),
        buffer_page: Rounds::from_values(buffer_page),
    })
}

/// Runs `measurement` in a process in a memory group of its own.
fn in_child(
    what: &'static str,
    measurement: impl FnOnce(&MemoryGroup) -> io::Result<Vec<f64>>,
) -> Result<Vec<f64>, CalibrateError> {
    let group = MemoryGroup::create(AMPLE)?;
    measure_in_child(what, Some(&group), || measurement(&group))
}

/// Anonymous and kernel memory that the group is charged.
fn held(group: &MemoryGroup) -> io::Result<(f64, f64)> {
    let usage = group.usage().map_err(io::Error::other)?;
    Ok((usage.rss_bytes as f64, usage.kernel_bytes as f64))
}

fn server(
    server: Server,
    helpers: u32,
    files: &Path,
    group: &MemoryGroup,
) -> Result<ServerProcess, CalibrateError> {
    // What is cached already another group would be charged for, here as in a validated run.
    drop_caches()?;
    let keys = ServerKeys {
        helpers,
        ..ServerKeys::default()
    };
    let started = ServerProcess::start(files, server, &keys, Some(group))
        .map_err(|error| CalibrateError::Server(error.to_string()))?;
    thread::sleep(SETTLE);
    Ok(started)
}

/// What the group is charged while no file is served, for processes and kernel objects. Pages of
/// the program itself are reclaimed like any: under pressure next to none of them stay.
fn charged(group: &MemoryGroup) -> Result<f64, CalibrateError> {
    let (anonymous, kernel) = held(group).map_err(|source| CalibrateError::Call {
        what: "memory of servers",
        source,
    })?;
    Ok(anonymous + kernel)
}

/// Bytes per carrier that holds a blocked call.
fn carriers(group: &MemoryGroup) -> io::Result<Vec<f64>> {
    let mut laio = Laio::builder().cpu(0).start().map_err(io::Error::other)?;
    let now = || held(group).map(|(anonymous, kernel)| anonymous + kernel);
    let before = now()?;
    let mut pipes = Vec::new();
    let mut bytes = vec![0_u8; MANY];
    for byte in &mut bytes {
        let (reader, writer) = pipe()?;
        let read = [
            reader.as_raw_fd() as usize,
            (&raw mut *byte) as usize,
            1,
            0,
            0,
            0,
        ];
        // SAFETY: `bytes` is not looked at again, and the process ends before it is freed.
        let submission = unsafe { laio.syscall(libc::SYS_read, read) };
        if let Submission::Done(_) = submission {
            return Err(io::Error::other("a read of an empty pipe returned"));
        }
        pipes.push((reader, writer));
    }
    let per_carrier = (now()? - before) / MANY as f64;
    std::mem::forget((laio, pipes, bytes)); // the process ends by `_exit`
    Ok(vec![per_carrier])
}
