//! The safe operations.

#[path = "../common/mod.rs"]
mod common;

mod background;
mod cost;
mod inline;
mod memory;
mod random;
mod stolen;
mod vectored;

use std::os::fd::{AsFd, AsRawFd};

use laio::ops::{Ended, Operations, Output, Started};
use laio::{EngineKind, Handle, Laio};

#[global_allocator]
static ALLOCATOR: memory::Watching = memory::Watching;

/// Operations of the default engine, or of the only one to be tested.
fn operations() -> Operations {
    let builder = Laio::builder();
    let builder = match common::only_engine() {
        Some(kind) => builder.engine(kind),
        None => builder,
    };
    Operations::new(builder.start().unwrap())
}

/// Whether only what blocks goes to the background.
fn is_lazy(operations: &Operations) -> bool {
    operations.laio().engine() == EngineKind::Upcall
}

/// The handle of an operation that must have blocked.
#[track_caller]
fn background<T: std::fmt::Debug>(started: Started<T>) -> Handle {
    match started {
        Started::Background(handle) => handle,
        Started::Done(output) => panic!("ended inline: {output:?}"),
    }
}

/// The next `count` operations to end, in their order.
fn collect(operations: &mut Operations, count: usize) -> Vec<Ended> {
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    while all.len() < count {
        operations.poll(&mut batch, None).unwrap();
        all.append(&mut batch);
    }
    assert_eq!(all.len(), count);
    all
}

/// The output of the only operation in the background.
#[track_caller]
fn ended<T: TryFrom<Output, Error = Output>>(operations: &mut Operations, handle: Handle) -> T {
    let ended = collect(operations, 1).remove(0);
    assert_eq!(ended.handle, handle);
    assert_eq!(operations.in_flight(), 0);
    ended
        .output
        .try_into()
        .expect("an output of the operation's kind")
}

/// The output of an operation, wherever it ended.
#[track_caller]
fn end<T: TryFrom<Output, Error = Output>>(operations: &mut Operations, started: Started<T>) -> T {
    match started {
        Started::Done(output) => output,
        Started::Background(handle) => ended(operations, handle),
    }
}

/// The error number of an operation that must have failed.
#[track_caller]
fn error_number<T: std::fmt::Debug>(result: std::io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

/// Waits until the other end has taken everything out of a pipe or socket.
fn until_drained(fd: impl AsFd) {
    let unread = || {
        let mut bytes = 0;
        // SAFETY: writes an integer.
        let asked = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
        assert_eq!(asked, 0);
        bytes
    };
    while unread() > 0 {
        std::thread::yield_now();
    }
}
