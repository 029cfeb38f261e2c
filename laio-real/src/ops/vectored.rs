//! Operations on open files with several buffers.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::descriptor::Shared;
use super::memory::Memory;
use super::{Operations, Started, VectoredTransfer};

impl Operations {
    /// Reads into several buffers, each up to its capacity, one after the other (`readv(2)`). What
    /// is read replaces what is in them. No bytes read are the end of the file.
    ///
    /// More than 1,024 buffers are `EINVAL`. The kernel's list of them is an allocation that the
    /// operations with one buffer do not make.
    pub fn readv<F: AsFd + 'static>(
        &mut self,
        file: &Arc<F>,
        buffers: Vec<Vec<u8>>,
    ) -> Started<VectoredTransfer> {
        self.fill_all(libc::SYS_readv, file, buffers, 0)
    }

    /// [`readv`](Self::readv) from `offset`, in bytes, without moving the file's own (`preadv(2)`).
    pub fn preadv<F: AsFd + 'static>(
        &mut self,
        file: &Arc<F>,
        buffers: Vec<Vec<u8>>,
        offset: u64,
    ) -> Started<VectoredTransfer> {
        self.fill_all(libc::SYS_preadv, file, buffers, offset as usize)
    }

    /// Writes the bytes in several buffers, or some of them, one after the other (`writev(2)`).
    ///
    /// More than 1,024 buffers are `EINVAL`.
    pub fn writev<F: AsFd + 'static>(
        &mut self,
        file: &Arc<F>,
        buffers: Vec<Vec<u8>>,
    ) -> Started<VectoredTransfer> {
        self.empty_all(libc::SYS_writev, file, buffers, 0)
    }

    /// [`writev`](Self::writev) at `offset`, in bytes, without moving the file's own
    /// (`pwritev(2)`).
    pub fn pwritev<F: AsFd + 'static>(
        &mut self,
        file: &Arc<F>,
        buffers: Vec<Vec<u8>>,
        offset: u64,
    ) -> Started<VectoredTransfer> {
        self.empty_all(libc::SYS_pwritev, file, buffers, offset as usize)
    }

    /// A call that writes into buffers.
    fn fill_all(
        &mut self,
        number: i64,
        file: &dyn Shared,
        mut buffers: Vec<Vec<u8>>,
        offset: usize,
    ) -> Started<VectoredTransfer> {
        let parts: Vec<libc::iovec> = buffers
            .iter_mut()
            .map(|buffer| {
                buffer.clear();
                part(buffer.as_mut_ptr(), buffer.capacity())
            })
            .collect();
        let args = arguments(file, &parts, offset);
        let filled = move |result: io::Result<i64>, _: &Memory| {
            // The kernel needs it no more.
            drop(parts);
            let result = result.map(|count| count as usize);
            let mut left = *result.as_ref().unwrap_or(&0);
            for buffer in &mut buffers {
                let here = left.min(buffer.capacity());
                // SAFETY: the kernel has filled one buffer after the other, up to their capacities.
                unsafe { buffer.set_len(here) };
                left -= here;
            }
            VectoredTransfer { result, buffers }
        };
        let slot = self.slot();
        // SAFETY: the call reads the parts and writes into the buffers, all of which `filled` owns
        // and leaves alone meanwhile.
        unsafe { self.start(number, args, [Some(file), None], slot, filled) }
    }

    /// A call that reads buffers.
    fn empty_all(
        &mut self,
        number: i64,
        file: &dyn Shared,
        buffers: Vec<Vec<u8>>,
        offset: usize,
    ) -> Started<VectoredTransfer> {
        let parts: Vec<libc::iovec> = buffers
            .iter()
            .map(|buffer| part(buffer.as_ptr().cast_mut(), buffer.len()))
            .collect();
        let args = arguments(file, &parts, offset);
        let emptied = move |result: io::Result<i64>, _: &Memory| {
            // The kernel needs it no more.
            drop(parts);
            VectoredTransfer {
                result: result.map(|count| count as usize),
                buffers,
            }
        };
        let slot = self.slot();
        // SAFETY: the call reads the parts and the buffers, all of which `emptied` owns and leaves
        // alone meanwhile.
        unsafe { self.start(number, args, [Some(file), None], slot, emptied) }
    }
}

/// A part of the memory of a call. The kernel does not write where it is only to read.
fn part(address: *mut u8, bytes: usize) -> libc::iovec {
    libc::iovec {
        iov_base: address.cast(),
        iov_len: bytes,
    }
}

/// What the calls with and without an offset take; without one it is ignored. The fifth is the
/// upper half of the offset where that needs two.
fn arguments(file: &dyn Shared, parts: &[libc::iovec], offset: usize) -> [usize; 6] {
    let address = parts.as_ptr().expose_provenance();
    [file.number(), address, parts.len(), offset, 0, 0]
}
