//! Calls that are made only if they would not block.

use crate::contenders::{plain, returned};
use crate::operations::Call;

/// The same number on every architecture.
const SYS_CACHESTAT: i64 = 451;

/// `cachestat` of a read's range.
pub(crate) fn is_cached(call: &Call) -> bool {
    const PAGE_BYTES: u64 = 4096;
    let range = [call.args[3] as u64, call.args[2] as u64];
    let mut pages = [0u64; 5];
    // SAFETY: both arrays have the layout and size that the call wants.
    let status = unsafe {
        libc::syscall(
            SYS_CACHESTAT,
            call.args[0],
            range.as_ptr(),
            pages.as_mut_ptr(),
            0,
        )
    };
    status == 0 && pages[0] >= range[1].div_ceil(PAGE_BYTES)
}

/// Opens a file whose name is in the caches; `None` if it is not.
pub(crate) fn open_cached(call: &Call) -> Option<i64> {
    let [at, name, flags, ..] = call.args;
    // flags, mode, resolve
    let how = [flags as u64, 0, libc::RESOLVE_CACHED];
    let call = Call {
        number: libc::SYS_openat2,
        args: [at, name, how.as_ptr() as usize, size_of_val(&how), 0, 0],
    };
    unless_it_would_block(plain(&call))
}

/// A read without waiting, at the file's own position if `offset` is -1; `None` if it would wait.
fn read_now(call: &Call, offset: i64) -> Option<i64> {
    let [fd, buffer, bytes, ..] = call.args;
    let vector = libc::iovec {
        iov_base: buffer as *mut _,
        iov_len: bytes,
    };
    let flags = libc::RWF_NOWAIT;
    // SAFETY: the call reads the one element; the buffer outlives the call.
    let value = unsafe { libc::preadv2(fd as i32, &raw const vector, 1, offset, flags) };
    unless_it_would_block(returned(value as i64))
}

fn unless_it_would_block(value: i64) -> Option<i64> {
    (value != -i64::from(libc::EAGAIN)).then_some(value)
}

/// Whether [`try_now`] knows the call.
pub(crate) fn can_be_tried(call: &Call) -> bool {
    matches!(
        call.number,
        libc::SYS_read | libc::SYS_pread64 | libc::SYS_openat
    )
}

/// The call's result if it does not block; `None` if it would, or cannot be tried.
pub(crate) fn try_now(call: &Call) -> Option<i64> {
    match call.number {
        libc::SYS_read => read_now(call, -1),
        libc::SYS_pread64 => read_now(call, call.args[3] as i64),
        libc::SYS_openat => open_cached(call),
        _ => None,
    }
}
