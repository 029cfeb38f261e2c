//! The start and the end of an engine.

use std::os::fd::{AsFd, AsRawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::carrier::{Carrier, Stack};
use super::engine::Engine;
use super::home::{self, Scheduling};
use super::sensor::LibcRseq;
use super::signals::{self, Signals};
use super::switch::{self, Return};
use super::sys;
use super::tally::Tally;
use super::wait::Epoll;
use crate::{Builder, Error, Laio};

/// Whether an engine of this process is alive.
static ALIVE: AtomicBool = AtomicBool::new(false);

impl Laio {
    /// Starts an engine with the default options; the calling thread is the loop.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn new() -> Result<Self, Error> {
        Self::builder().start()
    }

    /// The options of a new engine.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn start(options: Builder) -> Result<Self, Error> {
        home::check_processor()?;
        if options.max_carriers < 2 {
            return Err(Error::TooFewCarriers(options.max_carriers));
        }
        if ALIVE.swap(true, Ordering::Acquire) {
            return Err(Error::AlreadyRunning);
        }
        Self::start_only_one(&options).inspect_err(|_| ALIVE.store(false, Ordering::Release))
    }

    fn start_only_one(options: &Builder) -> Result<Self, Error> {
        let eventfd = signals::eventfd()?;
        let epoll = Epoll::with(eventfd.as_fd())?;
        let signals = Signals::start()?;
        let stack = Stack::new().map_err(|source| Error::Os {
            call: "mmap",
            source,
        })?;
        let scheduling = Scheduling::pin(options.cpu)?;
        let libc_rseq = LibcRseq::detach().inspect_err(|_| scheduling.restore())?;
        signals.block();
        let engine = Engine::new(switch::fs_base(), options.swap_fs_base, eventfd.as_raw_fd());
        let engine = NonNull::from(Box::leak(Box::new(engine)));
        let home = Carrier::new(engine, stack);
        // SAFETY: both have just been made, and are freed at the end of `drop` only.
        unsafe {
            engine
                .as_ref()
                .hints
                .set(home.as_ref().sensor.attach_first())
        };
        Ok(Self {
            engine,
            carriers: vec![home],
            max_carriers: options.max_carriers,
            current: home,
            call: 0,
            tally: Tally::new(),
            passed_through: 0,
            in_flight: 0,
            eventfd,
            epoll,
            unread_wakeups: 0,
            gave_way: Instant::now(),
            signals,
            scheduling,
            libc_rseq,
        })
    }

    /// Brings the loop back to the kernel thread that it started on, if that one stands by. True
    /// if it is there now.
    fn go_home(&mut self) -> bool {
        let home = self.carriers[0];
        self.engine().go_home();
        // SAFETY: carriers are freed at the end of `drop` only.
        while self.current != home && unsafe { home.as_ref() }.stands_by.load(Ordering::Acquire) {
            self.yield_as_call();
        }
        self.engine().close();
        self.current == home
    }

    /// A yield out of which the home carrier may steal the loop.
    fn yield_as_call(&mut self) {
        let before = self.carrier();
        self.call += 1;
        let word = self.engine().state.enter(self.call);
        let row = libc::SYS_sched_yield as usize;
        // SAFETY: as in `syscall`; the call has no arguments.
        let returned = unsafe { switch::call(self.engine(), before, word, row, &[0; 6]) };
        if matches!(returned, Return::Inline(_)) {
            return;
        }
        self.stolen(row);
        while !before.stands_by.load(Ordering::Acquire) {
            sys::yield_cpu();
        }
    }

    /// Ends the carriers that stand by, and frees everything if those were all.
    fn retire(&mut self, at_home: bool) {
        let mut all_ended = at_home;
        for &carrier in &self.carriers[1..] {
            // SAFETY: not freed yet; and freed only once its kernel thread has ended.
            unsafe {
                if carrier.as_ref().stands_by.load(Ordering::Acquire) {
                    carrier.as_ref().join();
                    drop(Box::from_raw(carrier.as_ptr()));
                } else {
                    all_ended = false;
                }
            }
        }
        if all_ended {
            self.engine().finished.take(&mut Vec::new());
            // SAFETY: this thread, which is home, is the only one left to use either.
            unsafe {
                drop(Box::from_raw(self.carriers[0].as_ptr()));
                drop(Box::from_raw(self.engine.as_ptr()));
            }
        }
    }
}

impl Drop for Laio {
    fn drop(&mut self) {
        let at_home = self.go_home();
        self.carrier().sensor.detach();
        if at_home {
            self.scheduling.restore();
            self.signals.restore();
            if let Some(rseq) = &self.libc_rseq {
                rseq.attach();
            }
        }
        self.retire(at_home);
        ALIVE.store(false, Ordering::Release);
    }
}
