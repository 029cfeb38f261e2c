//! What the tests share.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use laio::{Completion, Handle, Laio, Submission};

/// There may be one engine per process; whoever holds this may make it.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock()
        .unwrap_or_else(|failed_test| failed_test.into_inner())
}

/// xorshift64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A thread that computes until it is dropped.
pub(crate) struct BusyThread(Arc<AtomicBool>);

impl BusyThread {
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        std::thread::spawn(move || while !seen.load(Ordering::Relaxed) {});
        Self(stop)
    }
}

impl Drop for BusyThread {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A read of a pipe: it blocks, however long the watcher takes to come, until the loop itself ends
/// it.
pub(crate) struct PipeRead {
    reader: PipeReader,
    writer: PipeWriter,
    byte: Box<u8>,
}

impl PipeRead {
    pub(crate) fn new() -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        Self {
            reader,
            writer,
            byte: Box::new(0),
        }
    }

    /// New ones, all issued.
    pub(crate) fn issue_all<const N: usize>(laio: &mut Laio) -> [Self; N] {
        let mut reads = [(); N].map(|()| Self::new());
        for read in &mut reads {
            read.issue(laio);
        }
        reads
    }

    #[track_caller]
    pub(crate) fn issue(&mut self, laio: &mut Laio) -> Handle {
        let args = [
            self.reader.as_raw_fd() as usize,
            &raw mut *self.byte as usize,
            1,
            0,
            0,
            0,
        ];
        // SAFETY: the tests keep the byte until the read has ended.
        background(unsafe { laio.syscall(libc::SYS_read, args) })
    }

    pub(crate) fn end(&mut self) {
        self.writer.write_all(b"x").unwrap();
    }

    /// Ends all, and collects them.
    pub(crate) fn end_all(reads: &mut [Self], laio: &mut Laio) {
        for read in reads.iter_mut() {
            read.end();
        }
        for completion in collect(laio, reads.len()) {
            assert_eq!(completion.result.unwrap(), 1);
        }
        assert!(reads.iter().all(|read| *read.byte == b'x'));
    }
}

/// Makes the loop change carriers.
pub(crate) fn wander(laio: &mut Laio) {
    let mut reads = PipeRead::issue_all::<3>(laio);
    PipeRead::end_all(&mut reads, laio);
}

/// Naps through the engine. The caller keeps `nap` until it has ended.
pub(crate) fn nap(laio: &mut Laio, nap: &libc::timespec) -> Submission {
    let args = [std::ptr::from_ref(nap) as usize, 0, 0, 0, 0, 0];
    // SAFETY: see above.
    unsafe { laio.syscall(libc::SYS_nanosleep, args) }
}

/// A time to nap.
pub(crate) fn millis(millis: i64) -> libc::timespec {
    libc::timespec {
        tv_sec: millis / 1000,
        tv_nsec: millis % 1000 * 1_000_000,
    }
}

/// The handle of a call that must have blocked.
#[track_caller]
pub(crate) fn background(submission: Submission) -> Handle {
    match submission {
        Submission::Background(handle) => handle,
        Submission::Done(result) => panic!("returned inline: {result:?}"),
    }
}

/// The result of a call that must not have blocked.
#[track_caller]
pub(crate) fn done(submission: Submission) -> std::io::Result<i64> {
    match submission {
        Submission::Done(result) => result,
        Submission::Background(handle) => panic!("went to the background as {handle:?}"),
    }
}

/// The next `count` completions, in the order in which they are returned.
pub(crate) fn collect(laio: &mut Laio, count: usize) -> Vec<Completion> {
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    while all.len() < count {
        laio.poll(&mut batch, None).unwrap();
        all.append(&mut batch);
    }
    assert_eq!(all.len(), count);
    all
}
