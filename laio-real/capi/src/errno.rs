//! Results as C takes them: a value, or -1 and `errno`.

use std::ffi::c_int;
use std::io;

/// A value, or an error number.
pub(crate) type Outcome<T> = Result<T, c_int>;

/// The error number of a failure; `EIO` for one that has none.
pub(crate) fn number(error: &io::Error) -> c_int {
    error.raw_os_error().unwrap_or(libc::EIO)
}

/// The calling thread's `errno` while one of our entries runs: what goes on inside does not show.
pub(crate) struct Errno(c_int);

impl Errno {
    pub(crate) fn now() -> Self {
        // SAFETY: the C library's own place for the calling thread.
        Self(unsafe { *libc::__errno_location() })
    }

    /// Puts back what was there on success, sets the error number otherwise; and gives the entry's
    /// return value, with `failed` for an error.
    pub(crate) fn returns<T>(self, outcome: Outcome<T>, failed: T) -> T {
        let (value, errno) = match outcome {
            Ok(value) => (value, self.0),
            Err(number) => (failed, number),
        };
        // SAFETY: as above; looked up again, though a loop keeps its thread-local storage when it
        // changes kernel threads.
        unsafe { *libc::__errno_location() = errno };
        value
    }
}
