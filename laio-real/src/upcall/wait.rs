//! Waiting for work.
//!
//! A carrier that ends a call makes the eventfd readable (see `finished`), wherever the loop
//! sleeps. Sleeping here is only cheaper: the state word says that the loop sleeps, and so the
//! watcher parks at once; and in `poll`, with no operation in epoll, the loop naps (see `nap`).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::{Upcall, nap, sys};
use crate::waiting::{self, Background};
use crate::{Completion, epoll, os};

/// How long a loop that neither blocks nor waits keeps the results of ended calls waiting: ours. A
/// yield takes about 2 us, so this costs a busy loop 0.4 % of its time.
const LONGEST_TURN: Duration = Duration::from_micros(500);

impl Upcall {
    /// As [`Laio::poll`](crate::Laio::poll).
    pub(crate) fn poll(
        &mut self,
        completions: &mut Vec<Completion>,
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        self.engine().turn.end(self.call);
        waiting::poll(self, completions, timeout)
    }

    /// As [`Laio::wait`](crate::Laio::wait).
    pub(crate) fn wait(
        &mut self,
        epoll: BorrowedFd<'_>,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        self.engine().turn.end(self.call);
        // Its descriptor need not be in the caller's instance.
        let timeout = if self.has_ended() {
            Some(Duration::ZERO)
        } else {
            timeout
        };
        self.asleep(|| epoll::wait(epoll, events, timeout))
    }

    pub(crate) fn completion_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Moves what has ended to the end of `completions`.
    fn take_ended(&mut self, completions: &mut Vec<Completion>) {
        if self.parked.len() > 0 {
            self.retry_parked();
        }
        let (engine, before) = (self.engine(), completions.len());
        engine.finished.take(
            completions,
            &mut self.unread_signals,
            engine.nap.take_unsignalled(),
            || os::empty_eventfd(engine.eventfd.as_fd()),
        );
        let ended = &completions[before..];
        self.in_flight -= ended.len();
        self.parked.close_ended(ended);
    }

    /// Lets calls that have ended post their results, which do not preempt the loop.
    fn give_way(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.gave_way) > LONGEST_TURN {
            self.gave_way = now;
            sys::yield_cpu();
        }
    }

    /// Sleeps until a call ends, which nothing but that, and the time, can do.
    fn nap(&mut self, timeout: Option<Duration>) {
        self.asleep(|| {
            // SAFETY: the carrier runs the loop.
            unsafe { nap::nap(self.engine(), self.carrier(), timeout) }
        });
        self.change_carrier();
    }

    /// Sleeps without a watcher.
    fn asleep<R>(&self, sleep: impl FnOnce() -> R) -> R {
        self.engine().state.sleep();
        let result = sleep();
        self.engine().stretch.begin();
        self.engine().state.wake();
        result
    }
}

impl Background for Upcall {
    fn take(&mut self, completions: &mut Vec<Completion>) -> io::Result<()> {
        self.take_ended(completions);
        if completions.is_empty() && self.in_flight > 0 {
            self.give_way();
            self.take_ended(completions);
        }
        Ok(())
    }

    fn has_ended(&mut self) -> bool {
        !self.engine().finished.is_empty()
    }

    fn longest_sleep(&mut self) -> Option<Duration> {
        None
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.completion_fd()
    }

    fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if self.parked.len() == 0 {
            self.nap(timeout);
            return Ok(());
        }
        let mut event = [libc::epoll_event { events: 0, u64: 0 }];
        let ready = self.asleep(|| epoll::wait(self.epoll.as_fd(), &mut event, timeout))?;
        if ready > 0 {
            self.parked.woke = Some(event[0].u64);
        }
        Ok(())
    }
}
