//! Making calls.

use std::io;
use std::sync::atomic::Ordering;

use super::carrier::{Carrier, Stack};
use super::finished::{self, Node};
use super::passthrough;
use super::switch::{self, Return};
use crate::{Handle, Laio, Submission};

impl Laio {
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
    pub unsafe fn syscall(&mut self, number: i64, args: [usize; 6]) -> Submission {
        let row = number as usize;
        if passthrough::is_passed_through(row, &args) {
            // SAFETY: the caller's promise.
            return Submission::Done(unsafe { self.pass_through(number, args) });
        }
        self.call += 1;
        let word = self.engine().state.enter(self.call);
        let watched = !self.engine().watch.is_vacant() || self.call_watcher();
        let carrier = self.carrier();
        carrier.sensor.before_call();
        // SAFETY: the carrier runs the loop, the word is this call's, and the arguments' validity
        // is the caller's promise.
        match unsafe { switch::call(self.engine(), carrier, word, row, &args) } {
            Return::Inline(value) => {
                let counters = self.tally.of(row);
                counters.issued += 1;
                if carrier.sensor.call_blocked() {
                    counters.late += 1;
                    counters.at_limit += u64::from(!watched);
                }
                Submission::Done(finished::result(value))
            }
            Return::Stolen => Submission::Background(self.stolen(row)),
        }
    }

    /// After a steal: the loop runs on another carrier, which needs a node for its own next result.
    #[cold]
    pub(super) fn stolen(&mut self, row: usize) -> Handle {
        let counters = self.tally.of(row);
        counters.issued += 1;
        counters.stolen += 1;
        self.in_flight += 1;
        self.current = self.engine().current();
        let carrier = self.carrier();
        if carrier.node.load(Ordering::Relaxed).is_null() {
            carrier.node.store(Node::leaked(), Ordering::Relaxed);
        }
        Handle(self.call)
    }

    /// Before a call: nobody watches. False if the watch cannot be filled.
    #[cold]
    fn call_watcher(&mut self) -> bool {
        self.engine()
            .watch
            .call_somebody(|| self.start_carrier().is_ok())
    }

    fn start_carrier(&mut self) -> io::Result<()> {
        if self.carriers.len() == self.max_carriers {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
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
        let [a, b, c, d, e, f] = args;
        // SAFETY: the caller's promise.
        let value = unsafe { libc::syscall(number, a, b, c, d, e, f) };
        if value == -1 {
            Err(io::Error::last_os_error())
        } else {
            Ok(value)
        }
    }
}
