//! Making calls.

use std::io;
use std::sync::atomic::{Ordering, compiler_fence};

use super::carrier::{Carrier, Stack};
use super::finished::{self, Node};
use super::state::Word;
use super::switch::{self, Return};
use super::tally::Row;
use super::{RESERVE, Upcall};
use crate::{Handle, Submission, os, passthrough};

impl Upcall {
    /// Makes system call `number`. If it blocks, control comes back at once and the call continues
    /// in the background; if it does not, it costs little more than the plain call.
    ///
    /// Calls that act on the kernel thread or the process (`clone`, `execve`, `exit`,
    /// `rt_sigprocmask`, `sched_setaffinity`, `prctl`, `setuid`, ..., and `ppoll` and the like with
    /// a signal mask) are made as plain calls and may block the loop.
    ///
    /// # Safety
    /// As for the call itself; and all memory that it reads or writes must stay valid, and be left
    /// alone as that use demands, until it has ended, in the background too.
    #[inline]
    pub(crate) unsafe fn syscall(&mut self, number: i64, args: [usize; 6]) -> Submission {
        let (engine, counters) = (self.engine(), self.tally().of(number as usize));
        let word = self.announce(self.call + 1);
        // One test for each reason to look closer. The first is for calls that may be passed through,
        // too. The parked calls need no carrier, which only matters when there are many.
        if counters.issued.is_due()
            || self.in_flight >= self.scarce_from
            || engine.watch.is_vacant()
        {
            engine.state.withdraw();
            // SAFETY: the caller's promise.
            return unsafe { self.call_with_care(counters, number, args) };
        }
        counters.issued.increment();
        // SAFETY: the caller's promise, and the call has been announced.
        unsafe { self.call_announced(counters, word, number, &args) }
    }

    /// A call that may be one to be passed through, parked or timed, and may find no watcher.
    ///
    /// # Safety
    /// As for [`syscall`](Self::syscall).
    #[cold]
    unsafe fn call_with_care(
        &mut self,
        counters: &Row,
        number: i64,
        args: [usize; 6],
    ) -> Submission {
        if passthrough::is_passed_through(number as usize, &args) {
            // SAFETY: the caller's promise.
            return Submission::Done(unsafe { self.pass_through(number, args) });
        }
        if self.carriers_are_scarce() || self.is_refused_a_watcher() {
            // SAFETY: the caller's promise.
            if let Some(submission) = unsafe { self.call_or_park(number, args) } {
                return submission;
            }
        }
        let word = self.announce(self.call + 1);
        self.see_to_watcher(self.call + 1);
        let stopwatch = &self.carrier().stopwatch;
        let count = self.tally().count_of(number as usize);
        if count.is_due() {
            stopwatch.start();
        }
        count.increment();
        // SAFETY: the caller's promise, and the call has been announced.
        let submission = unsafe { self.call_announced(counters, word, number, &args) };
        // Else the call's carrier reads it once more, and stops it when it takes the loop.
        if matches!(submission, Submission::Done(_)) {
            stopwatch.stop();
        }
        submission
    }

    /// Makes the next call, which has been counted.
    ///
    /// # Safety
    /// As for [`syscall`](Self::syscall), and the call has been announced, as `word`.
    #[inline]
    unsafe fn call_announced(
        &mut self,
        counters: &Row,
        word: Word,
        number: i64,
        args: &[usize; 6],
    ) -> Submission {
        self.call += 1;
        // SAFETY: the caller's promise.
        match unsafe { self.make(self.call, word, number, args) } {
            Return::Inline(value) => Submission::Done(finished::result(value)),
            other => self.after_other_end(counters, other),
        }
    }

    /// Makes the call that has number `call` among the engine's calls, watched if possible.
    ///
    /// # Safety
    /// As for the call itself; and no other call has this number.
    pub(super) unsafe fn issue(&mut self, call: u64, number: i64, args: &[usize; 6]) -> Return {
        let word = self.announce(call);
        self.see_to_watcher(call);
        // SAFETY: the caller's promise.
        unsafe { self.make(call, word, number, args) }
    }

