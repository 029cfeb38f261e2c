//! Ctrl-C as a flag, so that an interrupted run still takes the rig down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::{mem, ptr};

use super::error::{Attempting, EmulateError, check};

static REQUESTED: AtomicBool = AtomicBool::new(false);

const SIGNALS: [libc::c_int; 2] = [libc::SIGINT, libc::SIGTERM];

extern "C" fn note(_signal: libc::c_int) {
    REQUESTED.store(true, Ordering::Relaxed);
}

/// While it lives, SIGINT and SIGTERM set a flag instead of ending the
/// process; afterwards they do again what they did before. Blocking calls
/// return `EINTR`.
#[derive(Debug)]
pub(crate) struct InterruptFlag {
    previous: [libc::sigaction; SIGNALS.len()],
}

impl InterruptFlag {
    pub(crate) fn raise_on_signals() -> Result<Self, EmulateError> {
        REQUESTED.store(false, Ordering::Relaxed);
        // SAFETY: sigaction is plain data for which all zeroes is valid: no
        // flags (so no SA_RESTART), an empty mask.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = note as extern "C" fn(libc::c_int) as libc::sighandler_t;
        let mut previous = [action; SIGNALS.len()];
        for (signal, previous) in SIGNALS.into_iter().zip(&mut previous) {
            // SAFETY: `note` only stores to an atomic, which is
            // async-signal-safe; both structures are valid.
            check(unsafe { libc::sigaction(signal, &action, previous) })
                .attempting(|| format!("catch signal {signal}"))?;
        }
        Ok(Self { previous })
    }

    pub(crate) fn is_raised(&self) -> bool {
        REQUESTED.load(Ordering::Relaxed)
    }
}

impl Drop for InterruptFlag {
    fn drop(&mut self) {
        for (signal, previous) in SIGNALS.into_iter().zip(&self.previous) {
            // SAFETY: `previous` came from sigaction for the same signal.
            unsafe { libc::sigaction(signal, previous, ptr::null_mut()) };
        }
    }
}
