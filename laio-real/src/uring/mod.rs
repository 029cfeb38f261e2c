//! The io_uring engine: the ring makes the calls that it has an operation for.
//!
//! `plan` decides which way a call takes, `attempt` tries it without waiting first, `descriptor`
//! says what waiting would mean. Calls without an exact operation are made by a pool of threads
//! that the engine owns. An operation that the kernel completes while it is submitted is done
//! inline.

mod attempt;
mod descriptor;
mod plan;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use io_uring::{IoUring, Probe, opcode, squeue};

use self::plan::Plan;
use crate::epoll::Epoll;
use crate::pool::Pool;
use crate::waiting::{self, Background};
use crate::{Builder, CallCounters, Completion, Counters, EngineKind, Error, Handle, Submission};

/// Operations that may wait to be submitted: ours. Each is submitted at once, so there is more
/// than one only while the kernel refuses them.
const SUBMISSION_ENTRIES: u32 = 64;
/// Completions that may wait to be taken before the kernel has to keep them elsewhere: ours.
const COMPLETION_ENTRIES: u32 = 4096;
/// How often operations that the kernel has refused are submitted again: ours.
const RETRY_EVERY: Duration = Duration::from_millis(1);
/// Marks the completion of a cancellation: no call has this number.
const CANCELLATION: u64 = 0;

/// An engine whose calls are made by io_uring, where it has an operation for them.
///
/// # Dropping
/// The kernel cancels what it can of the ring's operations. As for [`Pool`] for the others.
pub(crate) struct Uring {
    ring: IoUring,
    supported: Probe,
    /// The calls that the ring is making.
    in_ring: HashMap<Handle, Issued>,
    /// Bytes transferred before a call went to the background.
    begun: HashMap<Handle, i64>,
    /// What has ended in the ring and has not been taken.
    ended: Vec<Completion>,
    pool: Pool,
    /// Holds the ring and the pool's eventfd.
    epoll: Epoll,
}

/// A call that is being made.
struct Issued {
    number: i64,
    /// When that was, if it is timed.
    started: Option<Instant>,
}

impl Uring {
    pub(crate) fn start(options: &Builder) -> Result<Self, Error> {
        let ring = new_ring().map_err(no_ring)?;
        let mut supported = Probe::new();
        ring.submitter()
            .register_probe(&mut supported)
            .map_err(|source| Error::NoIoUring { source })?;
        let pool = Pool::start(EngineKind::Uring, options)?;
        // SAFETY: the ring outlives the borrow.
        let ring_fd = unsafe { BorrowedFd::borrow_raw(ring.as_raw_fd()) };
        let epoll = Epoll::with(&[ring_fd, pool.completion_fd()])?;
        Ok(Self {
            ring,
            supported,
            in_ring: HashMap::new(),
            begun: HashMap::new(),
            ended: Vec::new(),
            pool,
            epoll,
        })
    }

    /// Makes system call `number` by the cheapest exact way.
    ///
    /// # Safety
    /// As for the call itself; and all memory that it reads or writes must stay valid, and be left
    /// alone as that use demands, until it has ended, in the background too.
    pub(crate) unsafe fn syscall(&mut self, number: i64, args: &[usize; 6]) -> Submission {
        // SAFETY: the caller's promise.
        if let Some(result) = unsafe { self.pool.make_at_once(number, args) } {
            return Submission::Done(result);
        }
        let issued = Issued {
            number,
            started: self.pool.counted().start(number),
        };
        // SAFETY: the caller's promise.
        match unsafe { plan::plan(number, args) } {
            Plan::Done(result) => self.done(number, result),
            Plan::Ring { operation, begun } => {
                let is_known = self.supported.is_supported(operation.get_opcode() as u8);
                if is_known && self.make_room() {
                    // SAFETY: the caller's promise.
                    return unsafe { self.submit(issued, &operation, begun) };
                }
                if begun > 0 {
                    // A short transfer, as the call itself may make.
                    return self.done(number, Ok(begun));
                }
                // SAFETY: the caller's promise.
                Submission::Background(unsafe { self.hand_over(issued, args) })
            }
            Plan::Thread { args, begun } => {
                // SAFETY: the caller's promise.
                let handle = unsafe { self.hand_over(issued, &args) };
                self.remember(handle, begun);
                Submission::Background(handle)
            }
        }
    }

