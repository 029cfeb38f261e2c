//! What `laio_poll` stores.

use std::ffi::{c_int, c_long, c_void};

use crate::engine::Ended;
use crate::errno::Outcome;

/// The header's `struct laio_completion`.
#[repr(C)]
pub(crate) struct Narrow {
    handle: *mut c_void,
    value: c_int,
    errno: c_int,
}

/// The header's `struct laio_completion_long`.
#[repr(C)]
pub(crate) struct Wide {
    handle: *mut c_void,
    value: c_long,
    errno: c_int,
}

/// A place for one completion.
pub(crate) trait Slot {
    fn of(ended: Ended) -> Self;
}

impl Slot for Narrow {
    fn of(Ended { handle, outcome }: Ended) -> Self {
        let (value, errno) = match outcome.and_then(narrow) {
            Ok(value) => (value, 0),
            Err(errno) => (-1, errno),
        };
        Self {
            handle,
            value,
            errno,
        }
    }
}

impl Slot for Wide {
    fn of(Ended { handle, outcome }: Ended) -> Self {
        let (value, errno) = match outcome {
            Ok(value) => (value, 0),
            Err(errno) => (-1, errno),
        };
        Self {
            handle,
            value,
            errno,
        }
    }
}

/// A result as an `int`; `EOVERFLOW` if it is none, which is what `lseek` says where an offset does
/// not fit.
pub(crate) fn narrow(value: i64) -> Outcome<c_int> {
    c_int::try_from(value).map_err(|_| libc::EOVERFLOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(outcome: Outcome<i64>) -> Ended {
        let handle = std::ptr::without_provenance_mut(7);
        Ended { handle, outcome }
    }

    #[test]
    fn a_result_that_is_no_int_overflows_the_narrow_slot_only() {
        let value = i64::from(c_int::MAX) + 1;
        let narrow = Narrow::of(ended(Ok(value)));
        assert_eq!((narrow.value, narrow.errno), (-1, libc::EOVERFLOW));
        let wide = Wide::of(ended(Ok(value)));
        assert_eq!((wide.value, wide.errno), (value, 0));
        let narrow = Narrow::of(ended(Ok(value - 1)));
        assert_eq!((narrow.value, narrow.errno), (c_int::MAX, 0));
    }

    #[test]
    fn a_failure_is_minus_one_and_its_number() {
        let narrow = Narrow::of(ended(Err(libc::EBADF)));
        assert_eq!((narrow.value, narrow.errno), (-1, libc::EBADF));
        let wide = Wide::of(ended(Err(libc::EBADF)));
        assert_eq!((wide.value, wide.errno), (-1, libc::EBADF));
        assert_eq!((narrow.handle.addr(), wide.handle.addr()), (7, 7));
    }
}
