//! Making calls.

use std::io;
use std::sync::atomic::{Ordering, compiler_fence};

use super::Upcall;
use super::carrier::{Carrier, Stack};
use super::finished::{self, Node};
use super::switch::{self, Return};
use super::tally::Row;
use crate::{Handle, Submission, os, passthrough};

impl Upcall {
    /// Makes system call `number`. If it blocks, control comes back at once and the call continues
    /// in the background; if it does not, it costs little more than the plain call.
    ///
    /// Calls that act on the kernel thread or the process (`clone`, `execve`, `exit`,
    /// `rt_sigprocmask`, `sched_setaffinity`, `prctl`, `setuid`, ...) are made as plain calls and
    /// may block the loop.
    ///
    /// # Safety
    /// As for the call itself; and all memory that it reads or writes must stay valid, and be left
    /// alone as that use demands, until it has ended, in the background too.
    #[inline]
    pub(crate) unsafe fn syscall(&mut self, number: i64, args: [usize; 6]) -> Submission {
        let row = number as usize;
        if passthrough::is_passed_through(row, &args) {
            // SAFETY: the caller's promise.
            return Submission::Done(unsafe { self.pass_through(number, args) });
        }
        if self.carriers_are_scarce() || self.is_refused_a_watcher() {
            // SAFETY: the caller's promise.
            if let Some(submission) = unsafe { self.call_or_park(number, args) } {
                return submission;
            }
        }
        self.call += 1;
        let counters = self.engine().tally.of(row);
        // SAFETY: the caller's promise.
        match unsafe { self.issue(self.call, number, args, counters.is_timed()) } {
            Return::Inline(value) => {
                counters.issued.increment();
                if self.carrier().sensor.call_blocked() {
                    self.count_late(counters);
                }
                Submission::Done(finished::result(value))
            }
            Return::Stolen => Submission::Background(self.stolen(counters)),
        }
    }

    /// Makes the call that has number `call` among the engine's calls, watched if possible.
    ///
    /// # Safety
    /// As for the call itself; and no other call has this number.
    #[inline]
    pub(super) unsafe fn issue(
        &mut self,
        call: u64,
        number: i64,
        args: [usize; 6],
        is_timed: bool,
    ) -> Return {
        let word = self.engine().state.enter(call);
        // The processor's part of this barrier is the watcher's: see `leave_watch`.
        compiler_fence(Ordering::SeqCst);
        if self.engine().watch.is_vacant() {
            self.call_watcher(call);
        }
        let carrier = self.carrier();
        carrier.occupation.begin(call);
        carrier.sensor.before_call();
        carrier.stopwatch.start(is_timed);
        // SAFETY: the carrier runs the loop, the word is this call's, and the arguments' validity
        // is the caller's promise.
        unsafe { switch::call(self.engine(), carrier, word, number as usize, &args) }
    }

    /// The last call blocked, and yet returned inline.
    #[cold]
    fn count_late(&self, counters: &Row) {
        counters.late.increment();
        if self.unwatched == self.call {
            counters.at_limit.increment();
        }
        if let Some(took_ns) = self.carrier().stopwatch.elapsed_ns() {
            counters.control_back.add(took_ns);
            counters.completion.add(took_ns);
        }
    }

    /// After a steal out of the last call.
    #[cold]
    fn stolen(&mut self, counters: &Row) -> Handle {
        counters.issued.increment();
        counters.stolen.increment();
        // Still the carrier that it was issued on.
        if let Some(took_ns) = self.carrier().stopwatch.elapsed_ns() {
            counters.control_back.add(took_ns);
        }
        self.in_flight += 1;
        self.change_carrier();
        Handle(self.call)
    }

    /// After a steal: the loop runs on another carrier, which needs a node for its own next result.
    pub(super) fn change_carrier(&mut self) {
        self.current = self.engine().current();
        let carrier = self.carrier();
        if carrier.node.load(Ordering::Relaxed).is_null() {
            carrier.node.store(Node::leaked(), Ordering::Relaxed);
        }
    }

    /// Before a call that is not yet announced: whether nobody watches, nor could.
    #[inline]
    fn is_refused_a_watcher(&mut self) -> bool {
        self.engine().watch.is_vacant() && !self.call_somebody()
    }

    /// Before a call: nobody watches.
    #[cold]
    fn call_watcher(&mut self, call: u64) {
        if !self.call_somebody() {
            self.unwatched = call;
        }
    }

    /// Has the vacant watch filled; false if nobody was to be had.
    #[cold]
    fn call_somebody(&mut self) -> bool {
        let watch = &self.engine().watch;
        watch.call_somebody(|| self.start_carrier().is_ok())
    }

    fn start_carrier(&mut self) -> io::Result<()> {
        if self.carriers.len() == self.max_carriers {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let started = self.start_another();
        let refused_beyond = started.is_err().then_some(self.carriers.len());
        self.parked.note_refusal(refused_beyond);
        started
    }

    fn start_another(&mut self) -> io::Result<()> {
        let carrier = Carrier::new(self.engine, Stack::new()?);
        // SAFETY: kept in `carriers`, and freed only once its kernel thread has ended; here it is
        // freed because it has none.
        unsafe {
            carrier
                .as_ref()
                .start()
                .inspect_err(|_| drop(Box::from_raw(carrier.as_ptr())))?;
        }
        self.carriers.push(carrier);
        Ok(())
    }

    /// Makes a plain call.
    ///
    /// # Safety
    /// As for the call itself.
    #[cold]
    unsafe fn pass_through(&mut self, number: i64, args: [usize; 6]) -> io::Result<i64> {
        self.passed_through += 1;
        // SAFETY: the caller's promise.
        unsafe { os::plain_call(number, &args) }
    }
}
