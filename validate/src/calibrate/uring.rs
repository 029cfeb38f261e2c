//! What io_uring adds: operations that are tried inline, and those that a kernel worker does.
//!
//! Always one operation at a time: what a loop submits at low load, and the dearest way.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::os::fd::AsRawFd;

use io_uring::squeue::Flags;
use io_uring::{IoUring, opcode, types};

use super::child::measure_in_child;
use super::scheduling::Scheduling;
use super::timing::{Rounds, clock, mean_of, process_clock};
use super::tree::PAGE;
use super::{CalibrateError, Effort};
use crate::process::SERVER_CPU;

/// Entries of the ring. Ours.
const ENTRIES: u32 = 64;
/// Operations through a kernel worker in a round.
const PUNTS: u64 = 500;
/// Figures of a round.
const FIGURES: usize = 4;

/// What was measured, in nanoseconds.
pub(super) struct Uring {
    pub(super) submit: Rounds,
    pub(super) complete: Rounds,
    pub(super) punt: Rounds,
}

/// Measures on the CPU of the server, in a process of its own: the workers belong to it. `None`
/// where there is no io_uring, or it is forbidden.
pub(super) fn measure(
    effort: Effort,
    scheduling: &Scheduling,
) -> Result<Option<Uring>, CalibrateError> {
    let failed = |source| CalibrateError::Call {
        what: "io_uring",
        source,
    };
    if Ring::new().map_err(failed)?.is_none() {
        return Ok(None);
    }
    let figures = measure_in_child("io_uring", None, || in_child(effort))?;
    let [submit, complete, inline, punted] = Rounds::columns::<FIGURES>(&figures);
    let there_and_back =
        2.0 * (scheduling.wake_same_cpu.median() + scheduling.context_switch.median());
    Ok(Some(Uring {
        submit: submit.with(&complete, |submit, complete| submit - complete),
        complete,
        punt: punted
            .with(&inline, |punted, inline| punted - inline)
            .map(|rest| rest - there_and_back),
    }))
}

/// Per round: a cached read through the ring beyond a plain one, reaping a completion, all CPU of
/// a read that is tried inline and of one that is not.
fn in_child(effort: Effort) -> io::Result<Vec<f64>> {
    let mut file = tempfile::tempfile()?;
    file.write_all(&[1; PAGE])?;
    let mut buffer = vec![0; PAGE];
    let mut ring = Ring::new()?.ok_or(io::ErrorKind::Unsupported)?;
    let mut figures = Vec::new();
    for _ in 0..=effort.rounds {
        let plain = mean_of(effort.batch, |_| plain_read(&file, &mut buffer));
        let cpu = process_clock();
        let start = clock();
        for _ in 0..effort.batch {
            ring.read_inline(&file, &mut buffer)?;
        }
        let wall = (clock() - start) as f64 / effort.batch as f64;
        let inline = (process_clock() - cpu) as f64 / effort.batch as f64;
        let reap = ring.time_of_reaping()?;
        let cpu = process_clock();
        for _ in 0..PUNTS {
            ring.read_by_worker(&file, &mut buffer)?;
        }
        let punted = (process_clock() - cpu) as f64 / PUNTS as f64;
        figures.extend([wall - plain, reap, inline, punted]);
    }
    Ok(figures.split_off(FIGURES)) // the first round warms
}

fn plain_read(file: &File, buffer: &mut [u8]) {
    // SAFETY: the buffer has the length given.
    unsafe {
        libc::pread(
            file.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            0,
        )
    };
}

/// A ring whose workers stay on the server's CPU.
pub(super) struct Ring(IoUring);

impl Ring {
    /// `None` if the kernel has no io_uring or does not let us use it.
    pub(super) fn new() -> io::Result<Option<Self>> {
        let ring = match IoUring::new(ENTRIES) {
            Ok(ring) => ring,
            Err(error) => match error.raw_os_error() {
                Some(libc::ENOSYS | libc::EPERM | libc::EACCES) => return Ok(None),
                _ => return Err(error),
            },
        };
        // SAFETY: cpu_set_t is plain data for which all zeroes is the empty set.
        let mut cpus: libc::cpu_set_t = unsafe { mem::zeroed() };
        // SAFETY: the CPU is within the set.
        unsafe { libc::CPU_SET(SERVER_CPU, &mut cpus) };
        ring.submitter().register_iowq_aff(&cpus)?;
        Ok(Some(Self(ring)))
    }

