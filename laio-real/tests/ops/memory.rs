//! What becomes of memory and descriptors: inline, when the owner is dropped, and when it panics.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::File;
use std::io::{PipeReader, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use laio::EngineKind;
use laio::ops::{CWD, Operations, Transfer};

use crate::common::turn;
use crate::{background, collect, end, ended, is_lazy, operations, until_drained};

/// The system's allocator; counts allocations and notices when a certain block is freed.
pub(crate) struct Watching;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}
static WATCHED: AtomicUsize = AtomicUsize::new(0);
static FREED: AtomicBool = AtomicBool::new(false);

// SAFETY: passes everything on.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if block.addr() == WATCHED.load(Ordering::Relaxed) {
            FREED.store(true, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Notices when this buffer is freed.
fn watch(buffer: &[u8]) {
    WATCHED.store(buffer.as_ptr().addr(), Ordering::Relaxed);
    FREED.store(false, Ordering::Relaxed);
}

fn freed() -> bool {
    FREED.load(Ordering::Relaxed)
}

#[test]
fn the_watch_sees_a_buffer_being_freed() {
    let _turn = turn();
    let buffer = vec![0; 100];
    watch(&buffer);
    assert!(!freed());
    drop(buffer);
    assert!(freed());
}

#[test]
fn operations_that_end_inline_allocate_nothing() {
    let _turn = turn();
    let mut ops = operations();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    File::create_new(&path).unwrap();
    let file = Arc::new(File::options().read(true).write(true).open(&path).unwrap());
    let mut buffer = vec![7; 4096];
    let mut fewest = usize::MAX;
    // Some may be preempted and go to the background.
    for _ in 0..20 {
        let before = ALLOCATIONS.get();
        let started = ops.pwrite(&file, buffer, 0);
        buffer = end(&mut ops, started).buffer;
        let started = ops.pread(&file, buffer, 4096, 0);
        buffer = end(&mut ops, started).buffer;
        let started = ops.statx(CWD, &path, 0, libc::STATX_SIZE);
        assert_eq!(end(&mut ops, started).unwrap().stx_size, 4096);
        let started = ops.openat(CWD, &path, libc::O_RDONLY, 0);
        let opened = end(&mut ops, started).unwrap();
        let started = ops.close(opened);
        end(&mut ops, started).unwrap();
        fewest = fewest.min(ALLOCATIONS.get() - before);
    }
    assert!(fewest == 0 || !is_lazy(&ops), "{fewest}");
}

/// A read in flight on another kernel thread than the loop's first, so that this can end.
fn read_in_flight(ops: &mut Operations, reader: &Arc<PipeReader>) -> *const u8 {
    let (first, mut writer) = std::io::pipe().unwrap();
    let first = background(ops.read(&Arc::new(first), Vec::new(), 1));
    let buffer = Vec::with_capacity(16);
    let address = buffer.as_ptr();
    watch(&buffer);
    background(ops.read(reader, buffer, 16));
    writer.write_all(b"x").unwrap();
    assert_eq!(collect(ops, 1)[0].handle, first);
    address
}

/// Whether a read goes on without its engine. The kernel may cancel a ring's, at a time of its own.
fn goes_on_alone(ops: &Operations) -> bool {
    ops.laio().engine() != EngineKind::Uring
}

fn bytes_at(address: *const u8, bytes: usize) -> Vec<u8> {
    // SAFETY: the tests ask for leaked memory which the kernel has written.
    unsafe { std::slice::from_raw_parts(address, bytes) }.to_vec()
}

fn is_open(number: i32) -> bool {
    // SAFETY: takes no memory.
    unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
}

#[test]
fn memory_and_descriptors_in_flight_outlive_their_owner() {
    let _turn = turn();
    let mut ops = operations();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let second = reader.try_clone().unwrap();
    let number = reader.as_raw_fd();
    let reader = Arc::new(reader);
    let address = read_in_flight(&mut ops, &reader);
    let goes_on = goes_on_alone(&ops);
    drop((ops, reader));
    assert!(!freed());
    assert!(is_open(number));
    writer.write_all(b"to nobody").unwrap();
    if goes_on {
        until_drained(&second);
        assert_eq!(bytes_at(address, 9), b"to nobody");
    }
    assert!(!freed() && is_open(number), "leaked for good");
}

#[test]
fn a_panic_that_drops_the_owner_frees_nothing_in_use() {
    let _turn = turn();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let second = reader.try_clone().unwrap();
    let mut address = std::ptr::null();
    let mut goes_on = false;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut ops = operations();
        goes_on = goes_on_alone(&ops);
        address = read_in_flight(&mut ops, &Arc::new(reader));
        resume_unwind(Box::new("in the loop"));
    }));
    assert_eq!(
        *outcome.unwrap_err().downcast::<&str>().unwrap(),
        "in the loop"
    );
    assert!(!freed());
    writer.write_all(b"to nobody").unwrap();
    if goes_on {
        until_drained(&second);
        assert_eq!(bytes_at(address, 9), b"to nobody");
    }
    assert!(!freed(), "leaked for good");
}

