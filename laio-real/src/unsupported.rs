//! Processors that the upcall engine is not written for: it cannot be started.

use std::convert::Infallible;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::{Builder, CallCounters, Completion, Counters, Detector, Error, Handle, Submission};

/// An engine, of which there can be none on this processor.
#[derive(Debug)]
pub(crate) struct Upcall(Infallible);

impl Upcall {
    pub(crate) fn start(_options: &Builder) -> Result<Self, Error> {
        Err(Error::UnsupportedPlatform)
    }

    /// Cannot be called.
    ///
    /// # Safety
    /// As for the call itself.
    pub(crate) unsafe fn syscall(&mut self, _number: i64, _args: [usize; 6]) -> Submission {
        match self.0 {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// None.
    pub(crate) fn poll(
        &mut self,
        _completions: &mut Vec<Completion>,
        _timeout: Option<Duration>,
    ) -> io::Result<usize> {
        match self.0 {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// None.
    pub(crate) fn wait(
        &mut self,
        _epoll: BorrowedFd<'_>,
        _events: &mut [libc::epoll_event],
        _timeout: Option<Duration>,
    ) -> io::Result<usize> {
        match self.0 {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// None.
    pub(crate) fn cancel(&mut self, _handle: Handle) -> io::Result<()> {
        match self.0 {}
    }

    /// Cannot be called.
    pub(crate) fn unpinned<R>(&mut self, _work: impl FnOnce() -> R) -> R {
        match self.0 {}
    }

    /// Cannot be called.
    pub(crate) fn detector(&self) -> Detector {
        match self.0 {}
    }

    /// Cannot be called.
    pub(crate) fn completion_fd(&self) -> BorrowedFd<'_> {
        match self.0 {}
    }

    /// Cannot be called.
    pub(crate) fn counters(&self) -> Counters {
        match self.0 {}
    }

    /// Cannot be called.
    pub(crate) fn call_counters(&self, _number: i64) -> CallCounters {
        match self.0 {}
    }
}
