//! A helper process of `nb-amped`: takes a job from a pipe, sleeps in the calls, answers.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use sim::server::script::{ConnId, OpKind};

use crate::emulate::image::path_of;
use crate::serve::connection::{FileCall, OPEN_FLAGS};
use crate::serve::counters::Slot;
use crate::serve::error::{Attempting, ServeError, check};
use crate::serve::meter::metered;
use crate::serve::process::die_with_parent;

/// Length of a job's message.
const JOB_BYTES: usize = 24;

/// What a helper is asked: to execute `work` on `object` for `conn`. The answer is the number of
/// `conn`: the caches are filled as far as they can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) conn: ConnId,
    pub(super) object: u32,
    pub(super) work: Work,
}

/// The calls of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Stat.
    LookUp,
    /// Open, read, close.
    Read {
        /// Offset in the file.
        offset: u64,
        /// Bytes to read, more than none.
        bytes: u32,
    },
}

impl Job {
    pub(super) fn to_bytes(self) -> [u8; JOB_BYTES] {
        let (offset, bytes) = match self.work {
            Work::LookUp => (0, 0),
            Work::Read { offset, bytes } => (offset, bytes),
        };
        let mut message = [0; JOB_BYTES];
        message[..4].copy_from_slice(&self.conn.0.to_le_bytes());
        message[4..8].copy_from_slice(&self.object.to_le_bytes());
        message[8..16].copy_from_slice(&offset.to_le_bytes());
        message[16..20].copy_from_slice(&bytes.to_le_bytes());
        message
    }

    fn from_bytes(message: &[u8; JOB_BYTES]) -> Self {
        let word = |at: usize| {
            let bytes = [
                message[at],
                message[at + 1],
                message[at + 2],
                message[at + 3],
            ];
            u32::from_le_bytes(bytes)
        };
        let offset = u64::from(word(8)) | u64::from(word(12)) << 32;
        Self {
            conn: ConnId(word(0)),
            object: word(4),
            work: match word(16) {
                0 => Work::LookUp,
                bytes => Work::Read { offset, bytes },
            },
        }
    }
}

/// A helper process as the event loop sees it.
pub(super) struct Helper {
    pub(super) pid: libc::pid_t,
    pub(super) jobs: PipeWriter,
    pub(super) answers: PipeReader,
}

impl Helper {
    /// Ends the process and waits for its end.
    pub(super) fn end(self) {
        // SAFETY: a child that has not been waited for, so the number is still its own.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, ptr::null_mut(), 0);
        }
    }
}

/// Forks a helper process. `earlier` are the ones forked before, whose pipes it must not hold.
///
/// # Errors
/// If it cannot.
pub(super) fn fork_helper(
    earlier: &mut Vec<Helper>,
    root: &File,
    chunk_bytes: u32,
    slot: &Slot,
) -> Result<Helper, ServeError> {
    let (jobs_here, jobs) = io::pipe().attempting("make a pipe")?;
    let (answers, answers_here) = io::pipe().attempting("make a pipe")?;
    // SAFETY: this process has one thread, so the child may do anything.
    let pid = check(unsafe { libc::fork() }).attempting("fork a helper process")?;
    if pid > 0 {
        return Ok(Helper { pid, jobs, answers });
    }
    drop((jobs, answers));
    earlier.clear();
    // The child must never return into its parent's code.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let mut process = Process {
            jobs: jobs_here,
            answers: answers_here,
            root: root.as_raw_fd(),
            scratch: Box::new_uninit_slice(chunk_bytes as usize),
            slot,
        };
        die_with_parent(libc::SIGKILL)?;
        // When the parent ends, so does its end of the pipe.
        while process.serve().is_ok() {}
        Ok::<_, ServeError>(())
    }));
    // SAFETY: ends the process without its parent's clean-up.
    unsafe { libc::_exit(i32::from(!matches!(ended, Ok(Ok(()))))) }
}

struct Process<'a> {
    jobs: PipeReader,
    answers: PipeWriter,
    root: RawFd,
    /// Not written to before it is needed: what is never used takes no memory.
    scratch: Box<[MaybeUninit<u8>]>,
    slot: &'a Slot,
}

impl Process<'_> {
    /// Serves one job.
    fn serve(&mut self) -> io::Result<()> {
        let mut message = [0; JOB_BYTES];
        self.jobs.read_exact(&mut message)?;
        let job = Job::from_bytes(&message);
        let mut path = path_of(job.object).into_bytes();
        path.push(0);
        match job.work {
            Work::LookUp => self.look_up(&path),
            Work::Read { offset, bytes } => self.read(&path, offset, bytes),
        }
        self.answers.write_all(&job.conn.0.to_le_bytes())
    }

    /// Failures are left for the loop's own call to find.
    fn look_up(&self, path: &[u8]) {
        let mut stat = MaybeUninit::<libc::stat>::uninit();
        let (path, stat) = (path.as_ptr() as usize, stat.as_mut_ptr() as usize);
        // SAFETY: path and structure are valid.
        let _ = unsafe {
            self.call(
                OpKind::Stat,
                libc::SYS_newfstatat,
                [self.root as usize, path, stat, 0],
            )
        };
    }

    fn read(&mut self, path: &[u8], offset: u64, bytes: u32) {
        let path = path.as_ptr() as usize;
        let open = [self.root as usize, path, OPEN_FLAGS as usize, 0];
        // SAFETY: the path is valid.
        let Ok(file) = (unsafe { self.call(OpKind::Open, libc::SYS_openat, open) }) else {
            return;
        };
        let length = self.scratch.len().min(bytes as usize);
        let start = self.scratch.as_mut_ptr() as usize;
        let file = file as usize;
        // SAFETY: the scratch buffer is valid for the length; the file is closed once.
        unsafe {
            let read = [file, start, length, offset as usize];
            let _ = self.call(OpKind::Read, libc::SYS_pread64, read);
            let _ = self.call(OpKind::Close, libc::SYS_close, [file, 0, 0, 0]);
        }
    }

    /// # Safety
    /// As for the call itself.
    unsafe fn call(&self, kind: OpKind, number: i64, args: [usize; 4]) -> io::Result<i64> {
        let [a, b, c, d] = args;
        let call = FileCall {
            number,
            args: [a, b, c, d, 0, 0],
        };
        // SAFETY: the caller's promise.
        let metered = unsafe { metered(call) };
        metered.slept.count(self.slot, kind);
        metered.result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_survive_the_pipe() {
        let read = Work::Read {
            offset: 7 << 32 | 5,
            bytes: 65536,
        };
        for work in [Work::LookUp, read] {
            let job = Job {
                conn: ConnId(3),
                object: 1 << 30,
                work,
            };
            assert_eq!(Job::from_bytes(&job.to_bytes()), job);
        }
    }
}
