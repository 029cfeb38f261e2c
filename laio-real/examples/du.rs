//! Sums up the sizes in a tree from one event loop, or several, and compares: plain calls, lazy
//! ones, io_uring, threads.
//!
//! `cargo run --release -p laio --example du -- --help`

mod common;

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::path::PathBuf;

use clap::Parser;

use common::compare::Options;
use common::job::Call;
use common::totals::{self, Sum};
use common::walk::{Entry, Next, Task};

/// The unit of `stx_blocks`; statx(2).
const BLOCK_BYTES: u64 = 512;

/// Sum up the sizes in a tree, and compare who does it faster
///
/// Every entry's attributes are read, with many calls in flight where they block. Files with
/// several names count once.
#[derive(Parser)]
struct Arguments {
    /// The tree; by default a temporary one of small files
    dir: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { dir, options } = Arguments::parse();
    totals::compare::<Usage>(dir, &options)
}

#[derive(Default, PartialEq, Eq)]
struct Total {
    entries: u64,
    bytes: u64,
    disk_bytes: u64,
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            entries,
            bytes,
            disk_bytes,
        } = self;
        write!(
            f,
            "{entries} entries, {bytes} bytes, {disk_bytes} bytes on disk"
        )
    }
}

impl Total {
    fn add(&mut self, other: &Self) {
        self.entries += other.entries;
        self.bytes += other.bytes;
        self.disk_bytes += other.disk_bytes;
    }
}

/// Sums up sizes.
struct Usage {
    /// Of what has one name.
    total: Total,
    /// The files that have more than one name, of which another loop may see another, by device and
    /// inode.
    linked: HashMap<(u32, u32, u64), Total>,
    /// Per slot.
    attributes: Box<[libc::statx]>,
}

impl Sum for Usage {
    type Total = Total;

    fn new(slots: usize) -> Self {
        // SAFETY: all zeroes are a valid statx.
        let attributes = unsafe { MaybeUninit::<libc::statx>::zeroed().assume_init() };
        Self {
            total: Total::default(),
            linked: HashMap::new(),
            attributes: vec![attributes; slots].into(),
        }
    }

    fn total(mut self) -> Total {
        for file in self.linked.values() {
            self.total.add(file);
        }
        self.total
    }
}

/// The only step: read an entry's attributes.
#[derive(Clone, Copy)]
struct Stat;

impl Task for Usage {
    type Step = Stat;

    fn found(&mut self, _entry: &Entry) -> Next<Stat> {
        Next::Call(Stat)
    }

    fn call(&mut self, slot: usize, _step: Stat, directory: RawFd, entry: &Entry) -> Call {
        let flags = libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT;
        let mask = libc::STATX_BASIC_STATS;
        let attributes = &raw mut self.attributes[slot];
        Call {
            number: libc::SYS_statx,
            args: [
                directory as usize,
                entry.name(),
                flags as usize,
                mask as usize,
                attributes as usize,
                0,
            ],
        }
    }

    fn ended(&mut self, slot: usize, _step: Stat, _value: i64) -> Next<Stat> {
        let stat = &self.attributes[slot];
        let is_directory = u32::from(stat.stx_mode) & libc::S_IFMT == libc::S_IFDIR;
        let one = Total {
            entries: 1,
            bytes: stat.stx_size,
            disk_bytes: stat.stx_blocks * BLOCK_BYTES,
        };
        if is_directory || stat.stx_nlink == 1 {
            self.total.add(&one);
        } else {
            let file = (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino);
            self.linked.insert(file, one);
        }
        if is_directory {
            Next::Descend
        } else {
            Next::Done
        }
    }

    fn add(&mut self, other: Self) {
        self.total.add(&other.total);
        self.linked.extend(other.linked);
    }
}
