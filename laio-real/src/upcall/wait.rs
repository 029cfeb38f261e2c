//! Waiting for work.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};
use std::{io, ptr};

use super::{os_error, sys};
use crate::{Completion, Error, Laio};

/// How long a loop that neither blocks nor waits keeps the results of ended calls waiting: ours. A
/// yield takes about 2 us, so this costs a busy loop 0.4 % of its time.
const LONGEST_TURN: Duration = Duration::from_micros(500);

impl Laio {
    /// Replaces the contents of `completions` by the background calls that have ended, oldest
    /// first, and returns their number. Waits only if there is none, at most for `timeout`, or for
    /// ever if that is `None`.
    ///
    /// # Errors
    /// None is expected; those of `epoll_pwait2` are passed on.
    pub fn poll(
        &mut self,
        completions: &mut Vec<Completion>,
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        completions.clear();
        self.take(completions);
        if completions.is_empty() && self.in_flight > 0 {
            self.give_way();
            self.take(completions);
        }
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
            self.sleep(
                self.epoll.fd(),
                &mut [libc::epoll_event { events: 0, u64: 0 }],
                left,
            )?;
            self.take(completions);
        }
        Ok(completions.len())
    }

    /// Waits for events of the caller's epoll instance as `epoll_wait` does, but so that nothing
    /// of the engine keeps the CPU busy meanwhile, and returns how many it put into `events`.
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
        self.sleep(epoll.as_raw_fd(), events, timeout)
    }

    /// An eventfd that becomes readable when a background call ends while the loop sleeps in
    /// [`wait`](Self::wait), and is read by [`poll`](Self::poll). To be registered for `EPOLLIN`,
    /// under any token, in the epoll instance given to `wait`. Not to be read or written.
    pub fn completion_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }

    fn take(&mut self, completions: &mut Vec<Completion>) {
        if self.unread_wakeups > 0 {
            self.unread_wakeups -= read_eventfd(self.eventfd.as_fd());
        }
        if !self.engine().finished.is_empty() {
            self.engine().finished.take(completions);
            self.in_flight -= completions.len();
        }
    }

    /// Lets calls that have ended post their results, which do not preempt the loop.
    fn give_way(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.gave_way) > LONGEST_TURN {
            self.gave_way = now;
            sys::yield_cpu();
        }
    }

    /// Sleeps in `epoll`, unless a call has ended. Whoever ends one while the state word says that
    /// the loop sleeps, wakes it.
    fn sleep(
        &mut self,
        epoll: i32,
        events: &mut [libc::epoll_event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        self.engine().state.sleep();
        let timeout = if self.engine().finished.is_empty() {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        let result = epoll_wait(epoll, events, timeout);
        if !self.engine().state.awake() {
            self.unread_wakeups += 1;
        }
        result
    }
}

/// An epoll instance that holds one descriptor.
pub(crate) struct Epoll(OwnedFd);

impl Epoll {
    pub(crate) fn with(fd: BorrowedFd<'_>) -> Result<Self, Error> {
        // SAFETY: takes no memory.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return Err(os_error("epoll_create1"));
        }
        // SAFETY: the descriptor is new and nobody else's.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: 0,
        };
        // SAFETY: a valid event.
        let added = unsafe {
            let (epoll, fd) = (epoll.as_raw_fd(), fd.as_raw_fd());
            libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event)
        };
        if added < 0 {
            return Err(os_error("epoll_ctl"));
        }
        // Also finds out whether the kernel has the call (5.11).
        epoll_wait(epoll.as_raw_fd(), &mut [event], Some(Duration::ZERO)).map_err(|source| {
            Error::Os {
                call: "epoll_pwait2",
                source,
            }
        })?;
        Ok(Self(epoll))
    }

    pub(crate) fn fd(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

/// `epoll_pwait2`, with `EINTR` as no event.
pub(crate) fn epoll_wait(
    epoll: i32,
    events: &mut [libc::epoll_event],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let count = i32::try_from(events.len()).unwrap_or(i32::MAX);
    // SAFETY: the buffer holds `count` events, the timeout is valid or null, no mask is given.
    let ready = unsafe {
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll,
            events.as_mut_ptr(),
            count,
            timeout,
            0,
            0,
        )
    };
    if ready >= 0 {
        return Ok(ready as usize);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted {
        Ok(0)
    } else {
        Err(error)
    }
}

/// Empties an eventfd and returns what it held.
pub(crate) fn read_eventfd(fd: BorrowedFd<'_>) -> u64 {
    let mut value = 0u64;
    // SAFETY: eight writable bytes. If there is nothing to read, `value` stays 0.
    unsafe { libc::read(fd.as_raw_fd(), (&raw mut value).cast(), 8) };
    value
}
