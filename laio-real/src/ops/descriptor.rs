//! Descriptors that stay open while operations use them.

use std::fmt;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

/// A descriptor that can be shared with an operation.
pub(super) trait Shared {
    /// Its number, as an argument of a call.
    fn number(&self) -> usize;

    /// A share of it, which keeps it open.
    fn share(&self) -> Arc<dyn AsFd>;
}

impl<F: AsFd + 'static> Shared for Arc<F> {
    fn number(&self) -> usize {
        self.as_fd().as_raw_fd() as usize
    }

    fn share(&self) -> Arc<dyn AsFd> {
        Arc::clone(self) as Arc<dyn AsFd>
    }
}

/// Where relative paths start: an open directory, by reference to its [`Arc`], or [`CWD`].
#[derive(Clone, Copy)]
pub struct Dir<'a>(Option<&'a dyn Shared>);

/// The process's current directory (`AT_FDCWD`).
pub const CWD: Dir<'static> = Dir(None);

impl<'a> Dir<'a> {
    pub(super) fn number(self) -> usize {
        self.0.map_or(libc::AT_FDCWD as usize, Shared::number)
    }

    pub(super) fn shared(self) -> Option<&'a dyn Shared> {
        self.0
    }
}

impl<'a, F: AsFd + 'static> From<&'a Arc<F>> for Dir<'a> {
    fn from(directory: &'a Arc<F>) -> Self {
        Self(Some(directory))
    }
}

impl fmt::Debug for Dir<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dir").field(&(self.number() as i32)).finish()
    }
}
