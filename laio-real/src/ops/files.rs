//! Operations on open files.

use std::io;
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};
use std::sync::Arc;

use super::descriptor::Shared;
use super::memory::Memory;
use super::{Operations, Started, Transfer};

impl Operations {
    /// Reads up to `bytes` bytes, which replace what is in `buffer` (`read(2)`). The buffer grows
    /// if it must; if there is no memory for that, the result is `ENOMEM`. No bytes read are the end
    /// of the file.
    pub fn read<F: AsFd + 'static>(
        &mut self,
        file: &Arc<F>,
        buffer: Vec<u8>,
        bytes: usize,
    ) -> Started<Transfer> {
        self.fill(libc::SYS_read, file, buffer, bytes, [0; 3])
    }

    /// [`read`](Self::read) from `offset`, in bytes, without moving the file's own (`pread(2)`).
    pub fn pread<F: AsFd + 'static>(
        &mut self,
        file: &Arc<F>,
        buffer: Vec<u8>,
        bytes: usize,
        offset: u64,
    ) -> Started<Transfer> {
        let rest = [offset as usize, 0, 0];
        self.fill(libc::SYS_pread64, file, buffer, bytes, rest)
    }

    /// Writes the bytes in `buffer`, or some of them (`write(2)`).
    pub fn write<F: AsFd + 'static>(
        &mut self,
        file: &Arc<F>,
        buffer: Vec<u8>,
    ) -> Started<Transfer> {
        self.empty(libc::SYS_write, file, buffer, [0; 3])
    }

    /// [`write`](Self::write) at `offset`, in bytes, without moving the file's own (`pwrite(2)`).
    pub fn pwrite<F: AsFd + 'static>(
        &mut self,
        file: &Arc<F>,
        buffer: Vec<u8>,
        offset: u64,
    ) -> Started<Transfer> {
        let rest = [offset as usize, 0, 0];
        self.empty(libc::SYS_pwrite64, file, buffer, rest)
    }

    /// Reads up to `bytes` bytes of entries of an open directory, which replace what is in
    /// `buffer` (`getdents64(2)`). [`DirEntries`](super::DirEntries) reads them; no bytes are the
    /// end of the directory.
    pub fn getdents<F: AsFd + 'static>(
        &mut self,
        directory: &Arc<F>,
        mut buffer: Vec<u8>,
        bytes: usize,
    ) -> Started<Transfer> {
        // The kernel leaves gaps between the names.
        if let Err(error) = initialize(&mut buffer, bytes) {
            return Transfer::refused(error, buffer);
        }
        self.fill(libc::SYS_getdents64, directory, buffer, bytes, [0; 3])
    }

    /// Writes a file's data and metadata to its device (`fsync(2)`).
    pub fn fsync<F: AsFd + 'static>(&mut self, file: &Arc<F>) -> Started<io::Result<()>> {
        self.sync(libc::SYS_fsync, file)
    }

    /// Writes a file's data to its device, and the metadata to find it by (`fdatasync(2)`).
    pub fn fdatasync<F: AsFd + 'static>(&mut self, file: &Arc<F>) -> Started<io::Result<()>> {
        self.sync(libc::SYS_fdatasync, file)
    }

    fn sync(&mut self, number: i64, file: &dyn Shared) -> Started<io::Result<()>> {
        let slot = self.slot();
        let args = [file.number(), 0, 0, 0, 0, 0];
        // SAFETY: the call uses no memory.
        unsafe { self.start(number, args, [Some(file), None], slot, unit) }
    }

    /// Sends up to `bytes` bytes of the file `from` to `to` (`sendfile(2)`): from `offset` without
    /// moving the file's own, or, if that is `None`, from the file's own.
    pub fn sendfile<T: AsFd + 'static, F: AsFd + 'static>(
        &mut self,
        to: &Arc<T>,
        from: &Arc<F>,
        offset: Option<u64>,
        bytes: usize,
    ) -> Started<io::Result<usize>> {
        let mut slot = self.slot();
        let offset = offset.map_or(0, |offset| slot.offset(offset as i64));
        let args = [to.number(), from.number(), offset, bytes, 0, 0];
        let count = |result: io::Result<i64>, _: &Memory| result.map(|count| count as usize);
        // SAFETY: the call uses the offset in the slot, or a null pointer, which it may.
        unsafe {
            self.start(
                libc::SYS_sendfile,
                args,
                [Some(to), Some(from)],
                slot,
                count,
            )
        }
    }

    /// Closes a descriptor, which may write back what a network file system has cached, or wait for
    /// a lingering socket (`close(2)`). It is closed even if an error is returned, other than
    /// `ECANCELED` after a [`cancel`](Self::cancel).
    pub fn close(&mut self, file: impl Into<OwnedFd>) -> Started<io::Result<()>> {
        let slot = self.slot();
        let args = [file.into().into_raw_fd() as usize, 0, 0, 0, 0, 0];
        // SAFETY: the call uses no memory, and the descriptor is its own.
        unsafe { self.start(libc::SYS_close, args, [None, None], slot, unit) }
    }

    /// A call that writes into a buffer. All bytes that it counts as read must have been written,
    /// or initialized before.
    pub(super) fn fill(
        &mut self,
        number: i64,
        file: &dyn Shared,
        mut buffer: Vec<u8>,
        bytes: usize,
        [d, e, f]: [usize; 3],
    ) -> Started<Transfer> {
        buffer.clear();
        if buffer.try_reserve(bytes).is_err() {
            return Transfer::refused(no_memory(), buffer);
        }
        let slot = self.slot();
        let address = buffer.as_mut_ptr().expose_provenance();
        let args = [file.number(), address, bytes, d, e, f];
        let filled = move |result: io::Result<i64>, _: &Memory| {
            let result = result.map(|count| count as usize);
            // SAFETY: that many bytes were reserved, and are initialized. `recv` with `MSG_TRUNC`
            // counts those that did not fit, too.
            unsafe { buffer.set_len(result.as_ref().map_or(0, |&count| count.min(bytes))) };
            Transfer { result, buffer }
        };
        // SAFETY: the call writes into the buffer, which `filled` owns and leaves alone meanwhile.
        unsafe { self.start(number, args, [Some(file), None], slot, filled) }
    }

    /// A call that reads a buffer.
    pub(super) fn empty(
        &mut self,
        number: i64,
        file: &dyn Shared,
        buffer: Vec<u8>,
        [d, e, f]: [usize; 3],
    ) -> Started<Transfer> {
        let slot = self.slot();
        let address = buffer.as_ptr().expose_provenance();
        let args = [file.number(), address, buffer.len(), d, e, f];
        let emptied = move |result: io::Result<i64>, _: &Memory| Transfer {
            result: result.map(|count| count as usize),
            buffer,
        };
        // SAFETY: the call reads the buffer, which `emptied` owns and leaves alone meanwhile.
        unsafe { self.start(number, args, [Some(file), None], slot, emptied) }
    }
}

/// The result of a call that only succeeds or fails.
pub(super) fn unit(result: io::Result<i64>, _: &Memory) -> io::Result<()> {
    result.map(drop)
}

/// Makes sure that the first `bytes` bytes of the buffer's memory are initialized, also after a
/// `clear`.
///
/// # Errors
/// `ENOMEM`; the buffer is empty then.
pub(super) fn initialize(buffer: &mut Vec<u8>, bytes: usize) -> io::Result<()> {
    if let Some(more) = bytes.checked_sub(buffer.len()) {
        if buffer.try_reserve(more).is_err() {
            buffer.clear();
            return Err(no_memory());
        }
        buffer.resize(bytes, 0);
    }
    Ok(())
}

impl Transfer {
    /// A transfer that has not been tried.
    pub(super) fn refused(error: io::Error, buffer: Vec<u8>) -> Started<Self> {
        Started::Done(Self {
            result: Err(error),
            buffer,
        })
    }
}

/// There is no memory for so many bytes.
fn no_memory() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOMEM)
}
