//! File calls that do not block, on a tree like the servers'.

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::AsRawFd;

use super::timing::{Rounds, mean_of};
use super::tree::{FILES, PAGE, PAGES, Tree};
use super::{CalibrateError, Effort};

/// cachestat(2), Linux 6.5 (asm/unistd_64.h); not in the libc crate yet.
const SYS_CACHESTAT: libc::c_long = 451;
/// A line of the access log. Ours: about what a combined log format's takes.
const LINE_BYTES: usize = 100;

/// What was measured, in nanoseconds.
pub(super) struct FileCalls {
    pub(super) open: Rounds,
    pub(super) close: Rounds,
    pub(super) fstat: Rounds,
    pub(super) stat: Rounds,
    pub(super) read: Rounds,
    pub(super) read_page: Rounds,
    pub(super) log: Rounds,
    pub(super) meter: Rounds,
    pub(super) residency: Rounds,
    pub(super) name_residency: Rounds,
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> CalibrateError {
    move |source| CalibrateError::Call { what, source }
}

/// Measures on the CPU of the server.
pub(super) fn measure(effort: Effort, tree: &Tree) -> Result<FileCalls, CalibrateError> {
    let batch = effort.batch.min(u64::from(FILES));
    let rounds = effort.rounds;
    let mut open = Vec::new();
    let mut close = Vec::new();
    for _ in 0..=rounds {
        let mut fds = Vec::with_capacity(batch as usize);
        open.push(mean_of(batch, |index| {
            fds.push(open_path(tree.path(index)))
        }));
        close.push(mean_of(batch, |index| close_fd(fds[index as usize])));
        if fds.iter().any(|&fd| fd < 0) {
            return Err(failed("open")(io::Error::last_os_error()));
        }
    }
    let series = |values: &mut Vec<f64>| {
        values.remove(0); // the first round warms
        let mut values = std::mem::take(values).into_iter();
        Rounds::of(rounds, || values.next().unwrap_or_default())
    };
    let (open, close) = (series(&mut open), series(&mut close));
    let fds = tree.open_files().map_err(failed("open"))?;
    let fd_of = |index: u64| fds[index as usize % fds.len()].as_raw_fd();
    let mut buffer = vec![0_u8; PAGES * PAGE];
    let one = Rounds::of(rounds, || {
        mean_of(batch, |i| read_pages(fd_of(i), &mut buffer[..PAGE]))
    });
    let all = Rounds::of(rounds, || {
        mean_of(batch, |i| read_pages(fd_of(i), &mut buffer))
    });
    let read_page = one.with(&all, |one, all| (all - one) / (PAGES - 1) as f64);
    Ok(FileCalls {
        open,
        close,
        fstat: Rounds::of(rounds, || mean_of(batch, |index| fstat(fd_of(index)))),
        stat: Rounds::of(rounds, || mean_of(batch, |index| stat(tree.path(index)))),
        read: one.with(&read_page, |one, page| one - page),
        read_page,
        log: log_lines(effort).map_err(failed("writing a log"))?,
        meter: Rounds::of(rounds, || mean_of(batch, |_| meter())),
        residency: Rounds::of(rounds, || mean_of(batch, |index| cachestat(fd_of(index)))),
        name_residency: Rounds::of(rounds, || {
            mean_of(batch, |index| open_cached(tree.path(index)))
        }),
    })
}

fn open_path(path: &CString) -> i32 {
    // SAFETY: a path that ends in a zero byte.
    unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) }
}

fn close_fd(fd: i32) {
    // SAFETY: `fd` was opened by the caller and is not used again.
    unsafe { libc::close(fd) };
}

fn read_pages(fd: i32, buffer: &mut [u8]) {
    // SAFETY: the buffer has the length given.
    unsafe { libc::pread(fd, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
}

fn fstat(fd: i32) {
    // SAFETY: an all-zero stat is a valid one, and lives through the call.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        libc::fstat(fd, &raw mut stat);
    }
}

fn stat(path: &CString) {
    // SAFETY: as above, with a path that ends in a zero byte.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        libc::stat(path.as_ptr(), &raw mut stat);
    }
}

/// Lines of a combined log format's length, appended to a file on the system's own disk. Its blocks
/// are written back later by the kernel, as a server's are.
fn log_lines(effort: Effort) -> io::Result<Rounds> {
    let folder = tempfile::tempdir()?;
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(folder.path().join("access.log"))?;
    let mut line = [b'x'; LINE_BYTES];
    line[LINE_BYTES - 1] = b'\n';
    let mut failure = None;
    let mut rounds = Vec::new();
    for _ in 0..=effort.rounds {
        let mean = mean_of(effort.batch, |_| {
            failure = failure.take().or(file.write_all(&line).err());
        });
        rounds.push(mean);
    }
    failure.map_or(Ok(Rounds::after_the_first(rounds)), Err)
}

/// What the servers' meter does around a call.
fn meter() {
    // SAFETY: an all-zero rusage is a valid one, and lives through the calls.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage);
        super::timing::clock();
        libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage);
    }
}

fn cachestat(fd: i32) {
    let range = [0_u64, (PAGES * PAGE) as u64];
    let mut found = [0_u64; 5];
    // SAFETY: struct cachestat_range is two u64, struct cachestat five (linux/mman.h).
    unsafe {
        libc::syscall(SYS_CACHESTAT, fd, range.as_ptr(), found.as_mut_ptr(), 0);
    }
}

/// The test of a name as it ends when it fails: a look-up that stops at the name. Here it stops
/// since the name does not exist, after the same walk.
fn open_cached(path: &CString) {
    const RESOLVE_CACHED: u64 = 0x20;
    let mut missing = path.as_bytes().to_vec();
    if let Some(last) = missing.last_mut() {
        *last = b'x';
    }
    missing.push(0);
    let how = [(libc::O_PATH | libc::O_CLOEXEC) as u64, 0, RESOLVE_CACHED];
    // SAFETY: struct open_how is three u64 (linux/openat2.h); the path ends in a zero byte.
    unsafe {
        libc::syscall(
            libc::SYS_openat2,
            libc::AT_FDCWD,
            missing.as_ptr(),
            how.as_ptr(),
            size_of_val(&how),
        );
    }
}
