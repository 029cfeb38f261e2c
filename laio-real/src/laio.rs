//! One interface over the engines.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};
use std::{fmt, io, process};

use crate::deadlines::Deadlines;
use crate::pool::Pool;
use crate::upcall::Upcall;
use crate::uring::Uring;
use crate::waiting::{Background, shorter};
use crate::{
    Builder, CallCounters, Completion, Counters, Detector, EngineKind, Error, Handle, Submission,
};

/// When a late call is cancelled again if that was not possible at once: ours.
const CANCEL_AGAIN_AFTER: Duration = Duration::from_millis(1);

/// A LAIO engine. It belongs to the thread that started it, the event loop.
///
/// The [crate's documentation](crate) says what an engine changes about its thread, and when not
/// to use one.
///
/// # Dropping
/// With calls still in the background ([`Counters::in_flight`]), their results are lost, and the
/// memory that they use must stay valid until they end all the same.
///
/// Pool and io_uring engine: calls that no thread has begun are never made; threads in a call are
/// left behind and end with it; the kernel cancels what it can of the ring's operations, soon.
///
/// Upcall engine: the loop returns to the kernel thread that it started on, and that thread's
/// scheduling and signal mask are restored; the other carriers end. Both need calls that have
/// ended. With calls still in the background their carriers stay until each ends; a little memory
/// and a descriptor stay for good, and a descriptor for each of these calls that had waited
/// without a carrier before. A call that sits on the loop's original kernel thread is interrupted.
/// If that is of no use, and it has not ended within a second, the loop stays on a carrier for
/// good, and a `join` on its thread would never return; nor would it if an engine is forgotten
/// instead of dropped. Leaving `main` is fine at any time.
///
/// In a child made by `fork`, an engine of the parent's must not be used, but may be dropped. That
/// does nothing: the descriptors stay open, as all that are inherited, and the memory stays
/// allocated.
// So that all that a call which does not block uses of it is in the first cache line: what engine it
// is, and the beginning of the upcall engine.
#[repr(C, align(64))]
pub struct Laio {
    /// Not dropped in a child of the process that started it, where its threads are not, and where
    /// the ring is not mapped.
    engine: ManuallyDrop<Engine>,
    deadlines: Deadlines,
    process_id: u32,
    /// Neither `Send` nor `Sync`, whatever the engines are.
    _of_this_thread: PhantomData<*const ()>,
}

#[cfg_attr(
    target_arch = "x86_64",
    expect(
        clippy::large_enum_variant,
        reason = "one per loop; boxing the largest would cost its calls an indirection"
    )
)]
#[repr(u64)]
enum Engine {
    Upcall(Upcall),
    Uring(Box<Uring>),
    Pool(Pool),
}

impl Engine {
    fn start(kind: EngineKind, options: &Builder) -> Result<Self, Error> {
        Ok(match kind {
            EngineKind::Upcall => Self::Upcall(Upcall::start(options)?),
            EngineKind::Uring => Self::Uring(Box::new(Uring::start(options)?)),
            EngineKind::Pool => Self::Pool(Pool::start(kind, options)?),
        })
    }

    /// The upcall engine where it works, else the pool.
    fn start_best(options: &Builder) -> Result<Self, Error> {
        match Self::start(EngineKind::Upcall, options) {
            Err(error) if error.is_of_the_machine() => Self::start(EngineKind::Pool, options),
            upcall => upcall,
        }
    }
}

