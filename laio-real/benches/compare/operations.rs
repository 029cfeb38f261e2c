//! The calls: none of them blocks.

use std::any::Any;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;

use io_uring::{opcode, squeue, types};

/// A call with its arguments.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) number: i64,
    pub(crate) args: [usize; 6],
}

impl Call {
    /// As a ring operation, if there is one.
    pub(crate) fn in_ring(&self) -> Option<squeue::Entry> {
        let [a, b, c, d, e, _] = self.args;
        let fd = types::Fd(a as i32);
        Some(match self.number {
            libc::SYS_read => opcode::Read::new(fd, b as *mut _, c as u32)
                .offset(u64::MAX)
                .build(),
            libc::SYS_pread64 => opcode::Read::new(fd, b as *mut _, c as u32)
                .offset(d as u64)
                .build(),
            libc::SYS_statx => opcode::Statx::new(fd, b as *const _, e as *mut _)
                .flags(c as i32)
                .mask(d as u32)
                .build(),
            libc::SYS_openat => opcode::OpenAt::new(fd, b as *const _)
                .flags(c as i32)
                .build(),
            libc::SYS_fsync => opcode::Fsync::new(fd).build(),
            _ => return None,
        })
    }
}

/// A kind of call to be measured.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Something to make that many calls on.
    pub(crate) subject: fn(usize) -> io::Result<Subject>,
}

/// What a call is made on, and the call.
pub(crate) struct Subject {
    pub(crate) call: Call,
    /// Undoes what a call with this result has done.
    pub(crate) undo: fn(i64),
    _owned: Box<dyn Any>,
}

impl Subject {
    fn new(number: i64, args: [usize; 6], owned: impl Any) -> Self {
        Self {
            call: Call { number, args },
            undo: |_| (),
            _owned: Box::new(owned),
        }
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "getppid",
        subject: |_| Ok(Subject::new(libc::SYS_getppid, [0; 6], ())),
    },
    Operation {
        name: "pipe, 1 byte",
        subject: pipe_byte,
    },
    Operation {
        name: "pread 4 KiB",
        subject: cached_pread,
    },
    Operation {
        name: "fstat",
        subject: fstat,
    },
    Operation {
        name: "statx",
        subject: statx,
    },
    Operation {
        name: "openat",
        subject: openat,
    },
];

fn pipe_byte(calls: usize) -> io::Result<Subject> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(&vec![b'x'; calls])?;
    let mut byte = Box::new(0u8);
    let args = [
        reader.as_raw_fd() as usize,
        &raw mut *byte as usize,
        1,
        0,
        0,
        0,
    ];
    Ok(Subject::new(libc::SYS_read, args, (reader, writer, byte)))
}

fn page_file() -> io::Result<File> {
    let mut file = tempfile::tempfile_in(".")?;
    file.write_all(&[7; 4096])?;
    Ok(file)
}

fn cached_pread(_calls: usize) -> io::Result<Subject> {
    let file = page_file()?;
    let mut page = vec![0u8; 4096];
    let args = [
        file.as_raw_fd() as usize,
        page.as_mut_ptr() as usize,
        page.len(),
        0,
        0,
        0,
    ];
    Ok(Subject::new(libc::SYS_pread64, args, (file, page)))
}

fn fstat(_calls: usize) -> io::Result<Subject> {
    let file = page_file()?;
    let mut stat = vec![0u8; size_of::<libc::stat>()];
    let args = [
        file.as_raw_fd() as usize,
        stat.as_mut_ptr() as usize,
        0,
        0,
        0,
        0,
    ];
    Ok(Subject::new(libc::SYS_fstat, args, (file, stat)))
}

const HERE: usize = libc::AT_FDCWD as usize;
const NAME: &std::ffi::CStr = c"Cargo.toml";

fn statx(_calls: usize) -> io::Result<Subject> {
    let mut stat = vec![0u8; size_of::<libc::statx>()];
    let mask = libc::STATX_BASIC_STATS as usize;
    let to = stat.as_mut_ptr() as usize;
    let args = [HERE, NAME.as_ptr() as usize, 0, mask, to, 0];
    Ok(Subject::new(libc::SYS_statx, args, stat))
}

fn openat(_calls: usize) -> io::Result<Subject> {
    let flags = (libc::O_RDONLY | libc::O_CLOEXEC) as usize;
    let args = [HERE, NAME.as_ptr() as usize, flags, 0, 0, 0];
    let mut subject = Subject::new(libc::SYS_openat, args, ());
    subject.undo = |fd| {
        // SAFETY: the call's own new descriptor.
        unsafe { libc::close(fd as i32) };
    };
    Ok(subject)
}
