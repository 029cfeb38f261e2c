//! An epoll instance.
#![allow(dead_code, reason = "each example uses a part")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// What to wait for.
#[derive(Clone, Copy)]
pub(crate) enum Interest {
    Readable = libc::EPOLLIN as isize,
    Writable = libc::EPOLLOUT as isize,
}

/// An epoll instance; its members have a number each.
pub(crate) struct Epoll {
    fd: OwnedFd,
    events: [libc::epoll_event; 64],
}

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes no memory.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            // SAFETY: new, and nobody else's.
            fd: unsafe { OwnedFd::from_raw_fd(fd) },
            events: [libc::epoll_event { events: 0, u64: 0 }; 64],
        })
    }

    /// Makes `fd` the member `number`.
    pub(crate) fn add(&self, fd: impl AsFd, number: usize, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, &fd, number, interest)
    }

    /// Changes what to wait for.
    pub(crate) fn change(&self, fd: impl AsFd, number: usize, to: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, &fd, number, to)
    }

    /// Forgets a member.
    pub(crate) fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, &fd, 0, Interest::Readable)
    }

    fn control(&self, what: i32, fd: &impl AsFd, number: usize, to: Interest) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: to as u32,
            u64: number as u64,
        };
        let fd = fd.as_fd().as_raw_fd();
        // SAFETY: a valid event.
        match unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), what, fd, &raw mut event) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Waits, and returns the numbers of the members that are ready.
    pub(crate) fn wait(&mut self) -> io::Result<Vec<usize>> {
        self.wait_with(|epoll, events| {
            let count = events.len() as i32;
            // SAFETY: the buffer holds `count` events.
            match unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), count, -1) } {
                -1 => Err(io::Error::last_os_error()),
                ready => Ok(ready as usize),
            }
        })
    }

    /// The same, with another's way to wait.
    pub(crate) fn wait_with(
        &mut self,
        wait: impl FnOnce(BorrowedFd<'_>, &mut [libc::epoll_event]) -> io::Result<usize>,
    ) -> io::Result<Vec<usize>> {
        let ready = wait(self.fd.as_fd(), &mut self.events)?;
        Ok(self.events[..ready]
            .iter()
            .map(|event| event.u64 as usize)
            .collect())
    }
}