    fn done(&mut self, number: i64, result: io::Result<i64>) -> Submission {
        self.pool.counted().ended_inline(number);
        Submission::Done(result)
    }

    /// Has a thread make a call.
    ///
    /// # Safety
    /// As for [`syscall`](Self::syscall).
    unsafe fn hand_over(&mut self, issued: Issued, args: &[usize; 6]) -> Handle {
        // SAFETY: the caller's promise.
        unsafe { self.pool.hand_over(issued.number, args, issued.started) }
    }

    /// Submits an operation, for which there is room. It is done inline if it has completed by
    /// then.
    ///
    /// # Safety
    /// As for [`syscall`](Self::syscall).
    unsafe fn submit(
        &mut self,
        issued: Issued,
        operation: &squeue::Entry,
        begun: i64,
    ) -> Submission {
        let Issued { number, started } = issued;
        let handle = self.pool.next_handle();
        // SAFETY: the caller's promise.
        unsafe { self.push(&operation.clone().user_data(handle.0)) };
        self.in_ring.insert(handle, issued);
        // What the kernel does not take now goes with the next one.
        let _ = self.ring.submit();
        if let Some(result) = self.reap(handle) {
            return self.done(number, whole(result, begun));
        }
        self.pool.counted().left(number, started);
        self.remember(handle, begun);
        Submission::Background(handle)
    }

    /// Whether there is room for an operation in the ring, which is full only while the kernel
    /// refuses them.
    fn make_room(&mut self) -> bool {
        if self.ring.submission().is_full() {
            // What it refuses now it gets again.
            let _ = self.ring.submit();
        }
        !self.ring.submission().is_full()
    }

    /// Puts an operation into the ring, where there is room.
    ///
    /// # Safety
    /// The operation's memory stays valid until it has completed.
    unsafe fn push(&mut self, operation: &squeue::Entry) {
        // SAFETY: the caller's promise.
        let pushed = unsafe { self.ring.submission().push(operation) };
        pushed.expect("the caller has made room");
    }

    /// Takes completions out of the ring. The result of `call`, if it is among them, is returned
    /// and not kept.
    fn reap(&mut self, call: Handle) -> Option<io::Result<i64>> {
        let mut own = None;
        for entry in self.ring.completion() {
            let handle = Handle(entry.user_data());
            let Some(Issued { number, started }) = self.in_ring.remove(&handle) else {
                continue;
            };
            let result = value(number, entry.result());
            if handle == call {
                own = Some(result);
            } else {
                // Whether it blocked cannot be seen: it counts as having.
                let took = started.map(|started| started.elapsed());
                self.pool.counted().ended(number, true, took);
                self.ended.push(Completion { handle, result });
            }
        }
        own
    }

