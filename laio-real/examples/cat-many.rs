//! Reads every file of a tree through one event loop, or several, and compares: plain calls, lazy
//! ones, io_uring, threads.
//!
//! `cargo run --release -p laio --example cat-many -- --help`

mod common;

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;

use clap::Parser;
use crc32fast::Hasher;

use common::compare::Options;
use common::job::Call;
use common::totals::{self, Sum};
use common::walk::{Entry, Kind, Next, Task};

/// Ours: more than most files have, so that one read gets all.
const BUFFER_BYTES: usize = 64 << 10;

/// Read all files of a tree, and compare who does it faster
///
/// With --cold, nearly every call blocks, and many are in flight. The checksum is the sum of all
/// files' CRC-32, in whatever order they are read.
#[derive(Parser)]
struct Arguments {
    /// The tree; by default a temporary one of small files
    dir: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { dir, options } = Arguments::parse();
    totals::compare::<Cat>(dir, &options)
}

#[derive(Default, PartialEq, Eq)]
struct Total {
    files: u64,
    bytes: u64,
    checksum: u64,
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            files,
            bytes,
            checksum,
        } = self;
        write!(f, "{files} files, {bytes} bytes, checksum {checksum:016x}")
    }
}

/// Reads files.
struct Cat {
    total: Total,
    open: HashMap<RawFd, (OwnedFd, Hasher)>,
    /// Per slot.
    buffers: Vec<Box<[u8]>>,
}

impl Cat {
    fn opened(&mut self, fd: RawFd) -> Next<Step> {
        // SAFETY: the call has just made it, and it is nobody else's.
        let file = unsafe { OwnedFd::from_raw_fd(fd) };
        self.open.insert(file.as_raw_fd(), (file, Hasher::new()));
        Next::Call(Step::Read(fd))
    }

    fn read(&mut self, fd: RawFd, bytes: &[u8]) -> Next<Step> {
        if let Some((_, hasher)) = self.open.get_mut(&fd) {
            hasher.update(bytes);
        }
        self.total.bytes += bytes.len() as u64;
        Next::Call(Step::Read(fd))
    }

    fn end_of_file(&mut self, fd: RawFd) -> Next<Step> {
        if let Some((_, hasher)) = self.open.remove(&fd) {
            self.total.files += 1;
            self.total.checksum += u64::from(hasher.finalize());
        }
        Next::Done
    }
}

impl Sum for Cat {
    type Total = Total;

    fn new(slots: usize) -> Self {
        Self {
            total: Total::default(),
            open: HashMap::new(),
            buffers: vec![vec![0; BUFFER_BYTES].into(); slots],
        }
    }

    fn total(self) -> Total {
        self.total
    }
}

#[derive(Clone, Copy)]
enum Step {
    Open,
    Read(RawFd),
}

impl Task for Cat {
    type Step = Step;

    fn found(&mut self, entry: &Entry) -> Next<Step> {
        match entry.kind {
            Kind::Directory => Next::Descend,
            Kind::File => Next::Call(Step::Open),
            Kind::Other => Next::Done,
        }
    }

    fn call(&mut self, slot: usize, step: Step, directory: RawFd, entry: &Entry) -> Call {
        match step {
            Step::Open => {
                let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
                Call {
                    number: libc::SYS_openat,
                    args: [directory as usize, entry.name(), flags as usize, 0, 0, 0],
                }
            }
            Step::Read(fd) => {
                let buffer = self.buffers[slot].as_mut_ptr();
                Call {
                    number: libc::SYS_read,
                    args: [fd as usize, buffer as usize, BUFFER_BYTES, 0, 0, 0],
                }
            }
        }
    }

    fn ended(&mut self, slot: usize, step: Step, value: i64) -> Next<Step> {
        match step {
            Step::Open => self.opened(value as RawFd),
            Step::Read(fd) if value == 0 => self.end_of_file(fd),
            Step::Read(fd) => {
                let buffer = std::mem::take(&mut self.buffers[slot]);
                let next = self.read(fd, &buffer[..value as usize]);
                self.buffers[slot] = buffer;
                next
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.total.files += other.total.files;
        self.total.bytes += other.total.bytes;
        self.total.checksum += other.total.checksum;
    }
}
