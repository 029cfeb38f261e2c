//! Scheduling of the threads that play the disk.

use std::{io, mem};

use super::error::{Attempting, EmulateError, check};

/// Priorities above every normal thread and below the kernel's own real-time
/// threads (50 by default); our choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// The disk: it replies at the appointed time.
    Disk = 10,
    /// The reader of requests: notes their arrival even while the disk runs.
    Reader = 11,
}

/// The smallest timer slack that `prctl` takes; 0 would mean the default.
const TIMER_SLACK_NS: libc::c_ulong = 1;

/// Pins the calling thread to `cpu` and makes it run as soon as it is woken.
/// Threads that it creates afterwards inherit all of it.
///
/// # Errors
/// Without `CAP_SYS_NICE`, or if the machine has no such CPU.
pub(crate) fn become_realtime(cpu: usize, urgency: Urgency) -> Result<(), EmulateError> {
    pin_to(cpu).attempting(|| format!("pin a disk thread to CPU {cpu}"))?;
    let parameters = libc::sched_param {
        sched_priority: urgency as i32,
    };
    // SAFETY: `parameters` is valid for the duration of the call.
    check(unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &parameters) })
        .attempting(|| "make a disk thread real-time (SCHED_FIFO)".into())?;
    // SAFETY: PR_SET_TIMERSLACK takes one integer and touches no memory.
    check(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, TIMER_SLACK_NS) })
        .attempting(|| "set the timer slack of a disk thread".into())?;
    Ok(())
}

/// Lets the calling thread, and what it creates, run on `cpu` only.
///
/// # Errors
/// If the machine has no such CPU or the thread may not use it.
pub fn pin_to(cpu: usize) -> io::Result<()> {
    // SAFETY: cpu_set_t is plain data for which all zeroes is the empty set.
    let mut cpus: libc::cpu_set_t = unsafe { mem::zeroed() };
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: `cpu` is within the set, as just checked.
    unsafe { libc::CPU_SET(cpu, &mut cpus) };
    // SAFETY: `cpus` is a valid set of the size given.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &cpus) })?;
    Ok(())
}

/// The kernel's number of the calling thread.
pub(crate) fn thread_id() -> libc::pid_t {
    // SAFETY: gettid has no arguments and cannot fail.
    unsafe { libc::gettid() }
}
