//! Plain file calls, metered: whether and how often the calling thread slept in them.
//!
//! `getrusage` tells the thread's voluntary context switches before and after; being preempted is
//! none. Its cost is part of a metered server, and has a key in the simulator's machine profiles
//! (`call.meter`).

use std::io;
use std::mem;
use std::time::Instant;

use sim::engine::Nanos;
use sim::server::script::OpKind;

use super::connection::FileCall;
use super::counters::Slot;

/// What a metered call came to.
#[derive(Debug)]
pub(crate) struct Metered {
    pub(crate) result: io::Result<i64>,
    pub(crate) slept: Slept,
}

/// Whether a call slept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slept {
    times: u64,
    /// From the start of a call that slept to its end.
    stalled: Nanos,
}

/// Makes the call.
///
/// # Safety
/// As for the call itself.
pub(crate) unsafe fn metered(call: FileCall) -> Metered {
    let start = Instant::now();
    let before = voluntary_switches();
    // SAFETY: the caller's promise.
    let result = unsafe { plain(call) };
    let times = voluntary_switches() - before;
    let stalled = match times {
        0 => Nanos::ZERO,
        _ => Nanos(start.elapsed().as_nanos() as u64),
    };
    Metered {
        result,
        slept: Slept { times, stalled },
    }
}

impl Slept {
    /// Counts an operation of this kind.
    pub(crate) fn count(self, slot: &Slot, kind: OpKind) {
        let counts = slot.op(kind);
        counts.issued.add(1);
        if self.times > 0 {
            counts.would_block.add(1);
            counts.sleeps.add(self.times);
        }
    }

    /// Counts it as the event loop's, which stalled if it slept.
    pub(crate) fn count_in_loop(self, slot: &Slot, kind: OpKind) {
        self.count(slot, kind);
        if self.times > 0 {
            slot.loop_stalls.add(1);
            slot.stalled_ns.add(self.stalled.0);
        }
    }
}

/// Makes the call without a meter.
///
/// # Safety
/// As for the call itself.
pub(crate) unsafe fn plain(call: FileCall) -> io::Result<i64> {
    let [a, b, c, d, e, f] = call.args;
    // SAFETY: the caller's promise.
    let value = unsafe { libc::syscall(call.number, a, b, c, d, e, f) };
    if value == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(value)
}

fn voluntary_switches() -> u64 {
    // SAFETY: plain data, filled by the call, which cannot fail for the calling thread.
    unsafe {
        let mut usage: libc::rusage = mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage);
        usage.ru_nvcsw as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nap(nanoseconds: i64) -> Metered {
        let time = libc::timespec {
            tv_sec: 0,
            tv_nsec: nanoseconds,
        };
        let call = FileCall {
            number: libc::SYS_nanosleep,
            args: [&raw const time as usize, 0, 0, 0, 0, 0],
        };
        // SAFETY: a valid time; the remaining time is not asked for.
        unsafe { metered(call) }
    }

    #[test]
    fn a_call_that_sleeps_is_counted_with_its_time() {
        let napped = nap(2_000_000);
        assert!(napped.result.is_ok());
        let slot = Slot::default();
        napped.slept.count_in_loop(&slot, OpKind::Read);
        assert!(napped.slept.times >= 1);
        assert!(napped.slept.stalled >= Nanos::from_millis(2), "{napped:?}");
        let tally = slot.tally();
        let counted = tally.op(OpKind::Read);
        assert_eq!((counted.issued, counted.would_block), (1, 1));
        assert_eq!(tally.loop_stalls, 1);
    }

    #[test]
    fn a_call_that_does_not_sleep_is_issued_only() {
        let call = FileCall {
            number: libc::SYS_close,
            args: [usize::MAX, 0, 0, 0, 0, 0],
        };
        // SAFETY: no such descriptor.
        let closed = unsafe { metered(call) };
        assert!(closed.result.is_err());
        let slot = Slot::default();
        closed.slept.count_in_loop(&slot, OpKind::Close);
        let tally = slot.tally();
        let counted = tally.op(OpKind::Close);
        assert_eq!((counted.issued, counted.would_block), (1, 0));
        assert_eq!(tally.loop_stalls, 0);
    }
}
