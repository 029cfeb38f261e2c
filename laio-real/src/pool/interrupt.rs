//! The signal that takes a thread of the pool out of a call.

use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::{io, ptr};

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

/// The signal, with a handler that does nothing, or `None` if the program uses all of them.
///
/// It is the highest real-time signal that had its default action when it was first needed. The
/// handler stays for the rest of the process's life.
pub(super) fn signal() -> Option<i32> {
    static SIGNAL: OnceLock<Option<i32>> = OnceLock::new();
    *SIGNAL.get_or_init(|| {
        (libc::SIGRTMIN()..=libc::SIGRTMAX())
            .rev()
            .find(|&signal| has_default_action(signal))
            .filter(|&signal| handle_by_doing_nothing(signal))
    })
}

/// Runs `f`, which starts a thread, with the mask that the thread is to inherit: it takes no
/// asynchronous signal but the one that interrupts calls. The C library's own two, which `sigfillset`
/// leaves out, stay open: these are threads that it knows, and waits for when credentials change.
pub(super) fn with_mask_of_the_pool<T>(f: impl FnOnce() -> T) -> T {
    let mut mask = MaybeUninit::<libc::sigset_t>::uninit();
    let mut former = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigfillset` initialises the one set, `pthread_sigmask` the other.
    unsafe {
        libc::sigfillset(mask.as_mut_ptr());
        for signal in SYNCHRONOUS.into_iter().chain(signal()) {
            libc::sigdelset(mask.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, mask.as_ptr(), former.as_mut_ptr());
    }
    let result = f();
    // SAFETY: initialised above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, former.as_ptr(), ptr::null_mut()) };
    result
}

/// Sends the signal to `thread`.
///
/// # Errors
/// `Unsupported` if there is no signal to send.
///
/// # Safety
/// The thread has not been joined or detached and ended.
pub(super) unsafe fn interrupt(thread: libc::pthread_t) -> io::Result<()> {
    let signal = signal().ok_or(io::ErrorKind::Unsupported)?;
    // SAFETY: the caller's promise.
    match unsafe { libc::pthread_kill(thread, signal) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn has_default_action(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the call fills the structure, of which all zeroes are a valid value.
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_DFL
    }
}

fn handle_by_doing_nothing(signal: i32) -> bool {
    extern "C" fn nothing(_signal: i32) {}
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zeroes are an empty mask and no flags, so not `SA_RESTART` either. The handler
    // touches nothing.
    unsafe {
        (*action.as_mut_ptr()).sa_sigaction = nothing as extern "C" fn(i32) as usize;
        libc::sigaction(signal, action.as_ptr(), ptr::null_mut()) == 0
    }
}
