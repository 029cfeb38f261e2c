//! Work that consists of system calls, of which many may be in flight.

use std::io;
use std::mem;

use super::contender::{Caller, Ended};

/// A system call, as numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) number: i64,
    pub(crate) args: [usize; 6],
}

/// Work that consists of system calls. A slot is the place of a call in flight, counted from 0.
pub(crate) trait Job {
    /// The next call, to be in flight in `slot`; `None` if there is none to be made before another
    /// has ended. The memory that it uses stays valid, and is left alone, until it has ended.
    fn next(&mut self, slot: usize) -> Option<Call>;

    /// The call in `slot` has ended.
    fn ended(&mut self, slot: usize, result: io::Result<i64>);

    /// No call is to be made, and none is in flight. Waits until others leave one; or false, all is
    /// done.
    fn wait(&mut self) -> bool;
}

/// Does all of `job` with at most `in_flight` calls at a time. Returns it, and the number of calls.
///
/// # Errors
/// Only a failure to wait for calls. The job's own failures are the job's.
pub(crate) fn drive<J: Job>(
    caller: &mut dyn Caller,
    mut job: J,
    in_flight: usize,
) -> io::Result<(J, u64)> {
    let mut free: Vec<usize> = (0..in_flight).rev().collect();
    let mut ended = Vec::new();
    let mut calls = 0;
    loop {
        while let Some(&slot) = free.last()
            && let Some(call) = job.next(slot)
        {
            calls += 1;
            // SAFETY: the job keeps the call's memory until it is told of its end, and is not
            // dropped before that.
            match unsafe { caller.call(slot, call) } {
                Some(result) => job.ended(slot, result),
                None => drop(free.pop()),
            }
        }
        if free.len() == in_flight {
            if job.wait() {
                continue;
            }
            return Ok((job, calls));
        }
        if let Err(error) = caller.wait(&mut ended) {
            // The calls in flight still use the job's memory.
            mem::forget(job);
            return Err(error);
        }
        for Ended { slot, result } in ended.drain(..) {
            free.push(slot);
            job.ended(slot, result);
        }
    }
}
