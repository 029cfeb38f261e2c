//! Safe operations, which own the memory that they use.
//!
//! [`Laio::syscall`] is unsafe because a call in the background goes on reading and writing memory
//! after control has come back. [`Operations`] owns an engine together with the memory of
//! everything that it has in the background:
//! - A **buffer** is given away with the operation and comes back with its result, inline or from
//!   [`poll`](Operations::poll). Until then nobody can look at it, change it or free it. If there is
//!   no memory for a buffer as long as asked for, the operation fails with `ENOMEM`, and nothing
//!   panics.
//! - A **descriptor** is an [`Arc`](std::sync::Arc) of any type that has one:
//!   [`File`](std::fs::File), `OwnedFd`, `TcpStream`, ... An operation in the background shares it,
//!   so it stays open until the operation has ended, whoever else drops it.
//! - **Paths**, addresses and times are copied. What an operation returns in a structure is kept
//!   in memory of `Operations` and read from there when it has ended.
//!
//! ```
//! use std::sync::Arc;
//! use laio::Laio;
//! use laio::ops::{Operations, Output, Started};
//!
//! let mut operations = Operations::new(Laio::new()?);
//! let (reader, mut writer) = std::io::pipe()?;
//! let reader = Arc::new(reader);
//! let handle = match operations.read(&reader, Vec::new(), 100) {
//!     Started::Background(handle) => handle,
//!     Started::Done(read) => panic!("a read of an empty pipe ended: {read:?}"),
//! };
//! std::io::Write::write_all(&mut writer, b"hello")?;
//! let mut ended = Vec::new();
//! operations.poll(&mut ended, None)?;
//! assert_eq!(ended[0].handle, handle);
//! let Output::Transfer(read) = &ended[0].output else { panic!() };
//! assert_eq!((read.result.as_ref().ok(), &read.buffer[..]), (Some(&5), &b"hello"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Arguments are passed as 64-bit processors take them; on others there is no such module.
//!
//! # What it costs
//! An operation that ends inline allocates nothing, once as many operations have been in the
//! background as ever will be at a time, and apart from what a buffer or a path must grow by. It
//! touches no reference count. On a small shared virtual machine (AMD EPYC, Linux 6.18) a `pread`
//! took at most 2 ns more than the same call by [`Laio::syscall`] (460-520 ns), a `statx` 7-21 ns
//! more (880-1020 ns) for copying the path and the structure (`cargo test --release -p laio --test
//! ops -- --ignored --nocapture`). One that goes to the background takes one allocation and an
//! entry in a table, and keeps some 500 bytes beside its buffer and paths, which are used again.
//!
//! # Dropping
//! Operations that have ended when `Operations` is dropped, also by a panic, are taken care of as
//! if they had been polled: buffers are freed, new descriptors closed. What is still in the
//! background goes on, and its memory and descriptors are **leaked**, never freed or closed under
//! it: its buffer, its paths, its share of the descriptors, and a descriptor that it might yet
//! open. To lose nothing, [`poll`](Operations::poll) until [`in_flight`](Operations::in_flight) is
//! 0. [`Laio`] says what becomes of its thread.
//!
//! In a child made by `fork`, the parent's `Operations` must not be used, but may be dropped. That
//! leaks everything that was in the background when the child was made, ended or not, and leaves
//! the parent's operations alone.
//!
//! # What the compiler refuses
//! A buffer cannot be used before it has come back:
//! ```compile_fail,E0382
//! # use std::sync::Arc;
//! # fn f(operations: &mut laio::ops::Operations, file: &Arc<std::fs::File>) {
//! let buffer = vec![0; 100];
//! let _ = operations.write(file, buffer);
//! println!("{}", buffer[0]);
//! # }
//! ```
//! A descriptor cannot be borrowed from somebody who may close it too early:
//! ```compile_fail,E0597
//! # use std::{fs::File, os::fd::AsFd, sync::Arc};
//! # fn f(operations: &mut laio::ops::Operations, file: File) {
//! let borrowed = Arc::new(file.as_fd());
//! let _ = operations.fsync(&borrowed);
//! # }
//! ```
//! A plain file is not shared, so it could be closed while it is in use:
//! ```compile_fail,E0308
//! # fn f(operations: &mut laio::ops::Operations, file: std::fs::File) {
//! let _ = operations.fsync(&file);
//! # }
//! ```
//! Nor can it be closed while others hold it: [`close`](Operations::close) takes the only owner.
//! ```compile_fail,E0277
//! # fn f(operations: &mut laio::ops::Operations, file: std::sync::Arc<std::fs::File>) {
//! let _ = operations.close(file);
//! # }
//! ```
//! The engine cannot be taken out, nor its completions stolen:
//! ```compile_fail,E0596
//! # fn f(operations: &mut laio::ops::Operations, completions: &mut Vec<laio::Completion>) {
//! let _ = operations.laio().poll(completions, None);
//! # }
//! ```
//! And none of it leaves the event loop's thread:
//! ```compile_fail,E0277
//! # fn f(operations: laio::ops::Operations) {
//! std::thread::spawn(move || drop(operations));
//! # }
//! ```

