//! The pool engine: threads make the calls.
//!
//! Portable: nothing here depends on the processor. Every call is handed over, except for those
//! that the loop's thread must make itself and those that cannot block (`never_blocks`). Nothing
//! is changed about the loop's thread. `crew` is what it shares with the threads; `interrupt` is
//! how a call in progress is cancelled.

mod crew;
mod interrupt;
mod never_blocks;

use std::collections::HashSet;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use self::crew::{Crew, Job, Making, lock};
pub(crate) use self::never_blocks::never_blocks;
use crate::counted::Counted;
use crate::waiting::Background;
use crate::{Builder, CallCounters, Completion, Counters, EngineKind, Error, Handle, Submission};
use crate::{os, passthrough};

/// How often an interruption is repeated: ours. The first one is lost if it comes just before its
/// thread enters the call.
const INSIST_EVERY: Duration = Duration::from_millis(10);

/// An engine whose calls are made by threads.
///
/// # Dropping
/// Calls that no thread has begun are forgotten. Threads that are in a call are left behind and end
/// with it, and its result is lost; the others end.
pub(crate) struct Pool {
    crew: Arc<Crew>,
    threads: Vec<Thread>,
    max_threads: usize,
    /// Calls numbered; the number of the last one.
    call: u64,
    counted: Counted,
    /// Calls in progress that are to be interrupted, and when they last were.
    interrupted: HashSet<u64>,
    last_insisted: Instant,
}

struct Thread {
    handle: JoinHandle<()>,
    making: Arc<Making>,
}

impl Thread {
    /// Interrupts the thread if it is making `call`; whether it is.
    fn interrupt(&self, call: u64) -> io::Result<bool> {
        let making = lock(&self.making);
        if *making != Some(call) {
            return Ok(false);
        }
        // SAFETY: it cannot leave the call's bookkeeping, and so not end, while that is locked.
        unsafe { interrupt::interrupt(self.handle.as_pthread_t()) }?;
        Ok(true)
    }
}

impl Pool {
    /// The threads of an engine of this kind.
    pub(crate) fn start(kind: EngineKind, options: &Builder) -> Result<Self, Error> {
        if options.max_carriers < 2 {
            return Err(Error::TooFewCarriers(options.max_carriers));
        }
        let mut pool = Self {
            crew: Arc::new(Crew::new(os::eventfd()?)),
            threads: Vec::new(),
            max_threads: options.max_carriers - 1,
            call: 0,
            counted: Counted::new(kind),
            interrupted: HashSet::new(),
            last_insisted: Instant::now(),
        };
        // So that a call always finds a thread, however long it has to wait for it.
        pool.start_thread().map_err(|source| Error::Os {
            call: "clone",
            source,
        })?;
        Ok(pool)
    }

    /// Makes system call `number` at once if it cannot block or must be made by this thread, and
    /// else hands it over.
    ///
    /// # Safety
    /// As for the call itself; and all memory that it reads or writes must stay valid, and be left
    /// alone as that use demands, until it has ended, in the background too.
    pub(crate) unsafe fn syscall(&mut self, number: i64, args: &[usize; 6]) -> Submission {
        // SAFETY: the caller's promise.
        match unsafe { self.make_at_once(number, args) } {
            Some(result) => Submission::Done(result),
            None => {
                let started = self.counted.start(number);
                // SAFETY: the caller's promise.
                Submission::Background(unsafe { self.hand_over(number, args, started) })
            }
        }
    }

    /// Makes a call that must be made by this thread, or cannot block; `None` for the others.
    ///
    /// # Safety
    /// As for the call itself.
    pub(crate) unsafe fn make_at_once(
        &mut self,
        number: i64,
        args: &[usize; 6],
    ) -> Option<io::Result<i64>> {
        if passthrough::is_passed_through(number as usize, args) {
            self.counted.passed_through += 1;
        } else if never_blocks(number, args) {
            self.counted.ended_inline(number);
        } else {
            return None;
        }
        // SAFETY: the caller's promise.
        Some(unsafe { os::plain_call(number, args) })
    }