#[test]
fn a_panic_beside_the_owner_loses_nothing() {
    let _turn = turn();
    let mut ops = operations();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut handle = None;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        handle = Some(background(ops.read(&Arc::new(reader), Vec::new(), 16)));
        resume_unwind(Box::new(()));
    }));
    assert!(outcome.is_err());
    writer.write_all(b"still here").unwrap();
    let read: Transfer = ended(&mut ops, handle.unwrap());
    assert_eq!(read.buffer, b"still here");
}

#[test]
fn what_has_ended_when_the_owner_is_dropped_is_freed_and_closed() {
    let _turn = turn();
    let mut ops = operations();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let second = reader.try_clone().unwrap();
    let number = reader.as_raw_fd();
    let buffer = Vec::with_capacity(16);
    watch(&buffer);
    background(ops.read(&Arc::new(reader), buffer, 16));
    writer.write_all(b"x").unwrap();
    until_drained(&second);
    // Posted, and not taken. The read may not have got so far when the pipe is empty.
    let mut nap = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: takes no memory, and the descriptor is new.
    let epoll = unsafe {
        use std::os::fd::FromRawFd;
        OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC))
    };
    let completions = ops.laio().completion_fd().as_raw_fd();
    nap.events = libc::EPOLLIN as u32;
    // SAFETY: a valid event.
    unsafe {
        libc::epoll_ctl(
            epoll.as_raw_fd(),
            libc::EPOLL_CTL_ADD,
            completions,
            &raw mut nap,
        );
    }
    ops.wait(epoll.as_fd(), &mut [nap], None).unwrap();
    assert!(!freed() && is_open(number));
    drop(ops);
    assert!(freed() && !is_open(number));
}

/// Panics when it is dropped.
struct Grumpy(PipeReader);

impl AsFd for Grumpy {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for Grumpy {
    fn drop(&mut self) {
        resume_unwind(Box::new("grumpy"));
    }
}

#[test]
fn a_descriptors_owner_that_panics_loses_only_its_own_output() {
    let _turn = turn();
    let mut ops = operations();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (grumpy, mut its_writer) = std::io::pipe().unwrap();
    let grumpy = Arc::new(Grumpy(grumpy));
    background(ops.read(&grumpy, Vec::new(), 1));
    drop(grumpy);
    let handle = background(ops.read(&Arc::new(reader), Vec::new(), 1));
    its_writer.write_all(b"1").unwrap();
    writer.write_all(b"2").unwrap();
    let mut all = Vec::new();
    let mut panics = 0;
    while all.is_empty() {
        let mut batch = Vec::new();
        let poll = AssertUnwindSafe(|| ops.poll(&mut batch, None).unwrap());
        panics += usize::from(catch_unwind(poll).is_err());
        all.append(&mut batch);
    }
    // The other one may have ended first.
    while panics == 0 {
        let poll = AssertUnwindSafe(|| ops.poll(&mut Vec::new(), None).unwrap());
        panics += usize::from(catch_unwind(poll).is_err());
    }
    assert_eq!((panics, all.len(), all[0].handle), (1, 1, handle));
    assert_eq!(ops.in_flight(), 0);
}

#[test]
fn a_share_is_given_back_when_the_operation_has_ended() {
    let _turn = turn();
    let mut ops = operations();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let reader = Arc::new(reader);
    let handle = background(ops.read(&reader, Vec::new(), 1));
    assert_eq!(Arc::strong_count(&reader), 2);
    writer.write_all(b"x").unwrap();
    let _: Transfer = ended(&mut ops, handle);
    assert_eq!(Arc::strong_count(&reader), 1);
    writer.write_all(b"y").unwrap();
    let started = ops.read(&reader, Vec::new(), 1);
    assert_eq!(end(&mut ops, started).buffer, b"y");
    assert_eq!(Arc::strong_count(&reader), 1);
}
