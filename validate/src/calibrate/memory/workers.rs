//! What works for a server beside its first process: processes, threads, kernel workers.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write, pipe};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Barrier;
use std::thread;

use super::{MANY, SETTLE, held};
use crate::calibrate::uring::Ring;
use crate::emulate::cgroup::MemoryGroup;
use crate::process::SERVER_CPU;
use crate::serve::{self, NB_B, ServeConfig};

/// Processes counted at once. Ours.
const PROCESSES: usize = 8;

/// Bytes per server process forked from one that serves nothing yet.
pub(super) fn processes(group: &MemoryGroup) -> io::Result<Vec<f64>> {
    let root = tempfile::tempdir()?;
    let before = held(group)?;
    let mut pids = Vec::new();
    for _ in 0..PROCESSES {
        pids.push(fork_server(root.path())?);
    }
    thread::sleep(SETTLE);
    let after = held(group);
    for pid in pids {
        // SAFETY: a signal to our own child, and waiting for it; no status is asked for.
        unsafe {
            libc::kill(pid, libc::SIGTERM);
            libc::waitpid(pid, std::ptr::null_mut(), 0);
        }
    }
    let after = after?;
    let grown = (after.0 - before.0) + (after.1 - before.1);
    Ok(vec![grown / PROCESSES as f64])
}

/// Forks a process that serves `root`, and waits until it listens.
fn fork_server(root: &Path) -> io::Result<libc::pid_t> {
    let (mut listening, mut said) = pipe()?;
    // SAFETY: the caller's process has one thread; the child serves and leaves by `_exit`.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    if pid == 0 {
        let config = ServeConfig {
            root: root.to_path_buf(),
            server: NB_B,
            port: 0,
            cpu: SERVER_CPU,
            helpers: 0,
            chunk_bytes: 64 << 10,
            send_buffer_bytes: None,
            counters: None,
        };
        let served = serve::run(&config, |_| drop(said.write_all(&[1])));
        // SAFETY: ends the process without returning.
        unsafe { libc::_exit(i32::from(served.is_err())) };
    }
    drop(said);
    listening.read_exact(&mut [0])?;
    Ok(pid)
}

/// Bytes per thread that has run a call: in all, and in the kernel.
pub(super) fn threads(group: &MemoryGroup) -> io::Result<Vec<f64>> {
    let program = File::open("/proc/self/exe")?;
    let before = held(group)?;
    let (ready, end) = (Barrier::new(MANY + 1), Barrier::new(MANY + 1));
    let after = thread::scope(|scope| {
        for _ in 0..MANY {
            scope.spawn(|| {
                // What is read does not matter, nor whether it can be.
                drop(program.read_at(&mut [0; 64], 0));
                ready.wait();
                end.wait();
            });
        }
        ready.wait();
        let after = held(group);
        end.wait();
        after
    })?;
    let each = |before: f64, after: f64| (after - before) / MANY as f64;
    let kernel = each(before.1, after.1);
    Ok(vec![each(before.0, after.0) + kernel, kernel])
}

/// Bytes per kernel worker of io_uring; not a number where there is none. Each opens a FIFO that
/// nobody writes to.
pub(super) fn kernel_workers(group: &MemoryGroup) -> io::Result<Vec<f64>> {
    let Some(mut ring) = Ring::new()? else {
        return Ok(vec![f64::NAN]);
    };
    let folder = tempfile::tempdir()?;
    let fifos: Vec<CString> = (0..MANY)
        .map(|index| fifo(&folder.path().join(index.to_string())))
        .collect::<io::Result<_>>()?;
    let before = held(group)?;
    let started = workers()?;
    ring.open_by_workers(&fifos)?;
    thread::sleep(SETTLE);
    let (after, started) = (held(group)?, workers()? - started);
    if started < MANY / 2 {
        return Err(io::Error::other(format!(
            "{started} workers for {MANY} opens"
        )));
    }
    // The process ends by `_exit`: nobody completes the opens.
    std::mem::forget(ring);
    let grown = (after.0 - before.0) + (after.1 - before.1);
    Ok(vec![grown / started as f64])
}

/// Threads of this process, the kernel's for it included.
fn workers() -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

fn fifo(path: &Path) -> io::Result<CString> {
    let path = CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)?;
    // SAFETY: a path that ends in a zero byte.
    match unsafe { libc::mkfifo(path.as_ptr(), 0o600) } {
        0 => Ok(path),
        _ => Err(io::Error::last_os_error()),
    }
}
