//! Operations that do not block, taken to the background all the same: beside a thread that
//! computes they are preempted, and the timer's watcher takes the loop out of some. So every
//! operation comes back from the background at least once.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use laio::ops::{DirEntries, Operations, Output, Started};
use laio::{Detector, EngineKind, Laio};

use crate::common::{BusyThread, turn};
use crate::{end, ended};

/// More than any operation needed by far; a preemption comes every few milliseconds.
const MOST_ATTEMPTS: u32 = 1_000_000;

/// Beside a thread that computes on the same processor.
struct Crowded {
    ops: Operations,
    went_to_background: bool,
    _busy: BusyThread,
}

impl Crowded {
    fn new() -> Self {
        // SAFETY: takes no memory.
        let here = unsafe { libc::sched_getcpu() };
        let laio = Laio::builder()
            .engine(EngineKind::Upcall)
            .detector(Detector::Timer)
            .cpu(usize::try_from(here).unwrap())
            .start();
        Self {
            ops: Operations::new(laio.unwrap()),
            went_to_background: false,
            // Inherits the loop's processor.
            _busy: BusyThread::start(),
        }
    }

    fn end<T>(&mut self, start: impl FnOnce(&mut Operations) -> Started<T>) -> T
    where
        T: TryFrom<Output, Error = Output>,
    {
        match start(&mut self.ops) {
            Started::Done(output) => output,
            Started::Background(handle) => {
                self.went_to_background = true;
                ended(&mut self.ops, handle)
            }
        }
    }

    /// Repeats an operation, and what `attempt` checks of its output, until it has been in the
    /// background.
    fn until_stolen(mut attempt: impl FnMut(&mut Self)) {
        let _turn = turn();
        let mut crowded = Self::new();
        for _ in 0..MOST_ATTEMPTS {
            attempt(&mut crowded);
            if crowded.went_to_background {
                return;
            }
        }
        panic!("never in the background");
    }
}

fn folder() -> (tempfile::TempDir, Arc<File>) {
    let folder = tempfile::tempdir().unwrap();
    let dir = Arc::new(File::open(folder.path()).unwrap());
    (folder, dir)
}

#[test]
fn pread() {
    let mut options = File::options();
    let (folder, _) = folder();
    let file = Arc::new(
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(folder.path().join("f"))
            .unwrap(),
    );
    (&*file).write_all(b"0123456789").unwrap();
    let mut buffer = Some(Vec::new());
    Crowded::until_stolen(|crowded| {
        let given = buffer.take().unwrap();
        let read = crowded.end(|ops| ops.pread(&file, given, 5, 3));
        assert_eq!(read.result.unwrap(), 5);
        assert_eq!(read.buffer, b"34567");
        buffer = Some(read.buffer);
    });
}

#[test]
fn pwrite() {
    let (folder, _) = folder();
    let path = folder.path().join("f");
    let file = Arc::new(File::create_new(&path).unwrap());
    let mut buffer = Some(b"written".to_vec());
    Crowded::until_stolen(|crowded| {
        let given = buffer.take().unwrap();
        let write = crowded.end(|ops| ops.pwrite(&file, given, 3));
        assert_eq!(write.result.unwrap(), 7);
        assert_eq!(write.buffer, b"written");
        buffer = Some(write.buffer);
    });
    assert_eq!(fs::read(&path).unwrap(), b"\0\0\0written");
}

#[test]
fn write_and_read() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let writer = Arc::new(writer);
    Crowded::until_stolen(|crowded| {
        let write = crowded.end(|ops| ops.write(&writer, b"abc".to_vec()));
        assert_eq!((write.result.unwrap(), &write.buffer[..]), (3, &b"abc"[..]));
        let mut bytes = [0; 3];
        reader.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"abc");
    });
}

#[test]
fn statx() {
    let (folder, dir) = folder();
    fs::write(folder.path().join("f"), b"12345").unwrap();
    let inode = fs::metadata(folder.path().join("f")).unwrap().ino();
    Crowded::until_stolen(|crowded| {
        let stat = crowded.end(|ops| ops.statx(&dir, "f", 0, libc::STATX_BASIC_STATS));
        let stat = stat.unwrap();
        assert_eq!((stat.stx_size, stat.stx_ino), (5, inode));
    });
}

