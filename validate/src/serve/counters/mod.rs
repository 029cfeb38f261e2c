//! What a server counts about itself, in memory that others can read at any time.
//!
//! One slot for the event loop and one for each helper process, each with a single writer. Whoever
//! measures takes a [`Snapshot`] before and one after, and subtracts. A snapshot of a server at
//! work may catch it between two counts of the same operation.

mod snapshot;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use sim::engine::Nanos;
use sim::server::script::OpKind;

use super::error::ServeError;
pub use snapshot::{OpTally, Snapshot, Tally};

/// One count; has a single writer.
#[derive(Debug, Default)]
#[repr(transparent)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, n: u64) {
        self.set(self.get() + n);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts of one kind of operation; see [`OpTally`].
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct OpCounts {
    pub(crate) issued: Count,
    pub(crate) would_block: Count,
    pub(crate) sleeps: Count,
    pub(crate) late: Count,
    pub(crate) false_steals: Count,
}

/// The counts of one process, on cache lines of its own; see [`Tally`].
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Slot {
    ops: [OpCounts; OpKind::ALL.len()],
    pub(crate) loop_stalls: Count,
    pub(crate) stalled_ns: Count,
    pub(crate) continuations: Count,
    pub(crate) requests: Count,
    pub(crate) failures: Count,
}

impl Slot {
    pub(crate) fn op(&self, kind: OpKind) -> &OpCounts {
        &self.ops[kind as usize]
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            ops: OpKind::ALL.map(|kind| {
                let counts = self.op(kind);
                OpTally {
                    issued: counts.issued.get(),
                    would_block: counts.would_block.get(),
                    sleeps: counts.sleeps.get(),
                    late: counts.late.get(),
                    false_steals: counts.false_steals.get(),
                }
            }),
            loop_stalls: self.loop_stalls.get(),
            stalled: Nanos(self.stalled_ns.get()),
            continuations: self.continuations.get(),
            requests: self.requests.get(),
            failures: self.failures.get(),
        }
    }
}

const SLOT_BYTES: usize = size_of::<Slot>();

/// The counters of a server and its helpers, shared between processes.
#[derive(Debug)]
pub struct Shared {
    slots: NonNull<Slot>,
    count: usize,
}

// SAFETY: the slots are atomics only, in memory that belongs to this value.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Makes the file `path`, replacing its contents, for a server with so many helper processes.
    /// In memory (`/dev/shm`) counting never waits for a disk.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create(path: &Path, helpers: u32) -> Result<Self, ServeError> {
        let count = helpers as usize + 1;
        let create = || {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(path)?;
            file.set_len((count * SLOT_BYTES) as u64)?;
            Self::map(Some(&file), count)
        };
        create().map_err(|source| file_error(path, source))
    }

    /// The counters that a running server has made at `path`.
    ///
    /// # Errors
    /// If the file cannot be read, or has no counters.
    pub fn open(path: &Path) -> Result<Self, ServeError> {
        let open = || {
            let file = OpenOptions::new().read(true).write(true).open(path)?;
            let bytes = file.metadata()?.len();
            Ok((file, bytes))
        };
        let (file, bytes) = open().map_err(|source| file_error(path, source))?;
        if bytes == 0 || !bytes.is_multiple_of(SLOT_BYTES as u64) {
            return Err(ServeError::NoCounters {
                path: path.to_owned(),
                bytes,
            });
        }
        Self::map(Some(&file), bytes as usize / SLOT_BYTES)
            .map_err(|source| file_error(path, source))
    }

    /// Counters that only this process and those that it forks can see.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub(crate) fn anonymous(helpers: u32) -> io::Result<Self> {
        Self::map(None, helpers as usize + 1)
    }

    fn map(file: Option<&File>, count: usize) -> io::Result<Self> {
        let (fd, anonymous) = match file {
            Some(file) => (file.as_raw_fd(), 0),
            None => (-1, libc::MAP_ANONYMOUS),
        };
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                count * SLOT_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | anonymous,
                fd,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // Any bytes are valid counts, and a mapping is aligned to pages.
        let slots = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { slots, count })
    }

    fn slots(&self) -> &[Slot] {
        // SAFETY: the mapping holds so many slots and lives as long as `self`; they are atomics.
        unsafe { std::slice::from_raw_parts(self.slots.as_ptr(), self.count) }
    }

    /// The event loop's slot.
    pub(crate) fn event_loop(&self) -> &Slot {
        &self.slots()[0]
    }

    /// A helper process's slot.
    pub(crate) fn helper(&self, index: u32) -> &Slot {
        &self.slots()[index as usize + 1]
    }

    /// What stands there now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            event_loop: self.event_loop().tally(),
            helpers: self.slots()[1..].iter().map(Slot::tally).collect(),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping made by `map`; no reference into it outlives `self`.
        unsafe { libc::munmap(self.slots.as_ptr().cast(), self.count * SLOT_BYTES) };
    }
}

fn file_error(path: &Path, source: io::Error) -> ServeError {
    ServeError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_counts_and_another_reads_and_subtracts() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("counters");
        let server = Shared::create(&path, 2).expect("created");
        let reader = Shared::open(&path).expect("opened");
        server.event_loop().op(OpKind::Read).issued.add(3);
        let before = reader.snapshot();
        server.event_loop().op(OpKind::Read).issued.add(4);
        server.helper(1).op(OpKind::Read).issued.add(5);
        server.helper(1).op(OpKind::Read).late.add(1);
        let since = reader.snapshot().minus(&before);
        assert_eq!(since.event_loop.op(OpKind::Read).issued, 4);
        assert_eq!(since.helpers[0], Tally::default());
        assert_eq!(since.total().op(OpKind::Read).issued, 9);
        assert_eq!(since.total().op(OpKind::Read).late, 1);
    }

    #[test]
    fn another_file_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), "no counters").expect("written");
        let error = Shared::open(file.path()).expect_err("refused");
        assert!(matches!(error, ServeError::NoCounters { bytes: 11, .. }));
    }
}
