//! Processors that the engine is not written for: it cannot be started.

use std::convert::Infallible;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use crate::{Builder, CallCounters, Completion, Counters, Error, Submission};

/// An engine, of which there can be none on this processor.
#[derive(Debug)]
pub struct Laio(Infallible);

impl Laio {
    /// Refuses.
    ///
    /// # Errors
    /// [`Error::UnsupportedPlatform`], always.
    pub fn new() -> Result<Self, Error> {
        Self::builder().start()
    }

    /// The options of an engine.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn start(_options: Builder) -> Result<Self, Error> {
        Err(Error::UnsupportedPlatform)
    }

    /// Cannot be called.
    ///
    /// # Safety
    /// As for the call itself.
    pub unsafe fn syscall(&mut self, _number: i64, _args: [usize; 6]) -> Submission {
        match self.0 {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// None.
    pub fn poll(
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
    pub fn wait(
        &mut self,
        _epoll: BorrowedFd<'_>,
        _events: &mut [libc::epoll_event],
        _timeout: Option<Duration>,
    ) -> io::Result<usize> {
        match self.0 {}
    }

    /// Cannot be called.
    pub fn completion_fd(&self) -> BorrowedFd<'_> {
        match self.0 {}
    }

    /// Cannot be called.
    pub fn counters(&self) -> Counters {
        match self.0 {}
    }

    /// Cannot be called.
    pub fn call_counters(&self, _number: i64) -> CallCounters {
        match self.0 {}
    }
}
