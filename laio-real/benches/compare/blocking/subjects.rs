//! The calls: all of them block.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

use tempfile::TempDir;

use crate::operations::Call;
use crate::scratch;

const PAGE_BYTES: usize = 4096;

/// Something to make calls on.
pub(crate) trait Subject {
    /// Before the calls of a round.
    fn begin(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Sees to it that the next call blocks, and returns it.
    fn prepare(&mut self) -> io::Result<Call>;

    /// What the loop must do for the call to end.
    fn release(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A kind of subject.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Calls in a round: ours.
    pub(crate) calls: usize,
    pub(crate) open: fn() -> io::Result<Box<dyn Subject>>,
}

pub(crate) const KINDS: &[Kind] = &[
    Kind {
        name: "A read of an empty pipe that the loop then writes",
        calls: 200,
        open: EmptyPipe::open,
    },
    Kind {
        name: "A `pread` of 4 KiB that are not in the page cache",
        calls: 100,
        open: ColdFile::open,
    },
    Kind {
        name: "A `statx` of a name that is not in any cache",
        calls: ColdNames::FILES,
        open: ColdNames::open,
    },
    Kind {
        name: "An `fsync` of a file with one dirty page",
        calls: 20,
        open: DirtyFile::open,
    },
];

struct EmptyPipe {
    reader: PipeReader,
    writer: PipeWriter,
    byte: Box<u8>,
}

impl EmptyPipe {
    fn open() -> io::Result<Box<dyn Subject>> {
        let (reader, writer) = io::pipe()?;
        let byte = Box::new(0);
        Ok(Box::new(Self {
            reader,
            writer,
            byte,
        }))
    }
}

impl Subject for EmptyPipe {
    fn prepare(&mut self) -> io::Result<Call> {
        let buffer = &raw mut *self.byte as usize;
        Ok(Call {
            number: libc::SYS_read,
            args: [self.reader.as_raw_fd() as usize, buffer, 1, 0, 0, 0],
        })
    }

    fn release(&mut self) -> io::Result<()> {
        self.writer.write_all(b"x")
    }
}

struct ColdFile {
    file: File,
    page: Vec<u8>,
    block: usize,
    _directory: TempDir,
}

impl ColdFile {
    const BLOCKS: usize = 4096;

    fn open() -> io::Result<Box<dyn Subject>> {
        let directory = scratch::directory()?;
        let path = directory.path().join("cold");
        fs::write(&path, vec![7; Self::BLOCKS * PAGE_BYTES])?;
        let file = File::open(path)?;
        file.sync_all()?;
        // No read-ahead.
        advise(&file, libc::POSIX_FADV_RANDOM)?;
        Ok(Box::new(Self {
            file,
            page: vec![0; PAGE_BYTES],
            block: 1,
            _directory: directory,
        }))
    }
}

impl Subject for ColdFile {
    fn begin(&mut self) -> io::Result<()> {
        advise(&self.file, libc::POSIX_FADV_DONTNEED)
    }

    fn prepare(&mut self) -> io::Result<Call> {
        // A generator of full period: no block comes twice in a round.
        self.block = (self.block * 5 + 3) % Self::BLOCKS;
        let buffer = self.page.as_mut_ptr() as usize;
        let offset = self.block * PAGE_BYTES;
        Ok(Call {
            number: libc::SYS_pread64,
            args: [
                self.file.as_raw_fd() as usize,
                buffer,
                PAGE_BYTES,
                offset,
                0,
                0,
            ],
        })
    }
}

/// Of the whole file.
fn advise(file: &File, advice: i32) -> io::Result<()> {
    // SAFETY: the call takes no memory.
    match unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, advice) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// A file in each of many directories, so that each has a block of its own to be read.
struct ColdNames {
    paths: Vec<CString>,
    next: usize,
    stat: Box<MaybeUninit<libc::statx>>,
    _directory: TempDir,
}

impl ColdNames {
    const FILES: usize = 100;
    /// Writing `3` drops pages, names and inodes; proc_sys_vm(5).
    const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

    fn open() -> io::Result<Box<dyn Subject>> {
        let directory = scratch::directory()?;
        let paths = (0..Self::FILES)
            .map(|number| {
                let own = directory.path().join(number.to_string());
                fs::create_dir(&own)?;
                let path = own.join("file");
                fs::write(&path, b"x")?;
                Ok(CString::new(path.as_os_str().as_bytes())?)
            })
            .collect::<io::Result<_>>()?;
        // SAFETY: the call takes nothing. What is dirty cannot be dropped.
        unsafe { libc::sync() };
        Ok(Box::new(Self {
            paths,
            next: 0,
            stat: Box::new(MaybeUninit::zeroed()),
            _directory: directory,
        }))
    }
}

impl Subject for ColdNames {
    fn begin(&mut self) -> io::Result<()> {
        self.next = 0;
        fs::write(Self::DROP_CACHES, "3")
    }

    fn prepare(&mut self) -> io::Result<Call> {
        let path = self.paths[self.next].as_ptr() as usize;
        self.next += 1;
        let mask = libc::STATX_BASIC_STATS as usize;
        let to = self.stat.as_mut_ptr() as usize;
        Ok(Call {
            number: libc::SYS_statx,
            args: [libc::AT_FDCWD as usize, path, 0, mask, to, 0],
        })
    }
}

struct DirtyFile {
    file: File,
    _directory: TempDir,
}

impl DirtyFile {
    fn open() -> io::Result<Box<dyn Subject>> {
        let directory = scratch::directory()?;
        let file = File::create(directory.path().join("dirty"))?;
        Ok(Box::new(Self {
            file,
            _directory: directory,
        }))
    }
}

impl Subject for DirtyFile {
    fn prepare(&mut self) -> io::Result<Call> {
        self.file.write_all_at(&[7; PAGE_BYTES], 0)?;
        Ok(Call {
            number: libc::SYS_fsync,
            args: [self.file.as_raw_fd() as usize, 0, 0, 0, 0, 0],
        })
    }
}
