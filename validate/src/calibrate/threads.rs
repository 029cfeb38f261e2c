//! What a pool of threads adds: its queue, and the way back to the loop.
//!
//! One thread plays both sides in turn, so nobody is asleep, nobody contends, and no wake-up or
//! switch is in the figures. The eventfd is in the loop's epoll set, as a server's is.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::sockets::{new_epoll, register};
use super::timing::{Rounds, clock};
use super::{CalibrateError, Effort};

/// What was measured, in nanoseconds.
pub(super) struct Pool {
    pub(super) enqueue: Rounds,
    pub(super) dequeue: Rounds,
    pub(super) reply: Rounds,
    pub(super) collect: Rounds,
}

/// Jobs in the queue at once. Ours: what the cache of a CPU holds.
const JOBS: u64 = 64;

/// What a job or a result says: connection, operation, buffer, outcome.
type Job = [u64; 4];

/// Jobs, or results.
#[derive(Default)]
struct Queue(Mutex<VecDeque<Job>>);

impl Queue {
    fn push(&self, job: Job) {
        self.locked().push_back(job);
    }

    fn pop(&self) -> Option<Job> {
        self.locked().pop_front()
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures on the CPU of the server.
pub(super) fn measure(effort: Effort) -> Result<Pool, CalibrateError> {
    measured(effort).map_err(|source| CalibrateError::Call {
        what: "a pool's queue",
        source,
    })
}

fn measured(effort: Effort) -> io::Result<Pool> {
    let (jobs, results) = (Queue::default(), Queue::default());
    let filled = Condvar::new();
    let epoll = new_epoll()?;
    // SAFETY: no pointers; the descriptor is owned by nobody else.
    let bell = unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_CLOEXEC)) };
    register(&epoll, bell.as_raw_fd(), libc::EPOLLIN)?;
    let repeats = (effort.batch / JOBS).max(1);
    let mut figures = [vec![], vec![], vec![], vec![]];
    for _ in 0..=effort.rounds {
        let mut totals = [0; 4];
        for _ in 0..repeats {
            totals[0] += timed(|job| {
                jobs.push([job; 4]);
                filled.notify_one();
            });
            totals[1] += timed(|_| {
                std::hint::black_box(jobs.pop());
            });
            for job in 0..JOBS {
                totals[2] += once(|| reply(&results, &bell, [job; 4]));
                totals[3] += once(|| collect(&results, &bell));
            }
        }
        for (figures, total) in figures.iter_mut().zip(totals) {
            figures.push(total as f64 / (repeats * JOBS) as f64);
        }
    }
    let clock_cost = Rounds::of(effort.rounds, || once(|| ()) as f64).median();
    let [enqueue, dequeue, reply, collect] = figures.map(Rounds::after_the_first);
    Ok(Pool {
        enqueue,
        dequeue,
        reply: reply.map(|time| time - clock_cost),
        collect: collect.map(|time| time - clock_cost),
    })
}

fn reply(results: &Queue, bell: &OwnedFd, result: Job) {
    results.push(result);
    let one = 1_u64.to_ne_bytes();
    // SAFETY: an eventfd takes eight bytes.
    unsafe { libc::write(bell.as_raw_fd(), one.as_ptr().cast(), one.len()) };
}

fn collect(results: &Queue, bell: &OwnedFd) {
    let mut count = [0_u8; 8];
    // SAFETY: an eventfd gives eight bytes.
    unsafe { libc::read(bell.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    std::hint::black_box(results.pop());
}

/// Time of `action` with each of so many jobs.
fn timed(mut action: impl FnMut(u64)) -> u64 {
    let start = clock();
    (0..JOBS).for_each(&mut action);
    clock() - start
}

fn once(action: impl FnOnce()) -> u64 {
    let start = clock();
    action();
    clock() - start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_come_out_as_they_went_in() {
        let queue = Queue::default();
        queue.push([1; 4]);
        queue.push([2; 4]);
        assert_eq!(
            [queue.pop(), queue.pop(), queue.pop()],
            [Some([1; 4]), Some([2; 4]), None]
        );
    }
}
