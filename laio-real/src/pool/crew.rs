//! What the loop and the threads of the pool share, and the life of a thread.

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, mem};

use crate::os;

/// A call to be made.
pub(super) struct Job {
    pub(super) call: u64,
    pub(super) number: i64,
    pub(super) args: [usize; 6],
    /// When it was issued, if it is timed.
    pub(super) started: Option<Instant>,
}

impl Job {
    /// Its end, which is now.
    fn end(self, result: io::Result<i64>, blocked: bool) -> Ended {
        Ended {
            call: self.call,
            number: self.number,
            result,
            blocked,
            took: self.started.map(|started| started.elapsed()),
        }
    }
}

/// A call that has been made, or will not be.
pub(super) struct Ended {
    pub(super) call: u64,
    pub(super) number: i64,
    pub(super) result: io::Result<i64>,
    /// Whether its thread gave up the CPU of its own accord meanwhile.
    pub(super) blocked: bool,
    /// From its issue to its end, if it is timed.
    pub(super) took: Option<Duration>,
}

/// The call that a thread is making.
pub(super) type Making = Mutex<Option<u64>>;

/// The shared part of a pool.
pub(super) struct Crew {
    work: Mutex<Work>,
    work_has_come: Condvar,
    /// Oldest first. The eventfd is readable if and only if there are any.
    ended: Mutex<Vec<Ended>>,
    eventfd: OwnedFd,
}

struct Work {
    jobs: VecDeque<Job>,
    /// Threads that wait for a job, or have just been given cause to stop waiting.
    waiting: usize,
    open: bool,
}

impl Crew {
    pub(super) fn new(eventfd: OwnedFd) -> Self {
        Self {
            work: Mutex::new(Work {
                jobs: VecDeque::new(),
                waiting: 0,
                open: true,
            }),
            work_has_come: Condvar::new(),
            ended: Mutex::new(Vec::new()),
            eventfd,
        }
    }

    /// Loop: hands a call over. True if there are more calls than threads that wait for one.
    pub(super) fn hand_over(&self, job: Job) -> bool {
        let mut work = lock(&self.work);
        work.jobs.push_back(job);
        let too_few = work.jobs.len() > work.waiting;
        drop(work);
        self.work_has_come.notify_one();
        too_few
    }

    /// Loop: ends a call that no thread has begun. False if it is not one.
    pub(super) fn take_back(&self, call: u64) -> bool {
        let mut work = lock(&self.work);
        let Some(place) = work.jobs.iter().position(|job| job.call == call) else {
            return false;
        };
        let job = work.jobs.remove(place);
        drop(work);
        if let Some(job) = job {
            let canceled = io::Error::from_raw_os_error(libc::ECANCELED);
            self.post(job.end(Err(canceled), false));
        }
        true
    }

    /// Loop: has the threads end after the calls that they are making; forgets the others.
    pub(super) fn close(&self) {
        let mut work = lock(&self.work);
        work.open = false;
        work.jobs.clear();
        drop(work);
        self.work_has_come.notify_all();
    }

    /// Loop: the calls that have ended, oldest first.
    pub(super) fn take_ended(&self) -> Vec<Ended> {
        let mut ended = lock(&self.ended);
        if !ended.is_empty() {
            os::empty_eventfd(self.eventfd.as_fd());
        }
        mem::take(&mut *ended)
    }

    pub(super) fn has_ended(&self) -> bool {
        !lock(&self.ended).is_empty()
    }

    /// Readable if calls have ended.
    pub(super) fn eventfd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }

    fn post(&self, call: Ended) {
        let mut ended = lock(&self.ended);
        if ended.is_empty() {
            os::signal_eventfd(self.eventfd.as_fd());
        }
        ended.push(call);
    }

    /// Thread: waits for a call, and notes that it is `making` it, so that a call which has not
    /// ended is always to be found either there or among the jobs. `None` at the end of the pool.
    fn next(&self, making: &Making) -> Option<Job> {
        let mut work = lock(&self.work);
        work.waiting += 1;
        while work.open && work.jobs.is_empty() {
            work = self
                .work_has_come
                .wait(work)
                .unwrap_or_else(PoisonError::into_inner);
        }
        work.waiting -= 1;
        let job = work.jobs.pop_front();
        *lock(making) = job.as_ref().map(|job| job.call);
        job
    }
}

/// The life of a thread of the pool: it makes calls until the pool is closed.
pub(super) fn work(crew: &Arc<Crew>, making: &Making) {
    while let Some(job) = crew.next(making) {
        let switches = voluntary_switches();
        // SAFETY: the promise of `Laio::syscall`'s caller.
        let result = unsafe { os::plain_call(job.number, &job.args) };
        let blocked = voluntary_switches() != switches;
        let ended = job.end(result, blocked);
        // Before the result can be seen, so that an interruption never hits a later call.
        *lock(making) = None;
        crew.post(ended);
    }
}

/// Nothing that runs under these locks panics.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often this thread has given up the CPU of its own accord.
fn voluntary_switches() -> i64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call fills the structure, of which all zeroes are a valid value.
    unsafe {
        libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
        usage.assume_init().ru_nvcsw
    }
}
