//! Operations on names of files.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use super::files::unit;
use super::memory::Memory;
use super::{Dir, Operations, Started};

/// The address of a copied path, or the end of the operation.
macro_rules! path {
    ($self:ident, $slot:ident, $which:literal, $path:ident) => {
        match $slot.path($which, $path.as_ref()) {
            Ok(address) => address,
            Err(error) => {
                $self.spare.push($slot);
                return Started::Done(Err(error));
            }
        }
    };
}

/// A path that contains a NUL is refused with `EINVAL`.
impl Operations {
    /// Opens, and if `flags` say so creates, a file (`openat(2)`). `O_CLOEXEC` is added to `flags`;
    /// `mode` are the permissions of a new file.
    pub fn openat<'a>(
        &mut self,
        directory: impl Into<Dir<'a>>,
        path: impl AsRef<Path>,
        flags: i32,
        mode: u32,
    ) -> Started<io::Result<OwnedFd>> {
        let (directory, mut slot) = (directory.into(), self.slot());
        let address = path!(self, slot, 0, path);
        let flags = (flags | libc::O_CLOEXEC) as usize;
        let args = [directory.number(), address, flags, mode as usize, 0, 0];
        let held = [directory.shared(), None];
        let opened = |result: io::Result<i64>, _: &Memory| result.map(new_descriptor);
        // SAFETY: the call reads the path, which the slot owns.
        unsafe { self.start(libc::SYS_openat, args, held, slot, opened) }
    }

    /// A file's metadata (`statx(2)`): `mask` says which are wanted (`STATX_BASIC_STATS`, ...). The
    /// open file itself is meant by an empty path and `AT_EMPTY_PATH` in `flags`.
    pub fn statx<'a>(
        &mut self,
        directory: impl Into<Dir<'a>>,
        path: impl AsRef<Path>,
        flags: i32,
        mask: u32,
    ) -> Started<io::Result<libc::statx>> {
        let (directory, mut slot) = (directory.into(), self.slot());
        let address = path!(self, slot, 0, path);
        let (flags, mask) = (flags as usize, mask as usize);
        let args = [directory.number(), address, flags, mask, slot.stat(), 0];
        let held = [directory.shared(), None];
        let stat = |result: io::Result<i64>, memory: &Memory| result.map(|_| memory.stat());
        // SAFETY: the call reads the path and writes the structure, which the slot owns.
        unsafe { self.start(libc::SYS_statx, args, held, slot, stat) }
    }

    /// Removes a name, with `AT_REMOVEDIR` in `flags` that of an empty directory (`unlinkat(2)`).
    pub fn unlinkat<'a>(
        &mut self,
        directory: impl Into<Dir<'a>>,
        path: impl AsRef<Path>,
        flags: i32,
    ) -> Started<io::Result<()>> {
        let (directory, mut slot) = (directory.into(), self.slot());
        let address = path!(self, slot, 0, path);
        let args = [directory.number(), address, flags as usize, 0, 0, 0];
        // SAFETY: the call reads the path, which the slot owns.
        unsafe {
            self.start(
                libc::SYS_unlinkat,
                args,
                [directory.shared(), None],
                slot,
                unit,
            )
        }
    }

    /// Makes a directory with the permissions `mode` (`mkdirat(2)`).
    pub fn mkdirat<'a>(
        &mut self,
        directory: impl Into<Dir<'a>>,
        path: impl AsRef<Path>,
        mode: u32,
    ) -> Started<io::Result<()>> {
        let (directory, mut slot) = (directory.into(), self.slot());
        let address = path!(self, slot, 0, path);
        let args = [directory.number(), address, mode as usize, 0, 0, 0];
        // SAFETY: the call reads the path, which the slot owns.
        unsafe {
            self.start(
                libc::SYS_mkdirat,
                args,
                [directory.shared(), None],
                slot,
                unit,
            )
        }
    }

    /// Renames a file, replacing what had its new name (`renameat(2)`).
    pub fn renameat<'a, 'b>(
        &mut self,
        directory: impl Into<Dir<'a>>,
        path: impl AsRef<Path>,
        new_directory: impl Into<Dir<'b>>,
        new_path: impl AsRef<Path>,
    ) -> Started<io::Result<()>> {
        let (old, new, mut slot) = (directory.into(), new_directory.into(), self.slot());
        let old_path = path!(self, slot, 0, path);
        let new_path = path!(self, slot, 1, new_path);
        let args = [old.number(), old_path, new.number(), new_path, 0, 0];
        let held = [old.shared(), new.shared()];
        // SAFETY: the call reads the paths, which the slot owns.
        unsafe { self.start(libc::SYS_renameat2, args, held, slot, unit) }
    }
}

/// Takes a descriptor that a call has returned.
pub(super) fn new_descriptor(number: i64) -> OwnedFd {
    // SAFETY: it is new, so nobody else owns it.
    unsafe { OwnedFd::from_raw_fd(number as RawFd) }
}
