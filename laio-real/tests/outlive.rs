//! Calls that outlive their engine: they write to their own memory and descriptors only.

mod common;

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use common::{background, begin_child, child_passes, collect, start, turn};
use laio::{EngineKind, Laio};

/// Few, so that some calls have not begun when a pool is dropped.
const CARRIERS: usize = 4;
/// Twice as many as there are carriers.
const READS: usize = 2 * CARRIERS;
/// What memory holds that nobody has written to.
const UNTOUCHED: u8 = 0xa5;
/// On either side of a read's byte.
const MARGIN: usize = 64;

/// A read of one byte, amid memory that it must leave alone. The memory is never freed.
struct Read1 {
    reader: PipeReader,
    writer: PipeWriter,
    memory: &'static mut [u8; 2 * MARGIN + 1],
}

impl Read1 {
    fn issue(laio: &mut Laio) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        let memory = Box::leak(Box::new([UNTOUCHED; 2 * MARGIN + 1]));
        let byte = &raw mut memory[MARGIN] as usize;
        let args = [reader.as_raw_fd() as usize, byte, 1, 0, 0, 0];
        // SAFETY: the byte is never freed; it is looked at when the call has taken it.
        background(unsafe { laio.syscall(libc::SYS_read, args) });
        Self {
            reader,
            writer,
            memory,
        }
    }

    fn byte(&self) -> u8 {
        // SAFETY: within the array; the kernel may write it.
        unsafe { (&raw const self.memory[MARGIN]).read_volatile() }
    }

    /// Takes the byte out of the pipe if the call has not: it is in one place, and nowhere else.
    fn check(&mut self, engine: EngineKind) {
        set_nonblocking(&self.reader);
        let mut byte = [0];
        let expected = match (&self.reader).read(&mut byte) {
            Ok(count) => {
                assert_eq!((count, byte), (1, *b"x"), "{engine}");
                UNTOUCHED
            }
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{engine}");
                b'x'
            }
        };
        assert_eq!(self.byte(), expected, "{engine}");
        let around = self.memory[..MARGIN]
            .iter()
            .chain(&self.memory[MARGIN + 1..]);
        assert!(around.copied().all(|byte| byte == UNTOUCHED), "{engine}");
    }
}

fn set_nonblocking(fd: &impl AsRawFd) {
    // SAFETY: takes no memory.
    let set = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    assert_eq!(set, 0);
}

/// Kernel threads of this process.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Each of the engines, with a limit of [`CARRIERS`].
fn engines() -> impl Iterator<Item = Laio> {
    let kinds = EngineKind::ALL.into_iter();
    kinds.filter_map(|kind| start(Laio::builder().max_carriers(CARRIERS), kind))
}

fn empty_eventfd() -> OwnedFd {
    // SAFETY: takes no memory; the descriptor is new and nobody else's.
    unsafe {
        let fd = libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK);
        assert!(fd >= 0);
        OwnedFd::from_raw_fd(fd)
    }
}

/// Whether anybody has signalled an eventfd.
fn is_signalled(fd: &OwnedFd) -> bool {
    let mut value = [0_u8; 8];
    // SAFETY: eight writable bytes.
    unsafe { libc::read(fd.as_raw_fd(), value.as_mut_ptr().cast(), 8) == 8 }
}

#[test]
fn reads_that_outlive_their_engine_keep_to_their_memory_and_signal_nobody() {
    child_passes("child_whose_reads_outlive_their_engine");
}

#[test]
#[ignore = "a child of the test above, which counts its threads"]
fn child_whose_reads_outlive_their_engine() {
    if !begin_child() {
        return;
    }
    for mut laio in engines() {
        let kind = laio.engine();
        let before = threads();
        let mut reads: Vec<Read1> = (0..READS).map(|_| Read1::issue(&mut laio)).collect();
        drop(laio);
        // Every number that the engine has given back is somebody else's now.
        let strangers: Vec<OwnedFd> = (0..2 * READS).map(|_| empty_eventfd()).collect();
        for read in &mut reads {
            read.writer.write_all(b"x").unwrap();
        }
        // What the pipes' readers hold have ended, or never will.
        while kind != EngineKind::Uring && threads() > before {
            std::thread::yield_now();
        }
        for read in &mut reads {
            read.check(kind);
        }
        assert!(!strangers.iter().any(is_signalled), "{kind}");
        // A second time: nobody has taken anything since.
        for read in &mut reads {
            assert!([UNTOUCHED, b'x'].contains(&read.byte()), "{kind}");
        }
    }
}