#[test]
fn openat_and_close() {
    let (folder, dir) = folder();
    fs::write(folder.path().join("f"), b"content").unwrap();
    Crowded::until_stolen(|crowded| {
        let opened = crowded.end(|ops| ops.openat(&dir, "f", libc::O_RDONLY, 0));
        let mut content = String::new();
        let mut file = File::from(opened.unwrap());
        file.read_to_string(&mut content).unwrap();
        assert_eq!(content, "content");
    });
    Crowded::until_stolen(|crowded| {
        let file = File::open(folder.path().join("f")).unwrap();
        let number = file.as_raw_fd();
        crowded.end(|ops| ops.close(file)).unwrap();
        // SAFETY: takes no memory.
        assert!(unsafe { libc::fcntl(number, libc::F_GETFD) } < 0);
    });
}

// Only the operation itself in these loops: a plain call that blocks starts a new time slice, and
// the operation after it would never be preempted.

#[test]
fn mkdirat() {
    let (folder, dir) = folder();
    let mut made = 0;
    Crowded::until_stolen(|crowded| {
        let name = made.to_string();
        crowded.end(|ops| ops.mkdirat(&dir, name, 0o700)).unwrap();
        made += 1;
    });
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), made);
}

#[test]
fn renameat() {
    let (folder, dir) = folder();
    fs::write(folder.path().join("a"), "").unwrap();
    let (mut from, mut to) = ("a", "b");
    Crowded::until_stolen(|crowded| {
        crowded
            .end(|ops| ops.renameat(&dir, from, &dir, to))
            .unwrap();
        (from, to) = (to, from);
    });
    assert!(folder.path().join(from).exists());
    assert!(!folder.path().join(to).exists());
}

#[test]
fn unlinkat() {
    let (folder, dir) = folder();
    Crowded::until_stolen(|crowded| {
        let started = crowded
            .ops
            .openat(&dir, "a", libc::O_CREAT | libc::O_WRONLY, 0o600);
        drop(end(&mut crowded.ops, started).unwrap());
        crowded.end(|ops| ops.unlinkat(&dir, "a", 0)).unwrap();
    });
    assert!(!folder.path().join("a").exists());
}

#[test]
fn getdents() {
    let (folder, _) = folder();
    for name in ["a", "b", "c"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    Crowded::until_stolen(|crowded| {
        let dir = Arc::new(File::open(folder.path()).unwrap());
        let read = crowded.end(|ops| ops.getdents(&dir, Vec::new(), 4096));
        assert_eq!(read.result.unwrap(), read.buffer.len());
        let mut names: Vec<_> = DirEntries::new(&read.buffer)
            .map(|entry| entry.name)
            .collect();
        names.sort_unstable();
        assert_eq!(names, [".", "..", "a", "b", "c"]);
    });
}

#[test]
fn fsync_and_fdatasync() {
    let (folder, _) = folder();
    let file = Arc::new(File::create_new(folder.path().join("f")).unwrap());
    Crowded::until_stolen(|crowded| crowded.end(|ops| ops.fsync(&file)).unwrap());
    Crowded::until_stolen(|crowded| crowded.end(|ops| ops.fdatasync(&file)).unwrap());
}

#[test]
fn other_calls() {
    // SAFETY: takes no memory.
    let parent = i64::from(unsafe { libc::getppid() });
    Crowded::until_stolen(|crowded| {
        // SAFETY: as above.
        let called = crowded.end(|ops| unsafe { ops.syscall(libc::SYS_getppid, [0; 6]) });
        assert_eq!(called.unwrap(), parent);
    });
}

#[test]
fn an_owner_of_sockets_too() {
    let (here, mut there) = UnixStream::pair().unwrap();
    let here: Arc<OwnedFd> = Arc::new(here.into());
    Crowded::until_stolen(|crowded| {
        there.write_all(b"hello").unwrap();
        let received = crowded.end(|ops| ops.recv(&here, Vec::new(), 100, 0));
        assert_eq!(received.result.unwrap(), 5);
        assert_eq!(received.buffer, b"hello");
    });
}