    /// Hands a call over to a thread, a new one if all are busy and the limit allows it. It is timed
    /// if it is known when it was `started`.
    ///
    /// # Safety
    /// As for [`syscall`](Self::syscall).
    pub(crate) unsafe fn hand_over(
        &mut self,
        number: i64,
        args: &[usize; 6],
        started: Option<Instant>,
    ) -> Handle {
        let handle = self.next_handle();
        let job = Job {
            call: handle.0,
            number,
            args: *args,
            started,
        };
        if self.crew.hand_over(job) && self.threads.len() < self.max_threads {
            // If it fails, the call waits for one of the threads that there are.
            let _ = self.start_thread();
        }
        self.counted.left(number, started);
        handle
    }

    /// A handle for a call of this engine, or of the one that owns it.
    pub(crate) fn next_handle(&mut self) -> Handle {
        self.call += 1;
        Handle(self.call)
    }

    /// Repeats interruptions that have had no effect so far. When to do that again.
    fn insist(&mut self) -> Option<Duration> {
        if self.interrupted.is_empty() {
            return None;
        }
        if self.last_insisted.elapsed() >= INSIST_EVERY {
            self.last_insisted = Instant::now();
            for &call in &self.interrupted {
                // The first one did not fail.
                let _ = self.interrupt(call);
            }
        }
        Some(INSIST_EVERY)
    }

    /// Ends a call that has not begun with `ECANCELED`, interrupts one that has.
    ///
    /// # Errors
    /// `NotFound` if it has ended, `Unsupported` if it has begun and there is no signal left to
    /// interrupt it by.
    pub(crate) fn cancel(&mut self, handle: Handle) -> io::Result<()> {
        if self.crew.take_back(handle.0) {
            return Ok(());
        }
        if !self.interrupt(handle.0)? {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.interrupted.insert(handle.0);
        self.last_insisted = Instant::now();
        Ok(())
    }

    pub(crate) fn completion_fd(&self) -> BorrowedFd<'_> {
        self.crew.eventfd()
    }

    /// The counts, for the engine that owns this one to add to.
    pub(crate) fn counted(&mut self) -> &mut Counted {
        &mut self.counted
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counted.all(self.threads.len() + 1)
    }

    pub(crate) fn call_counters(&self, number: i64) -> CallCounters {
        self.counted.read(number)
    }

    /// Whether a thread is making the call; if so, it is interrupted.
    fn interrupt(&self, call: u64) -> io::Result<bool> {
        for thread in &self.threads {
            if thread.interrupt(call)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn start_thread(&mut self) -> io::Result<()> {
        let making = Arc::new(Making::default());
        let (crew, in_thread) = (Arc::clone(&self.crew), Arc::clone(&making));
        let handle = interrupt::with_mask_of_the_pool(|| {
            thread::Builder::new()
                .name("laio-pool".into())
                .spawn(move || crew::work(&crew, &in_thread))
        })?;
        self.threads.push(Thread { handle, making });
        Ok(())
    }
}

impl Background for Pool {
    fn take(&mut self, completions: &mut Vec<Completion>) -> io::Result<()> {
        let all = self.crew.take_ended();
        self.counted.taken(all.len());
        for ended in all {
            self.counted.ended(ended.number, ended.blocked, ended.took);
            self.interrupted.remove(&ended.call);
            completions.push(Completion {
                handle: Handle(ended.call),
                result: ended.result,
            });
        }
        Ok(())
    }

    fn has_ended(&mut self) -> bool {
        self.crew.has_ended()
    }

    fn longest_sleep(&mut self) -> Option<Duration> {
        self.insist()
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.completion_fd()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.crew.close();
        for Thread { handle, making } in self.threads.drain(..) {
            if lock(&making).is_none() {
                // It ends without another call, and has not panicked.
                let _ = handle.join();
            }
        }
    }
}