mod descriptor;
mod entries;
mod files;
mod memory;
mod names;
mod output;
mod pending;
mod sleep;
mod sockets;
mod vectored;

use std::mem::ManuallyDrop;
use std::os::fd::BorrowedFd;
use std::time::Duration;
use std::{fmt, io};

use self::descriptor::Shared;
use self::memory::{Memory, Slot};
use self::pending::{InFlight, Pending};
use crate::{Completion, Handle, Laio, Submission};

pub use self::descriptor::{CWD, Dir};
pub use self::entries::{DirEntries, DirEntry};
pub use self::output::{Accepted, Ended, Output, Started, Transfer, VectoredTransfer};

/// An engine and the memory of its operations. The [module](self) tells the whole story.
///
/// Every operation returns [`Started`]: what came of it, or the handle under which
/// [`poll`](Self::poll) will return that. Their names and arguments are those of the system calls.
/// Error numbers come as the kernel returned them.
pub struct Operations {
    laio: Laio,
    in_flight: InFlight,
    /// Memory that no operation uses.
    spare: Vec<Slot>,
    /// Ended and not returned yet, newest first; empty between polls.
    completions: Vec<Completion>,
}

impl Operations {
    /// Takes over an engine.
    pub fn new(laio: Laio) -> Self {
        Self {
            laio,
            in_flight: InFlight::default(),
            spare: Vec::new(),
            completions: Vec::new(),
        }
    }

    /// The engine, for its counters and its [`completion_fd`](Laio::completion_fd).
    pub fn laio(&self) -> &Laio {
        &self.laio
    }

    /// Operations in the background that [`poll`](Self::poll) has not returned yet, apart from
    /// calls by [`syscall`](Self::syscall).
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Replaces the contents of `ended` by the operations that have ended in the background, oldest
    /// first, and returns their number. Waits as [`Laio::poll`] does.
    ///
    /// What `ended` still held is dropped first, which closes descriptors in it.
    ///
    /// # Errors
    /// Those of [`Laio::poll`].
    pub fn poll(&mut self, ended: &mut Vec<Ended>, timeout: Option<Duration>) -> io::Result<usize> {
        ended.clear();
        // There are some left if dropping a descriptor's owner has panicked in the last poll.
        if self.completions.is_empty() {
            self.laio.poll(&mut self.completions, timeout)?;
            self.completions.reverse();
        }
        while let Some(Completion { handle, result }) = self.completions.pop() {
            let output = self.end(handle, result);
            ended.push(Ended { handle, output });
        }
        Ok(ended.len())
    }

