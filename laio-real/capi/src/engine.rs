//! A thread's engine, in the terms of the C interface.

use std::collections::{HashMap, VecDeque};
use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use laio::{Completion, Counters, EngineKind, Handle, Laio, Submission};

use crate::errno::{self, Outcome};
use crate::fork::ForkMark;

/// The last handle given to C, in the whole process.
static LAST_HANDLE: AtomicUsize = AtomicUsize::new(0);

/// An operation that has ended in the background.
pub(crate) struct Ended {
    pub(crate) handle: *mut c_void,
    pub(crate) outcome: Outcome<i64>,
}

/// A thread's engine, with what the C interface remembers between calls.
pub(crate) struct Engine {
    laio: Laio,
    mark: ForkMark,
    /// The last call's handle, null if it did not block.
    last: *mut c_void,
    /// The handles that C knows, of the operations whose end has not been collected.
    handles: HashMap<Handle, *mut c_void>,
    /// Collected, and not yet returned to C for want of room.
    ended: VecDeque<Ended>,
    /// What `Laio::poll` fills; empty between calls.
    batch: Vec<Completion>,
}

impl Engine {
    pub(crate) fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let mark = ForkMark::new()?;
        Ok(Self {
            laio: Laio::new()?,
            mark,
            last: ptr::null_mut(),
            handles: HashMap::new(),
            ended: VecDeque::new(),
            batch: Vec::new(),
        })
    }

    /// Whether the process has been forked since the start: its kernel threads are not here.
    pub(crate) fn is_inherited(&self) -> bool {
        self.mark.is_inherited()
    }

    pub(crate) fn kind(&self) -> EngineKind {
        self.laio.engine()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.laio.counters()
    }

    pub(crate) fn completion_fd(&self) -> c_int {
        self.laio.completion_fd().as_raw_fd()
    }

    pub(crate) fn last_handle(&self) -> *mut c_void {
        self.last
    }

    /// Operations that C has not been told the end of.
    pub(crate) fn in_flight(&self) -> usize {
        self.handles.len() + self.ended.len()
    }

    /// `EINPROGRESS` if the call continues in the background.
    ///
    /// # Safety
    /// As [`Laio::syscall`].
    pub(crate) unsafe fn syscall(&mut self, number: i64, args: [usize; 6]) -> Outcome<i64> {
        self.last = ptr::null_mut();
        // SAFETY: the caller's promise.
        match unsafe { self.laio.syscall(number, args) } {
            Submission::Done(result) => result.map_err(|error| errno::number(&error)),
            Submission::Background(handle) => {
                self.last = new_handle();
                self.handles.insert(handle, self.last);
                Err(libc::EINPROGRESS)
            }
        }
    }

    /// At most `room` operations that have ended, oldest first. Waits only if there is none.
    pub(crate) fn poll(
        &mut self,
        room: usize,
        timeout: Option<Duration>,
    ) -> Outcome<impl ExactSizeIterator<Item = Ended>> {
        if self.ended.is_empty() {
            self.collect(timeout)?;
        } else if self.ended.len() < room {
            self.collect(Some(Duration::ZERO))?;
        }
        Ok(self.ended.drain(..room.min(self.ended.len())))
    }

    /// Waits as [`Laio::wait`]; does not sleep over operations that C has not been told the end of.
    pub(crate) fn wait(
        &mut self,
        epoll: BorrowedFd<'_>,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        let timeout = if self.ended.is_empty() {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        self.laio.wait(epoll, events, timeout)
    }

    /// Waits for every operation to end, and forgets the results.
    pub(crate) fn drain(&mut self) {
        while !self.handles.is_empty() && self.collect(None).is_ok() {}
    }

    fn collect(&mut self, timeout: Option<Duration>) -> Outcome<()> {
        self.laio
            .poll(&mut self.batch, timeout)
            .map_err(|error| errno::number(&error))?;
        let handles = &mut self.handles;
        self.ended.extend(self.batch.drain(..).map(|completion| {
            Ended {
                handle: handles
                    .remove(&completion.handle)
                    .unwrap_or(ptr::null_mut()),
                outcome: completion.result.map_err(|error| errno::number(&error)),
            }
        }));
        Ok(())
    }
}

/// A handle that no operation of the process has had: a number, not an address.
fn new_handle() -> *mut c_void {
    ptr::without_provenance_mut(LAST_HANDLE.fetch_add(1, Ordering::Relaxed) + 1)
}