    /// Announces a call, before the look whether somebody watches.
    #[inline]
    fn announce(&self, call: u64) -> Word {
        let word = self.engine().state.enter(call);
        // The processor's part of this barrier is the watcher's: see `leave_watch`.
        compiler_fence(Ordering::SeqCst);
        word
    }

    /// Makes a call that has been announced.
    ///
    /// # Safety
    /// As for [`issue`](Self::issue), and the call is the one that has been announced, as `word`.
    #[inline]
    unsafe fn make(&self, call: u64, word: Word, number: i64, args: &[usize; 6]) -> Return {
        let carrier = self.carrier();
        carrier.occupation.begin(call);
        carrier.sensor.before_call();
        // SAFETY: the carrier runs the loop, the word is this call's, and the arguments' validity
        // is the caller's promise.
        unsafe { switch::call(self.engine(), carrier, word, number as usize, args) }
    }

    /// After a call that has blocked, or may have.
    #[cold]
    fn after_other_end(&mut self, counters: &Row, end: Return) -> Submission {
        match end {
            Return::Inline(value) | Return::MaybeLate(value) => {
                if self.carrier().sensor.call_blocked() {
                    self.count_late(counters);
                }
                Submission::Done(finished::result(value))
            }
            Return::Stolen => Submission::Background(self.stolen(counters)),
        }
    }

    /// The last call blocked, and yet returned inline.
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
    fn stolen(&mut self, counters: &Row) -> Handle {
        counters.stolen.increment();
        // Still the carrier that it was issued on.
        if let Some(took_ns) = self.carrier().stopwatch.elapsed_ns() {
            counters.control_back.add(took_ns);
        }
        self.in_flight += 1;
        self.change_carrier();
        Handle(self.call)
    }

    /// After a steal or a nap: the loop runs on another carrier, which needs a node for its own next result.
    pub(super) fn change_carrier(&mut self) {
        self.current = self.engine().current();
        let carrier = self.carrier();
        if carrier.node.load(Ordering::Relaxed).is_null() {
            carrier.node.store(Node::leaked(), Ordering::Relaxed);
        }
    }

    /// Before a call that is not yet announced: whether nobody watches, nor could.
    fn is_refused_a_watcher(&mut self) -> bool {
        self.engine().watch.is_vacant() && !self.call_somebody()
    }

    /// Before a call that has been announced: has it watched, if that is possible.
    fn see_to_watcher(&mut self, call: u64) {
        if self.is_refused_a_watcher() {
            self.unwatched = call;
        }
    }

    /// Has the vacant watch filled; false if nobody was to be had.
    fn call_somebody(&mut self) -> bool {
        let engine = self.engine();
        // Nobody has looked since the loop was last off the CPU, maybe asleep elsewhere.
        engine.stretch.begin();
        engine.watch.call_somebody(|| self.start_carrier().is_ok())
    }

    fn start_carrier(&mut self) -> io::Result<()> {
        if self.carriers.len() == self.max_carriers {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let started = self.start_another();
        let limit = match started {
            Ok(()) => self.max_carriers,
            Err(_) => self.carriers.len(),
        };
        self.scarce_from = limit.saturating_sub(RESERVE);
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

    /// Makes a plain call. Before one that lets signals in, those that writes have raised are
    /// discarded: they would act now.
    ///
    /// # Safety
    /// As for the call itself.
    unsafe fn pass_through(&mut self, number: i64, args: [usize; 6]) -> io::Result<i64> {
        self.passed_through += 1;
        if passthrough::has_mask(number as usize) {
            self.signals.discard_raised();
        }
        // SAFETY: the caller's promise.
        unsafe { os::plain_call(number, &args) }
    }
}