    /// Asks the kernel to end an operation early: [`Laio::cancel`]. Its output, and its buffer, come
    /// from [`poll`](Self::poll) as ever. A [`close`](Self::close) that ends with `ECANCELED` has not
    /// been made, and its descriptor stays open.
    ///
    /// # Errors
    /// Those of [`Laio::cancel`].
    pub fn cancel(&mut self, handle: Handle) -> io::Result<()> {
        self.laio.cancel(handle)
    }

    /// Has an operation cancelled if it has not ended `timeout` from now: [`Laio::set_timeout`].
    pub fn set_timeout(&mut self, handle: Handle, timeout: Duration) {
        self.laio.set_timeout(handle, timeout);
    }

    /// Makes threads and children as if there were no engine: [`Laio::unpinned`].
    pub fn unpinned<R>(&mut self, work: impl FnOnce() -> R) -> R {
        self.laio.unpinned(work)
    }

    /// Waits for events of the caller's epoll instance: [`Laio::wait`].
    ///
    /// # Errors
    /// Those of [`Laio::wait`].
    pub fn wait(
        &mut self,
        epoll: BorrowedFd<'_>,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        self.laio.wait(epoll, events, timeout)
    }

    /// Makes any other system call: [`Laio::syscall`]. If it goes to the background, its result
    /// will be an [`Output::Raw`].
    ///
    /// # Safety
    /// That of [`Laio::syscall`].
    pub unsafe fn syscall(&mut self, number: i64, args: [usize; 6]) -> Started<io::Result<i64>> {
        // SAFETY: the caller's promise.
        match unsafe { self.laio.syscall(number, args) } {
            Submission::Done(result) => Started::Done(result),
            Submission::Background(handle) => Started::Background(handle),
        }
    }

    /// Memory for an operation.
    fn slot(&mut self) -> Slot {
        self.spare.pop().unwrap_or_default()
    }

    /// Makes a call whose result `read_result` turns into the operation's.
    ///
    /// # Safety
    /// The call must be sound but for its lasting: the memory that it uses must lie in `slot` or on
    /// the heap, owned by `slot` or `read_result`; and its descriptors must be those of `held`, or
    /// belong to the call.
    #[inline]
    unsafe fn start<T: Into<Output>>(
        &mut self,
        number: i64,
        args: [usize; 6],
        held: [Option<&dyn Shared>; 2],
        slot: Slot,
        read_result: impl FnOnce(io::Result<i64>, &Memory) -> T + 'static,
    ) -> Started<T> {
        // Whatever unwinds from here on leaks them.
        let slot = ManuallyDrop::new(slot);
        let read_result = ManuallyDrop::new(read_result);
        // SAFETY: the memory is kept below until the call has ended, and so are the descriptors,
        // which `held` borrows until then.
        match unsafe { self.laio.syscall(number, args) } {
            Submission::Done(result) => {
                let slot = ManuallyDrop::into_inner(slot);
                let read_result = ManuallyDrop::into_inner(read_result);
                let output = read_result(result, slot.memory());
                self.spare.push(slot);
                Started::Done(output)
            }
            Submission::Background(handle) => {
                self.in_flight
                    .insert(handle, Pending::new(slot, read_result, held));
                Started::Background(handle)
            }
        }
    }

    /// What came of an operation that has ended in the background.
    fn end(&mut self, handle: Handle, result: io::Result<i64>) -> Output {
        let Some(pending) = self.in_flight.remove(handle) else {
            return Output::Raw(result);
        };
        let (output, slot) = pending.end(result);
        self.spare.push(slot);
        output
    }
}

/// Leaks what is still in the background; see the [module](self#dropping).
impl Drop for Operations {
    fn drop(&mut self) {
        if self.laio.is_of_this_process() {
            // Without waiting; if even that fails, everything counts as in the background.
            let _ = self.poll(&mut Vec::new(), Some(Duration::ZERO));
        }
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations")
            .field("laio", &self.laio)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