    /// Submits a read of the file's first bytes into `buffer`, and does not wait.
    ///
    /// The caller leaves `buffer` alone until the read has been reaped.
    pub(super) fn submit_read(&mut self, file: &File, buffer: &mut [u8]) -> io::Result<()> {
        self.push_read(file, buffer, Flags::empty())?;
        self.0.submit().map(drop)
    }

    /// Waits for `count` completions that nobody has reaped yet.
    pub(super) fn reap(&mut self, count: usize) -> io::Result<()> {
        let mut reaped = 0;
        while reaped < count {
            self.0.submit_and_wait(1)?;
            for completion in self.0.completion() {
                check(completion.result())?;
                reaped += 1;
            }
        }
        Ok(())
    }

    /// Opens each of `paths` by a kernel worker of its own, which an open that blocks keeps.
    pub(super) fn open_by_workers(&mut self, paths: &[std::ffi::CString]) -> io::Result<()> {
        let mut limits = [paths.len() as u32; 2];
        self.0.submitter().register_iowq_max_workers(&mut limits)?;
        for path in paths {
            let open = opcode::OpenAt::new(types::Fd(libc::AT_FDCWD), path.as_ptr())
                .flags(libc::O_RDONLY)
                .build()
                .flags(Flags::ASYNC);
            self.push(&open)?;
        }
        self.0.submit().map(drop)
    }

    fn read_inline(&mut self, file: &File, buffer: &mut [u8]) -> io::Result<()> {
        self.submit_read(file, buffer)?;
        match self.0.completion().next() {
            Some(completion) => check(completion.result()),
            None => Err(io::Error::other("a cached read was not done inline")),
        }
    }

    pub(super) fn read_by_worker(&mut self, file: &File, buffer: &mut [u8]) -> io::Result<()> {
        self.push_read(file, buffer, Flags::ASYNC)?;
        self.reap(1)
    }

    /// Nanoseconds of looking for and taking one completion, when there are [`ENTRIES`].
    fn time_of_reaping(&mut self) -> io::Result<f64> {
        for _ in 0..ENTRIES {
            self.push(&opcode::Nop::new().build())?;
        }
        self.0.submit()?;
        let start = clock();
        let mut reaped = 0;
        while self.0.completion().next().is_some() {
            reaped += 1;
        }
        let time = (clock() - start) as f64 / f64::from(reaped);
        if reaped < ENTRIES {
            return Err(io::Error::other("a no-op was not done at once"));
        }
        Ok(time)
    }

    fn push_read(&mut self, file: &File, buffer: &mut [u8], flags: Flags) -> io::Result<()> {
        let (start, length) = (buffer.as_mut_ptr(), buffer.len() as u32);
        let read = opcode::Read::new(types::Fd(file.as_raw_fd()), start, length);
        self.push(&read.build().flags(flags))
    }

    fn push(&mut self, entry: &io_uring::squeue::Entry) -> io::Result<()> {
        // SAFETY: what the entry points to outlives the operation, as each caller sees to.
        unsafe { self.0.submission().push(entry) }.map_err(io::Error::other)
    }
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::from_raw_os_error(-result));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_come_back_inline_and_through_a_worker() {
        let Some(mut ring) = Ring::new().expect("io_uring, or none") else {
            return;
        };
        let mut file = tempfile::tempfile().expect("a folder for temporary files");
        file.write_all(b"page").expect("an open file");
        let mut buffer = [0; 4];
        ring.read_inline(&file, &mut buffer).expect("cached");
        assert_eq!(&buffer, b"page");
        buffer.fill(0);
        ring.read_by_worker(&file, &mut buffer).expect("cached");
        assert_eq!(&buffer, b"page");
        assert!(ring.time_of_reaping().expect("no-ops") >= 0.0);
    }
}
