//! Starting reads without waiting for them, on a CPU that does not go idle.
//!
//! A read that waits for the disk is followed by a CPU that was idle, which costs more than the
//! submission and is charged apart; here the CPU goes on.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::{FILES, Files, LARGE_PAGES, PAGE, SLOW_READS};
use crate::calibrate::Effort;
use crate::calibrate::timing::{Rounds, thread_clock};
use crate::calibrate::uring::Ring;
use crate::emulate::Rig;

/// What was measured, in nanoseconds of CPU beyond those of cached pages.
pub(super) struct Started {
    /// posix_fadvise(WILLNEED), apart from the pages.
    pub(super) submit: Rounds,
    /// Each absent page of it, and its first copy: the disk has filled it, so the CPU's caches
    /// do not hold it.
    pub(super) page: Rounds,
    /// A read of an absent page through io_uring until control is back, beyond all that; where
    /// there is io_uring.
    pub(super) arm: Option<Rounds>,
}

/// Measures with the files of one page and those of [`LARGE_PAGES`].
pub(super) fn measure(files: &Files, rig: &Rig, effort: Effort) -> io::Result<Started> {
    let mut ring = Ring::new()?;
    let mut buffers = vec![vec![0_u8; PAGE as usize]; SLOW_READS as usize];
    let (mut small, mut large, mut copies, mut armed) = (vec![], vec![], vec![], vec![]);
    for round in 0..effort.rounds as u32 {
        let batch = Batch::of(files, 0, round);
        let submit = batch.advised(rig)?;
        small.push(submit);
        if let Some(ring) = &mut ring {
            let read = batch.beyond_warm(rig, || {
                let mut pairs = batch.0.iter().zip(&mut buffers);
                pairs.try_for_each(|(file, buffer)| ring.submit_read(file, buffer))
            })?;
            ring.reap(2 * batch.0.len())?;
            armed.push(read - submit);
        }
        let batch = Batch::of(files, FILES, round);
        large.push(batch.advised(rig)?);
        copies.push(batch.first_copy(rig)?);
    }
    let small = Rounds::from_values(small);
    let page = small.with(&Rounds::from_values(large), |small, large| {
        (large - small) / (LARGE_PAGES - 1) as f64
    });
    Ok(Started {
        submit: small.with(&page, |small, page| small - page),
        page: page.with(&Rounds::from_values(copies), |page, copy| page + copy),
        arm: ring.map(|_| Rounds::from_values(armed)),
    })
}

/// Files of a round, all of one size.
struct Batch<'a>(Vec<&'a File>);

impl<'a> Batch<'a> {
    fn of(files: &'a Files, first: u32, round: u32) -> Self {
        let file = |index| first + (round * SLOW_READS + index) % FILES;
        let files = (0..SLOW_READS).map(|index| &files.files[file(index) as usize]);
        Self(files.collect())
    }

    fn advised(&self, rig: &Rig) -> io::Result<f64> {
        self.beyond_warm(rig, || {
            self.advise(libc::POSIX_FADV_WILLNEED);
            Ok(())
        })
    }

    /// CPU of `start` per file with the pages absent, beyond that with the pages there.
    fn beyond_warm(&self, rig: &Rig, mut start: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
        self.advise(libc::POSIX_FADV_DONTNEED);
        rig.disk().set_fast(false);
        let cold = self.cpu_each(&mut start)?;
        rig.disk().set_fast(true);
        self.wait()?;
        Ok(cold - self.cpu_each(&mut start)?)
    }

    /// CPU per page of copying it for the first time, beyond that of copying it again.
    fn first_copy(&self, rig: &Rig) -> io::Result<f64> {
        let mut buffer = vec![0_u8; (LARGE_PAGES * PAGE) as usize];
        let mut read = || {
            self.0.iter().for_each(|file| read_into(file, &mut buffer));
            Ok(())
        };
        self.advise(libc::POSIX_FADV_DONTNEED);
        rig.disk().set_fast(true);
        self.advise(libc::POSIX_FADV_WILLNEED);
        self.wait()?;
        let (first, again) = (self.cpu_each(&mut read)?, self.cpu_each(&mut read)?);
        Ok((first - again) / LARGE_PAGES as f64)
    }

    fn cpu_each(&self, action: &mut impl FnMut() -> io::Result<()>) -> io::Result<f64> {
        let cpu = thread_clock();
        action()?;
        Ok((thread_clock() - cpu) as f64 / self.0.len() as f64)
    }

    fn advise(&self, advice: libc::c_int) {
        for file in &self.0 {
            // SAFETY: no pointers.
            unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, advice) };
        }
    }

    /// Waits until the last page of each file is there, without sleeping.
    fn wait(&self) -> io::Result<()> {
        for file in &self.0 {
            let last = file.metadata()?.len() as libc::off_t - 1;
            while !is_there(file, last)? {
                std::hint::spin_loop();
            }
        }
        Ok(())
    }
}

fn is_there(file: &File, offset: libc::off_t) -> io::Result<bool> {
    let mut byte = [0_u8];
    let into = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let fd = file.as_raw_fd();
    // SAFETY: one vector, to a buffer of a byte.
    if unsafe { libc::preadv2(fd, &raw const into, 1, offset, libc::RWF_NOWAIT) } == 1 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        error if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        error => Err(error),
    }
}

fn read_into(file: &File, buffer: &mut [u8]) {
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