    /// Gives the kernel what it has not taken yet, and lets it post what it has held back.
    fn flush(&mut self) -> io::Result<()> {
        let submission = self.ring.submission();
        let needed = !submission.is_empty() || submission.taskrun() || submission.cq_overflow();
        drop(submission);
        if !needed {
            return Ok(());
        }
        match self.ring.submit() {
            Ok(_) => Ok(()),
            Err(error) if is_passing(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn remember(&mut self, handle: Handle, begun: i64) {
        if begun > 0 {
            self.begun.insert(handle, begun);
        }
    }

    /// Has the kernel cancel an operation, or interrupts the thread that makes the call.
    ///
    /// # Errors
    /// `NotFound` if it has ended, `WouldBlock` if the ring is full; else those of [`Pool::cancel`]
    /// and of submitting.
    pub(crate) fn cancel(&mut self, handle: Handle) -> io::Result<()> {
        self.reap(Handle(CANCELLATION));
        if !self.in_ring.contains_key(&handle) {
            return self.pool.cancel(handle);
        }
        let cancellation = opcode::AsyncCancel::new(handle.0).build();
        if !self.make_room() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // SAFETY: the operation takes no memory.
        unsafe { self.push(&cancellation.user_data(CANCELLATION)) };
        self.flush()
    }

    pub(crate) fn completion_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.pool.counters()
    }

    pub(crate) fn call_counters(&self, number: i64) -> CallCounters {
        self.pool.call_counters(number)
    }
}

impl Background for Uring {
    fn take(&mut self, completions: &mut Vec<Completion>) -> io::Result<()> {
        self.flush()?;
        self.reap(Handle(CANCELLATION));
        self.pool.counted().taken(self.ended.len());
        completions.append(&mut self.ended);
        self.pool.take(completions)?;
        if !self.begun.is_empty() {
            for completion in completions {
                if let Some(begun) = self.begun.remove(&completion.handle) {
                    let rest = std::mem::replace(&mut completion.result, Ok(0));
                    completion.result = whole(rest, begun);
                }
            }
        }
        Ok(())
    }

    fn has_ended(&mut self) -> bool {
        !self.ended.is_empty() || !self.ring.completion().is_empty() || self.pool.has_ended()
    }

    fn longest_sleep(&mut self) -> Option<Duration> {
        let refused = self.flush().is_err() || !self.ring.submission().is_empty();
        waiting::shorter(self.pool.longest_sleep(), refused.then_some(RETRY_EVERY))
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.completion_fd()
    }
}

/// A ring whose completions are posted when the loop next enters the kernel, instead of interrupting
/// it (`COOP_TASKRUN`).
///
/// `DEFER_TASKRUN` measures 5 to 10 % better in `compare`'s raw rings, the default 0 to 5 % worse.
/// It is not used because the loop would have to enter the ring, not just the kernel, before
/// anything is posted, and because it needs Linux 6.1.
fn new_ring() -> io::Result<IoUring> {
    let ring = IoUring::builder()
        .setup_cqsize(COMPLETION_ENTRIES)
        .setup_submit_all()
        .setup_coop_taskrun()
        .setup_taskrun_flag()
        .dontfork()
        .build(SUBMISSION_ENTRIES)?;
    let features = ring.params();
    if features.is_feature_nodrop()
        && features.is_feature_submit_stable()
        && features.is_feature_rw_cur_pos()
        && features.is_feature_fast_poll()
    {
        Ok(ring)
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Why there is no ring: that there is none to be had, or only not now.
fn no_ring(source: io::Error) -> Error {
    match source.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EAGAIN) => Error::Os {
            call: "io_uring_setup",
            source,
        },
        _ => Error::NoIoUring { source },
    }
}

/// Failures of submitting that another attempt may not meet.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINTR | libc::EAGAIN | libc::EBUSY)
    )
}

/// An operation's result as the call's.
fn value(number: i64, result: i32) -> io::Result<i64> {
    match result {
        0.. => Ok(result.into()),
        // A timeout that has run out is a sleep that has ended.
        _ if result == -libc::ETIME && number == libc::SYS_nanosleep => Ok(0),
        _ => Err(io::Error::from_raw_os_error(-result)),
    }
}

/// The result of a call of which `begun` bytes had been transferred before the rest: an error then
/// only means that there were no more.
fn whole(rest: io::Result<i64>, begun: i64) -> io::Result<i64> {
    match rest {
        Ok(bytes) => Ok(begun + bytes),
        Err(_) if begun > 0 => Ok(begun),
        Err(error) => Err(error),
    }
}
