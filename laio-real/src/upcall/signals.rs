//! Signals: kept off the carriers, handled on a thread made for it.
//!
//! A handler on a carrier would find the loop's thread-local storage in use elsewhere, or none, and
//! would interrupt a background call. So every signal but the synchronous ones and the one that
//! cancels calls (which takes neither) is blocked on the
//! loop's thread and, by inheritance, on every carrier. A thread with the loop's former mask waits
//! beside them, so that handlers still run and default actions still happen.
//!
//! The signals that a `write` raises besides failing are sent to the kernel thread that makes it,
//! and so stay pending there. They would be delivered at some later moment, when signals are let in
//! again, and end a process that has not asked to be spared. So they are discarded before.
//!
//! Two signals are the C library's own. The one for cancelling a thread is blocked like the others,
//! though not by way of the library, which leaves it out of every mask: its handler would look for
//! the thread in thread-local storage. The one for changing credentials has to be taken: see
//! `credentials`.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread::JoinHandle;
use std::{io, ptr, thread};

use super::{cancel, credentials, sys};
use crate::{Error, os};

/// Raised by the running code itself: blocking them would only turn them into a kill.
const SYNCHRONOUS: [i32; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGSYS,
];

/// Raised by writes that fail, with `EPIPE` and `EFBIG`.
const RAISED: [i32; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// glibc's `SIGCANCEL`, from its `internal-signals.h`.
const SIGCANCEL: u32 = 32;

/// The loop's former mask, and the thread that has it now. Dropping it ends that thread.
pub(crate) struct Signals {
    former: libc::sigset_t,
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
    _credentials: credentials::Guard,
}

impl Signals {
    /// Starts the signal thread. The calling thread's mask is not changed yet.
    pub(crate) fn start() -> Result<Self, Error> {
        let stop = os::eventfd()?;
        let fd = stop.as_raw_fd();
        let thread = thread::Builder::new()
            .name("laio-signals".into())
            .spawn(move || while !stopped(fd) {})
            .map_err(|source| Error::Os {
                call: "clone",
                source,
            })?;
        Ok(Self {
            former: mask(libc::SIG_BLOCK, None),
            stop,
            thread: Some(thread),
            _credentials: credentials::Guard::new(),
        })
    }

    /// Blocks asynchronous signals on the calling kernel thread, and unblocks the one that cancels.
    pub(crate) fn block(&self) {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `sigfillset` initialises the set.
        let all = unsafe {
            libc::sigfillset(all.as_mut_ptr());
            for signal in SYNCHRONOUS.into_iter().chain(cancel::signal()) {
                libc::sigdelset(all.as_mut_ptr(), signal);
            }
            all.assume_init()
        };
        mask(libc::SIG_BLOCK, Some(&all));
        block_cancellation();
        if let Some(signal) = cancel::signal() {
            unblock(signal);
        }
    }

    /// Gives the calling kernel thread the former mask back, and discards what writes have raised.
    pub(crate) fn restore(&self) {
        self.discard_raised();
        mask(libc::SIG_SETMASK, Some(&self.former));
    }

    /// Discards the signals that writes on the calling kernel thread have raised. Those that the
    /// former mask blocks are left to who blocked them.
    pub(crate) fn discard_raised(&self) {
        // SAFETY: a valid set.
        let was_blocked =
            |signal| unsafe { libc::sigismember(&raw const self.former, signal) } == 1;
        let raised = RAISED.into_iter().filter(|&signal| !was_blocked(signal));
        let set = raised.fold(0u64, |set, signal| set | bit(signal as u32));
        let no_time = [0u64; 2];
        let args = [
            &raw const set as usize,
            0,
            &raw const no_time as usize,
            size_of_val(&set),
        ];
        // SAFETY: a valid set of the kernel's size, and a time; what is known of the signal is not
        // asked for. It returns a signal taken, or fails when there is none.
        while unsafe { sys::raw(libc::SYS_rt_sigtimedwait, args) } > 0 {}
    }
}

/// A signal in the kernel's sets.
fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

impl Drop for Signals {
    fn drop(&mut self) {
        sys::signal_eventfd(self.stop.as_raw_fd());
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked: it only waits.
            let _ = thread.join();
        }
    }
}

/// The C library unblocks it again in [`Signals::restore`], as in whatever sets a mask as a whole.
fn block_cancellation() {
    let set = bit(SIGCANCEL);
    let args = [
        libc::SIG_BLOCK as usize,
        &raw const set as usize,
        0,
        size_of_val(&set),
    ];
    // SAFETY: a valid set of the kernel's size.
    unsafe { sys::raw(libc::SYS_rt_sigprocmask, args) };
}

fn unblock(signal: i32) {
    let mut one = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` initialises the set.
    let one = unsafe {
        libc::sigemptyset(one.as_mut_ptr());
        libc::sigaddset(one.as_mut_ptr(), signal);
        one.assume_init()
    };
    mask(libc::SIG_UNBLOCK, Some(&one));
}

/// Waits until the descriptor is readable, or a signal has been handled; true for the former.
fn stopped(fd: i32) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid pollfd.
    let ready = unsafe { libc::poll(&raw mut poll, 1, -1) };
    ready > 0 || (ready < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted)
}

/// Changes the calling thread's mask by `set`, if any, and returns the one before.
fn mask(how: i32, set: Option<&libc::sigset_t>) -> libc::sigset_t {
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: both sets are valid or null; the call fills the second. All zeroes are a valid set.
    unsafe {
        let set = set.map_or(ptr::null(), ptr::from_ref);
        libc::pthread_sigmask(how, set, before.as_mut_ptr());
        before.assume_init()
    }
}
