//! The plain call.

use std::io;

use super::{Caller, Ended};
use crate::common::job::Call;

/// Makes plain calls.
pub(crate) struct Plain;

impl Caller for Plain {
    unsafe fn call(&mut self, _slot: usize, call: Call) -> Option<io::Result<i64>> {
        // SAFETY: the caller's promise.
        Some(unsafe { plain(call) })
    }

    fn wait(&mut self, _ended: &mut Vec<Ended>) -> io::Result<()> {
        unreachable!("no call is ever in flight")
    }
}

/// Makes a plain call.
///
/// # Safety
/// As for the call.
pub(super) unsafe fn plain(call: Call) -> io::Result<i64> {
    let [a, b, c, d, e, f] = call.args;
    // SAFETY: the caller's promise.
    match unsafe { libc::syscall(call.number, a, b, c, d, e, f) } {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}
