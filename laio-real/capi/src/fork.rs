//! Telling a forked child from its parent, however it was made.

use std::{io, ptr};

/// One page is the least that can be mapped; the kernel rounds up.
const BYTES: usize = 1;

/// A byte that is 1 in the process that made it, and 0 in every child: the kernel clears it in
/// whatever kind of fork, also those that the C library does not see. Reading it is one load.
pub(crate) struct ForkMark(*mut u8);

impl ForkMark {
    /// # Errors
    /// Those of `mmap` and `madvise`; `EINVAL` before Linux 4.14.
    pub(crate) fn new() -> io::Result<Self> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, wherever the kernel likes.
        let map = unsafe { libc::mmap(ptr::null_mut(), BYTES, access, flags, -1, 0) };
        if map == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mark = Self(map.cast());
        // SAFETY: the mapping is ours, and nobody relies on its contents in a child.
        unsafe {
            if libc::madvise(map, BYTES, libc::MADV_WIPEONFORK) < 0 {
                return Err(io::Error::last_os_error());
            }
            mark.0.write(1);
        }
        Ok(mark)
    }

    /// Whether this is a child of the process that made the mark.
    pub(crate) fn is_inherited(&self) -> bool {
        // SAFETY: mapped while `self` lives; volatile because the kernel changes it.
        unsafe { self.0.read_volatile() == 0 }
    }
}

impl Drop for ForkMark {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, not used any more.
        unsafe { libc::munmap(self.0.cast(), BYTES) };
    }
}
