//! Processors, CPU time and descriptors of this process.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

/// Where a contender's loop and threads may run.
#[derive(Clone, Copy)]
pub(crate) enum Cpus {
    /// On the first processor only: a hand-off wakes nothing elsewhere.
    One,
    /// Wherever this process may.
    All,
}

/// The processors that this process was started with.
pub(crate) struct Allowed(libc::cpu_set_t);

impl Allowed {
    pub(crate) fn now() -> io::Result<Self> {
        let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed();
        // SAFETY: the call fills the set, of which all zeroes are the empty one.
        let status = unsafe { libc::sched_getaffinity(0, SET_BYTES, set.as_mut_ptr()) };
        if status < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: filled.
        Ok(Self(unsafe { set.assume_init() }))
    }

    /// Moves this thread, and all that it starts from now on.
    pub(crate) fn run_on(&self, cpus: Cpus) -> io::Result<()> {
        let set = match cpus {
            Cpus::All => self.0,
            Cpus::One => self.first(),
        };
        // SAFETY: the call reads the set.
        let status = unsafe { libc::sched_setaffinity(0, SET_BYTES, &raw const set) };
        if status < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    fn first(&self) -> libc::cpu_set_t {
        // SAFETY: all zeroes are the empty set, and the numbers are in range.
        unsafe {
            let mut one = std::mem::zeroed();
            let cpu = (0..libc::CPU_SETSIZE as usize).find(|cpu| libc::CPU_ISSET(*cpu, &self.0));
            libc::CPU_SET(cpu.unwrap_or(0), &mut one);
            one
        }
    }
}

const SET_BYTES: usize = size_of::<libc::cpu_set_t>();

/// CPU time of all threads of this process so far, io_uring's workers included.
pub(crate) fn cpu_time() -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the call fills the structure.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, time.as_mut_ptr());
        time.assume_init()
    };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Lets this process open as many files as it may; returns that number.
pub(crate) fn raise_file_limit() -> usize {
    let mut limit = MaybeUninit::<libc::rlimit>::zeroed();
    // SAFETY: the first call fills the structure, the second reads it.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, limit.as_mut_ptr());
        let mut limit = limit.assume_init();
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        limit.rlim_cur as usize
    }
}