#[test]
fn a_write_that_outlives_its_engine_goes_on_to_its_own_file_after_its_number_is_anothers() {
    const MUCH_BYTES: usize = 1 << 20;
    let _turn = turn();
    for mut laio in engines() {
        let kind = laio.engine();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let data = Box::leak(vec![7_u8; MUCH_BYTES].into_boxed_slice());
        // A call on the loop's first kernel thread would be interrupted with the engine.
        let mut at_home = common::PipeRead::new();
        at_home.issue(&mut laio);
        let args = [
            writer.as_raw_fd() as usize,
            data.as_ptr() as usize,
            MUCH_BYTES,
            0,
            0,
            0,
        ];
        // SAFETY: the data is never freed.
        background(unsafe { laio.syscall(libc::SYS_write, args) });
        common::PipeRead::end_all(std::slice::from_mut(&mut at_home), &mut laio);
        // It has begun, and goes on: what has been read is written again.
        let mut got = vec![0; libc::PIPE_BUF];
        reader.read_exact(&mut got).unwrap();
        wait_until_full(&writer);
        drop(laio);
        let stranger = tempfile::tempfile().unwrap();
        // SAFETY: takes no memory; the number is the writer's, which goes on owning it.
        let number = unsafe { libc::dup2(stranger.as_raw_fd(), writer.as_raw_fd()) };
        assert_eq!(number, writer.as_raw_fd());
        // The writing end is the call's alone now, so this ends with it.
        reader.read_to_end(&mut got).unwrap();
        assert!(got.iter().all(|&byte| byte == 7), "{kind}");
        assert_eq!(got.len(), MUCH_BYTES, "{kind}: the whole call goes on");
        assert_eq!(stranger.metadata().unwrap().len(), 0, "{kind}");
    }
}

/// Waits until a pipe takes no more.
fn wait_until_full(writer: &PipeWriter) {
    let mut poll = libc::pollfd {
        fd: writer.as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: one valid pollfd.
    while unsafe { libc::poll(&raw mut poll, 1, 0) } != 0 {
        std::thread::yield_now();
    }
}

#[test]
fn a_write_that_has_not_begun_when_its_engine_is_dropped_outlives_it_in_no_file() {
    child_passes("child_whose_write_outlives_its_engine_unbegun");
}

#[test]
#[ignore = "a child of the test above, which counts its threads"]
fn child_whose_write_outlives_its_engine_unbegun() {
    if !begin_child() {
        return;
    }
    // One thread, which is in the first call.
    let pool = Laio::builder().max_carriers(2);
    let Some(mut laio) = start(pool, EngineKind::Pool) else {
        return;
    };
    let before = threads();
    let mut first = Read1::issue(&mut laio);
    first.writer.write_all(b"x").unwrap();
    collect(&mut laio, 1);
    let mut first = Read1::issue(&mut laio);
    let target = tempfile::tempfile().unwrap();
    let args = [
        target.as_raw_fd() as usize,
        c"lost".as_ptr() as usize,
        4,
        0,
        0,
        0,
    ];
    // SAFETY: the bytes are never freed.
    background(unsafe { laio.syscall(libc::SYS_write, args) });
    drop(laio);
    let stranger: File = tempfile::tempfile().unwrap();
    let own = target.try_clone().unwrap();
    // SAFETY: takes no memory; the number is the target's, which goes on owning it.
    assert!(unsafe { libc::dup2(stranger.as_raw_fd(), target.as_raw_fd()) } >= 0);
    first.writer.write_all(b"x").unwrap();
    while threads() >= before {
        std::thread::yield_now();
    }
    first.check(EngineKind::Pool);
    for file in [own, stranger] {
        assert_eq!(file.metadata().unwrap().len(), 0);
    }
}
