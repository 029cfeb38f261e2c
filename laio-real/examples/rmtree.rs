//! Removes a tree from one event loop, or several, and compares: plain calls, lazy ones, io_uring,
//! threads.
//!
//! `cargo run --release -p laio --example rmtree -- --help`

mod common;

use std::error::Error;
use std::io;
use std::os::fd::RawFd;
use std::path::PathBuf;

use clap::Parser;

use common::compare::{Comparison, Options};
use common::job::Call;
use common::tree::Temporary;
use common::walk::{Entry, Kind, Next, Task};

/// Remove trees of small files, and compare who does it faster
///
/// Without DIR, each contender removes temporary trees of its own. A loop walks depth first, with
/// many calls in flight where they block.
///
/// On ext4 without a journal, making a tree soon after another was removed takes very long: that
/// file system does not use an inode again for some minutes, and looks at each such one whenever it
/// makes a file.
#[derive(Parser)]
struct Arguments {
    /// Remove this tree, once, by the first of --by; needs --really
    dir: Option<PathBuf>,
    /// Yes, remove DIR and everything in it
    #[arg(long, requires = "dir")]
    really: bool,
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = Arguments::parse();
    if let Some(dir) = arguments.dir {
        if !arguments.really {
            return Err(format!("{} is only removed with --really", dir.display()).into());
        }
        arguments.options.by.truncate(1);
        let mut comparison = Comparison::new(&arguments.options);
        comparison.round(|| Ok(&dir), Remove::new)?;
        return comparison.finish();
    }
    let options = &arguments.options;
    println!("removing trees of {} files", options.files);
    let mut comparison = Comparison::new(options);
    for _ in 0..options.rounds {
        let make = || Temporary::make(&options.at, options.files);
        for removed in comparison.round(make, Remove::new)? {
            if removed.files != options.files as u64 {
                return Err(io::Error::other(format!("{} files removed", removed.files)).into());
            }
        }
    }
    comparison.finish()
}

/// Removes everything.
struct Remove {
    files: u64,
}

impl Remove {
    /// It needs nothing for its slots.
    fn new(_slots: usize) -> Self {
        Self { files: 0 }
    }
}

#[derive(Clone, Copy)]
enum Step {
    Unlink,
    RemoveDirectory,
}

impl Task for Remove {
    type Step = Step;

    fn found(&mut self, entry: &Entry) -> Next<Step> {
        match entry.kind {
            Kind::Directory => Next::Descend,
            Kind::File | Kind::Other => Next::Call(Step::Unlink),
        }
    }

    fn call(&mut self, _slot: usize, step: Step, directory: RawFd, entry: &Entry) -> Call {
        let flags = match step {
            Step::Unlink => 0,
            Step::RemoveDirectory => libc::AT_REMOVEDIR,
        };
        Call {
            number: libc::SYS_unlinkat,
            args: [directory as usize, entry.name(), flags as usize, 0, 0, 0],
        }
    }

    fn ended(&mut self, _slot: usize, step: Step, _value: i64) -> Next<Step> {
        self.files += u64::from(matches!(step, Step::Unlink));
        Next::Done
    }

    fn left(&mut self, _entry: &Entry) -> Next<Step> {
        Next::Call(Step::RemoveDirectory)
    }

    fn add(&mut self, other: Self) {
        self.files += other.files;
    }
}
