//! Epoll instances.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;
use std::{io, ptr};

use crate::Error;
use crate::os::{self, os_error};

/// An epoll instance, level-triggered where the events do not say otherwise.
pub(crate) struct Epoll(OwnedFd);

impl Epoll {
    /// A new one, readable when one of `fds` is; these are under 0.
    pub(crate) fn with(fds: &[BorrowedFd<'_>]) -> Result<Self, Error> {
        // SAFETY: takes no memory.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return Err(os_error("epoll_create1"));
        }
        // SAFETY: the descriptor is new and nobody else's.
        let epoll = Self(unsafe { OwnedFd::from_raw_fd(epoll) });
        for &fd in fds {
            epoll
                .add(fd, libc::EPOLLIN as u32, 0)
                .map_err(|source| Error::Os {
                    call: "epoll_ctl",
                    source,
                })?;
        }
        Ok(epoll)
    }

    /// Finds out whether the kernel has the call that [`wait`] makes (5.11).
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "for the upcall engine")
    )]
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut event = [libc::epoll_event { events: 0, u64: 0 }];
        let ready = wait(self.as_fd(), &mut event, Some(Duration::ZERO));
        ready.map(|_| ()).map_err(|source| Error::Os {
            call: "epoll_pwait2",
            source,
        })
    }

    /// Registers a descriptor, under the number `token`.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, events: u32, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events, u64: token };
        let (epoll, fd) = (self.0.as_raw_fd(), fd.as_raw_fd());
        // SAFETY: a valid event.
        if unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Takes out a descriptor that is registered.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "for the upcall engine")
    )]
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) {
        let (epoll, fd) = (self.0.as_raw_fd(), fd.as_raw_fd());
        // SAFETY: no event is needed.
        unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_DEL, fd, ptr::null_mut()) };
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// `epoll_pwait2`, with `EINTR` as no event.
pub(crate) fn wait(
    epoll: BorrowedFd<'_>,
    events: &mut [libc::epoll_event],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let timeout = timeout.map(os::timespec);
    let count = i32::try_from(events.len()).unwrap_or(i32::MAX);
    // SAFETY: the buffer holds `count` events, the timeout is valid or null, no mask is given.
    let ready = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            events.as_mut_ptr(),
            count,
            os::pointer(timeout.as_ref()),
            0,
            0,
        )
    };
    os::unless_interrupted(ready).map(|ready| ready as usize)
}
