//! The start and the end of an engine.

use std::cell::Cell;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::cancel;
use super::carrier::{Carrier, Stack};
use super::detect;
use super::engine::Engine;
use super::home::{self, Scheduling};
use super::parked::Lot;
use super::report;
use super::sensor::LibcRseq;
use super::signals::Signals;
use super::switch::{self, Return};
use super::sys;
use super::{RESERVE, Upcall};
use crate::epoll::Epoll;
use crate::{Builder, Detector, Error, os};

/// How long the end of an engine waits for the call that keeps its home carrier, and how long
/// between two looks: ours.
const LONGEST_FAREWELL: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

thread_local! {
    /// Whether this thread is the loop of a living engine.
    static IS_LOOP: Cell<bool> = const { Cell::new(false) };
}

impl Upcall {
    pub(crate) fn start(options: &Builder) -> Result<Self, Error> {
        home::check_processor()?;
        if options.max_carriers < 2 {
            return Err(Error::TooFewCarriers(options.max_carriers));
        }
        if IS_LOOP.get() {
            return Err(Error::AlreadyRunning);
        }
        let detector = detect::choose(options.detector)?;
        Self::start_first(options, detector).inspect(|_| IS_LOOP.set(true))
    }

    /// Starts this thread's only engine.
    fn start_first(options: &Builder, detector: Detector) -> Result<Self, Error> {
        let eventfd = os::eventfd()?;
        let epoll = Epoll::with(&[eventfd.as_fd()])?;
        epoll.check()?;
        let signals = Signals::start()?;
        let stack = Stack::new().map_err(|source| Error::Os {
            call: "mmap",
            source,
        })?;
        cancel::signal();
        let scheduling = Scheduling::change(options.cpu, detect::is_pinned(detector))?;
        let libc_rseq = LibcRseq::detach().inspect_err(|_| scheduling.restore())?;
        signals.block();
        let fs_base = switch::fs_base();
        let engine = Engine::new(fs_base, options.swap_fs_base, eventfd, detector);
        let engine = NonNull::from(Box::leak(Box::new(engine)));
        let home = Carrier::new(engine, stack);
        // SAFETY: both have just been made, and are freed at the end of `drop` only.
        unsafe {
            engine.as_ref().set_current(home.as_ref());
            home.as_ref().adopt_thread();
            home.as_ref().open_ring();
            engine
                .as_ref()
                .hints
                .set(home.as_ref().sensor.attach_first())
        };
        // SAFETY: as above.
        let tally = unsafe { &engine.as_ref().tally };
        report::register(tally, report::Engine::Upcall(detector));
        Ok(Self {
            engine,
            current: home,
            // SAFETY: as above.
            tally: NonNull::from(unsafe { &*engine.as_ref().tally }),
            call: 0,
            in_flight: 0,
            scarce_from: options.max_carriers - RESERVE,
            carriers: vec![home],
            max_carriers: options.max_carriers,
            unwatched: 0,
            passed_through: 0,
            parked: Lot::default(),
            epoll,
            unread_signals: 0,
            gave_way: Instant::now(),
            signals,
            scheduling,
            libc_rseq,
        })
    }

    /// Runs `work` with the scheduling and the signal mask that the loop's thread had before.
    pub(crate) fn unpinned<R>(&mut self, work: impl FnOnce() -> R) -> R {
        struct Return<'a>(&'a Upcall);
        impl Drop for Return<'_> {
            fn drop(&mut self) {
                self.0.signals.block();
                // Pinning worked before; if the processor has gone, the calls are merely late.
                let _ = self.0.scheduling.apply();
            }
        }
        self.scheduling.restore();
        self.signals.restore();
        let _return = Return(self);
        work()
    }

    /// Brings the loop back to the kernel thread that it started on, if that one stands by. True
    /// if it is there now.
    fn go_home(&mut self) -> bool {
        let home = self.carriers[0];
        if self.current != home {
            self.free_home();
        }
        self.engine().go_home();
        // SAFETY: carriers are freed at the end of `drop` only.
        while self.current != home && unsafe { home.as_ref() }.stands_by.load(Ordering::Acquire) {
            self.yield_as_call();
        }
        self.engine().close();
        self.current == home
    }

    /// Interrupts the call that the home carrier sits in, if it does, and waits for its end: nobody
    /// will take its result, and the loop's thread can be joined only if it ends at home. What
    /// cannot be interrupted ends by itself, soon if it waits for a disk.
    fn free_home(&self) {
        // SAFETY: carriers are freed at the end of `drop` only.
        let home = unsafe { self.carriers[0].as_ref() };
        if let Some(signal) = cancel::signal() {
            let send = || sys::signal_thread(home.id(), signal);
            home.occupation.interrupt_any(send);
        }
        let begun = Instant::now();
        while !home.stands_by.load(Ordering::Acquire) && begun.elapsed() < LONGEST_FAREWELL {
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// A yield out of which the home carrier may steal the loop.
    fn yield_as_call(&mut self) {
        let before = self.carrier();
        self.call += 1;
        let word = self.engine().state.enter(self.call);
        before.occupation.begin(self.call);
        let row = libc::SYS_sched_yield as usize;
        // SAFETY: as in `syscall`; the call has no arguments.
        let returned = unsafe { switch::call(self.engine(), before, word, row, &[0; 6]) };
        if !matches!(returned, Return::Stolen) {
            return;
        }
        let counters = self.engine().tally.of(row);
        counters.issued.increment();
        counters.stolen.increment();
        self.in_flight += 1;
        self.change_carrier();
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
        let mut ended = Vec::new();
        self.engine().finished.take_all(&mut ended);
        self.parked.close_ended(&ended);
        if all_ended {
            // SAFETY: this thread, which is home, is the only one left to use either.
            unsafe {
                drop(Box::from_raw(self.carriers[0].as_ptr()));
                drop(Box::from_raw(self.engine.as_ptr()));
            }
        }
    }
}

impl Drop for Upcall {
    fn drop(&mut self) {
        report::report(&self.engine().tally);
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
        IS_LOOP.set(false);
    }
}