impl Laio {
    /// Starts an engine with the default options; the calling thread is the loop.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn new() -> Result<Self, Error> {
        Self::builder().start()
    }

    /// The options of a new engine.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn start(options: &Builder) -> Result<Self, Error> {
        let engine = match options.engine {
            Some(kind) => Engine::start(kind, options)?,
            // Only that engine has detectors.
            None if options.detector.is_some() => Engine::start(EngineKind::Upcall, options)?,
            None => Engine::start_best(options)?,
        };
        Ok(Self {
            engine: ManuallyDrop::new(engine),
            deadlines: Deadlines::default(),
            process_id: process::id(),
            _of_this_thread: PhantomData,
        })
    }

    /// Whether this is the process that started it, and not a forked child of that.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process_id == process::id()
    }

    /// Which engine it is.
    pub fn engine(&self) -> EngineKind {
        match &*self.engine {
            Engine::Upcall(_) => EngineKind::Upcall,
            Engine::Uring(_) => EngineKind::Uring,
            Engine::Pool(_) => EngineKind::Pool,
        }
    }

    /// How the upcall engine learns that the loop has blocked; `None` for the other engines.
    pub fn detector(&self) -> Option<Detector> {
        match &*self.engine {
            Engine::Upcall(upcall) => Some(upcall.detector()),
            Engine::Uring(_) | Engine::Pool(_) => None,
        }
    }

    /// Makes system call `number`. If it blocks, control comes back at once and the call continues
    /// in the background; if it does not, it costs little more than the plain call. Of `number`, the
    /// kernel looks at the lower 32 bits; one that is no call's fails with `ENOSYS`.
    ///
    /// Calls that act on the kernel thread or the process (`clone`, `execve`, `exit`,
    /// `rt_sigprocmask`, `sched_setaffinity`, `prctl`, `setuid`, ...) are made as plain calls and
    /// may block the loop. So are those that wait with a signal mask of their own: `rt_sigsuspend`,
    /// and `ppoll`, `pselect6`, `epoll_pwait`, `epoll_pwait2`, `io_pgetevents` and `io_uring_enter` if
    /// their argument for a mask is not null (with `pselect6` and `io_pgetevents` that of the pair
    /// which has its address, with `io_uring_enter` also the extended argument, whatever is in it).
    ///
    /// # Safety
    /// As for the call itself; and all memory that it reads or writes must stay valid, and be left
    /// alone as that use demands, until it has ended, in the background too. Nor may a descriptor
    /// that it uses be closed before, if something else must not be reached under its number: a call
    /// handed to a thread may begin later.
    #[inline]
    pub unsafe fn syscall(&mut self, number: i64, args: [usize; 6]) -> Submission {
        // As the kernel does: else, with other bits set, `clone` would not be known for what it is.
        let number = i64::from(number as i32);
        match &mut *self.engine {
            // SAFETY: the caller's promise.
            Engine::Upcall(upcall) => unsafe { upcall.syscall(number, args) },
            // The copies of the arguments let those of an upcall stay in registers.
            Engine::Uring(uring) => {
                out_of_the_way();
                // SAFETY: the caller's promise.
                unsafe { uring.syscall(number, &{ args }) }
            }
            Engine::Pool(pool) => {
                out_of_the_way();
                // SAFETY: the caller's promise.
                unsafe { pool.syscall(number, &{ args }) }
            }
        }
    }

    /// Replaces the contents of `completions` by the background calls that have ended, oldest
    /// first, and returns their number. Waits only if there is none, at most for `timeout`, or for
    /// ever if that is `None`.
    ///
    /// # Errors
    /// None is expected; those of `epoll_pwait2`, `ppoll` and `io_uring_enter` are passed on.
    pub fn poll(
        &mut self,
        completions: &mut Vec<Completion>,
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        if self.deadlines.is_empty() {
            return self.poll_engine(completions, timeout);
        }
        // An end too far to be represented is never.
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let next_deadline = self.cancel_what_is_late();
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let count = self.poll_engine(completions, shorter(left, next_deadline))?;
            self.deadlines.remove_all(completions);
            if count > 0 || left.is_some_and(|left| left.is_zero()) {
                return Ok(count);
            }
        }
    }

    fn poll_engine(
        &mut self,
        completions: &mut Vec<Completion>,
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        match &mut *self.engine {
            Engine::Upcall(upcall) => upcall.poll(completions, timeout),
            Engine::Uring(uring) => uring.poll(completions, timeout),
            Engine::Pool(pool) => pool.poll(completions, timeout),
        }
    }

    /// Asks the kernel to end a background call early. The call completes as ever: with `EINTR` or
    /// `ECANCELED` if that has worked, and with its own result if it ended first, or cannot be
    /// interrupted, as one that waits for a disk cannot. Bytes that it has read or written by then
    /// are reported as the call itself would. Does not wait for it, and interrupts no other call.
    ///
    /// The upcall engine and the pool interrupt the kernel thread in the call by a real-time signal,
    /// the highest that the program had left at its default action when it was first needed; its
    /// handler does nothing. A call that no thread of a pool has begun ends with `ECANCELED`.
    ///
    /// # Errors
    /// `NotFound` if the call is not in the background any more: it has ended, whether
    /// [`poll`](Self::poll) has returned its completion or is about to. `Unsupported` if the
    /// process uses every real-time signal itself. `WouldBlock` if the kernel takes no more from
    /// the io_uring engine for the moment.
    pub fn cancel(&mut self, handle: Handle) -> io::Result<()> {
        match &mut *self.engine {
            Engine::Upcall(upcall) => upcall.cancel(handle),
            Engine::Uring(uring) => uring.cancel(handle),
            Engine::Pool(pool) => pool.cancel(handle),
        }
    }

    /// Has a background call [cancelled](Self::cancel) if it has not ended `timeout` from now; a
    /// second timeout of a call replaces the first. [`poll`](Self::poll) and [`wait`](Self::wait)
    /// do it, and sleep no longer than until then. For a call that has ended it does nothing, nor where
    /// `cancel` is unsupported.
    pub fn set_timeout(&mut self, handle: Handle, timeout: Duration) {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.deadlines.set(handle, deadline),
            // Too far to be represented.
            None => self.deadlines.remove(handle),
        }
    }

    /// Cancels the calls whose deadlines have passed; the time until the next deadline.
    fn cancel_what_is_late(&mut self) -> Option<Duration> {
        let now = Instant::now();
        while let Some(handle) = self.deadlines.take_passed(now) {
            // Another failure is that of a call which has ended, or of a process that has no signal left
            // to cancel with, as `cancel` says.
            if let Err(error) = self.cancel(handle)
                && error.kind() == io::ErrorKind::WouldBlock
            {
                self.deadlines.set(handle, now + CANCEL_AGAIN_AFTER);
            }
        }
        self.deadlines.next(now)
    }

    /// Runs `work` with the CPU affinity, the scheduling policy and the signal mask that the
    /// loop's thread had before the engine was started, so that threads and child processes made
    /// in it inherit those and not the loop's. With the other engines they are the loop's anyway.
    pub fn unpinned<R>(&mut self, work: impl FnOnce() -> R) -> R {
        match &mut *self.engine {
            Engine::Upcall(upcall) => upcall.unpinned(work),
            Engine::Uring(_) | Engine::Pool(_) => work(),
        }
    }

    /// Waits for events of the caller's epoll instance as `epoll_wait` does, but so that nothing
    /// of the engine keeps the CPU busy meanwhile, and returns how many it put into `events`. A
    /// loop may sleep elsewhere, at a small cost: see [`completion_fd`](Self::completion_fd).
    ///
    /// It also returns, possibly with no event, when background calls have ended; for this to end
    /// a sleep, [`completion_fd`](Self::completion_fd) must be registered in `epoll`. Call
    /// [`poll`](Self::poll) with a zero timeout after every `wait`: it is cheap when there is
    /// nothing. It may also return early with no event at all.
    ///
    /// # Errors
    /// Those of `epoll_pwait2`, except for `EINTR`, which counts as no event.
    pub fn wait(
        &mut self,
        epoll: BorrowedFd<'_>,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        let timeout = if self.deadlines.is_empty() {
            timeout
        } else {
            shorter(timeout, self.cancel_what_is_late())
        };
        match &mut *self.engine {
            Engine::Upcall(upcall) => upcall.wait(epoll, events, timeout),
            Engine::Uring(uring) => uring.wait(epoll, events, timeout),
            Engine::Pool(pool) => pool.wait(epoll, events, timeout),
        }
    }

    /// A descriptor that is readable when a background call has ended, wherever the loop sleeps,
    /// until [`poll`](Self::poll) has returned that. To be registered for `EPOLLIN`, under any
    /// token, in the epoll instance that the loop sleeps in: its own, given to
    /// [`wait`](Self::wait), or that of a runtime (tokio's `AsyncFd`, for example). Registered
    /// edge-triggered, it tells of each call that ends when there was nothing to return: call
    /// `poll` with a zero timeout until that returns 0. It may become readable with nothing to
    /// return, once for a `poll`. Not to be read or written.
    ///
    /// Deadlines of [`set_timeout`](Self::set_timeout) do not make it readable: only `poll` and
    /// `wait` see to them. So it is with what has to be tried again after a while: a
    /// [cancellation](Self::cancel) that reached a thread of the pool just before its call began, and a submission
    /// that the kernel has refused the io_uring engine for the moment. A loop that sleeps elsewhere
    /// and uses these should call `poll` now and then.
    ///
    /// # Sleeping elsewhere
    /// The upcall engine does not learn of a sleep that is not in `poll` or `wait`. Its watcher
    /// then looks at the loop some 30 times more before it parks. On the machine of the crate's
    /// documentation, a call that does not block and a sleep of 1 ms elsewhere together took 28-35
    /// us of CPU, instead of 13 us with `wait`; a blocked read of a pipe and the sleep until its
    /// end took 8.1 us either way. After a millisecond of computing without a call, a call that blocks
    /// gives control back some 7 us later, because the watcher asks whether the loop was preempted. Signalling the descriptor, and reading it again in `poll`, are
    /// 0.8 us of each blocked call, or of each group that ends while the loop does not look.
    pub fn completion_fd(&self) -> BorrowedFd<'_> {
        match &*self.engine {
            Engine::Upcall(upcall) => upcall.completion_fd(),
            Engine::Uring(uring) => uring.completion_fd(),
            Engine::Pool(pool) => pool.completion_fd(),
        }
    }

    /// What has been counted since the start.
    pub fn counters(&self) -> Counters {
        match &*self.engine {
            Engine::Upcall(upcall) => upcall.counters(),
            Engine::Uring(uring) => uring.counters(),
            Engine::Pool(pool) => pool.counters(),
        }
    }

    /// What has been counted for system call `number`.
    pub fn call_counters(&self, number: i64) -> CallCounters {
        match &*self.engine {
            Engine::Upcall(upcall) => upcall.call_counters(number),
            Engine::Uring(uring) => uring.call_counters(number),
            Engine::Pool(pool) => pool.call_counters(number),
        }
    }
}

/// Has the compiler put the code that calls this behind the other: for those to whom the length of
/// the code makes no difference.
#[cold]
#[inline]
fn out_of_the_way() {}

impl Drop for Laio {
    fn drop(&mut self) {
        if self.is_of_this_process() {
            // SAFETY: not used any more.
            unsafe { ManuallyDrop::drop(&mut self.engine) };
        }
    }
}

impl fmt::Debug for Laio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Laio")
            .field("engine", &self.engine())
            .field("detector", &self.detector())
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}
