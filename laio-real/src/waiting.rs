//! Waiting for background calls, whose completions make a descriptor readable.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use crate::{Completion, epoll, os};

/// An engine whose calls end without the loop's help.
pub(crate) trait Background {
    /// Moves what has ended to the end of `completions`.
    fn take(&mut self, completions: &mut Vec<Completion>) -> io::Result<()>;

    /// Whether there is something to take.
    fn has_ended(&mut self) -> bool;

    /// Does what must be done before a sleep; how long that may last at most.
    fn longest_sleep(&mut self) -> Option<Duration>;

    /// Readable while there is something to take.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Sleeps until there may be something to take, or for `timeout`.
    fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let longest = self.longest_sleep();
        os::wait_readable(self.fd(), shorter(timeout, longest))
    }

    /// As [`Laio::poll`](crate::Laio::poll).
    fn poll(
        &mut self,
        completions: &mut Vec<Completion>,
        timeout: Option<Duration>,
    ) -> io::Result<usize>
    where
        Self: Sized,
    {
        poll(self, completions, timeout)
    }

    /// As [`Laio::wait`](crate::Laio::wait).
    fn wait(
        &mut self,
        epoll: BorrowedFd<'_>,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        let sleep = if self.has_ended() {
            Some(Duration::ZERO)
        } else {
            shorter(timeout, self.longest_sleep())
        };
        epoll::wait(epoll, events, sleep)
    }
}

/// As [`Laio::poll`](crate::Laio::poll).
pub(crate) fn poll(
    engine: &mut impl Background,
    completions: &mut Vec<Completion>,
    timeout: Option<Duration>,
) -> io::Result<usize> {
    completions.clear();
    engine.take(completions)?;
    if !completions.is_empty() || timeout.is_some_and(|timeout| timeout.is_zero()) {
        return Ok(completions.len());
    }
    // A deadline too far to be represented is never.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    while completions.is_empty() {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            break;
        }
        engine.sleep(left)?;
        engine.take(completions)?;
    }
    Ok(completions.len())
}

/// The shorter of two sleeps, of which `None` is endless.
pub(crate) fn shorter(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    a.into_iter().chain(b).min()
}
