//! Starting a read after a pause, in which a CPU loses the way to the disk.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::{FILES, Files};
use crate::calibrate::child::measure_in_child;
use crate::calibrate::paths::{Beyond, Way, beyond_a_stretch, sleep_exactly};
use crate::calibrate::timing::Rounds;
use crate::calibrate::{CalibrateError, Effort};
use crate::emulate::Rig;

/// In a process of its own, which is not that of the disk's threads.
pub(super) fn measure(files: &Files, rig: &Rig, effort: Effort) -> Result<Beyond, CalibrateError> {
    rig.disk().set_fast(true);
    let figures = measure_in_child("misses after pauses", None, || {
        sleep_exactly();
        let small = &files.files[..FILES as usize];
        let (present, absent) = small.split_first().expect("there are files");
        beyond_a_stretch(
            effort.rounds,
            &mut Started {
                present,
                absent,
                next: 0,
            },
        )
    })?;
    Ok(Rounds::columns(&figures))
}

/// posix_fadvise(WILLNEED) of an absent page, against that of a page that is there.
struct Started<'a> {
    present: &'a File,
    absent: &'a [File],
    next: usize,
}

impl Way for Started<'_> {
    fn take(&mut self) -> io::Result<()> {
        let file = &self.absent[self.next];
        self.next += 1;
        advise(file, libc::POSIX_FADV_WILLNEED)
    }

    fn leave(&mut self) -> io::Result<()> {
        advise(self.present, libc::POSIX_FADV_WILLNEED)
    }

    /// The last pages of the round before have come while the thread slept.
    fn prepare(&mut self) -> io::Result<()> {
        self.next = 0;
        let drop = |file| advise(file, libc::POSIX_FADV_DONTNEED);
        self.absent.iter().try_for_each(drop)
    }
}

fn advise(file: &File, advice: libc::c_int) -> io::Result<()> {
    // SAFETY: no pointers.
    match unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, advice) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
