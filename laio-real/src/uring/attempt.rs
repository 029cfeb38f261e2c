//! Calls tried first without waiting, so that most of them need no ring.

use std::io;

use io_uring::{opcode, squeue, types};

use super::descriptor::{Kind, has_timeout, is_nonblocking, kind};
use super::plan::{Plan, is_position, is_short};
use crate::os;

/// The position that stands for the file's own.
const CURRENT: usize = usize::MAX;
/// What the kernel transfers at most in one call.
const LONGEST: usize = 0x7fff_f000;

/// What came of a transfer that does not wait.
enum Tried {
    /// The call has ended.
    Ended(io::Result<i64>),
    /// So many bytes have been transferred; the rest would wait.
    WouldWait(usize),
}

/// # Safety
/// As for `read`.
pub(super) unsafe fn read(args: &[usize; 6]) -> Plan {
    let &[fd, buffer, bytes, ..] = args;
    if !(1..=LONGEST).contains(&bytes) {
        return Plan::thread(args);
    }
    // SAFETY: the caller's promise.
    let first = unsafe { transfer(libc::SYS_preadv2, fd, buffer, bytes, CURRENT) };
    match would_wait(first) {
        Ok(done) if done == bytes || done == 0 => Plan::Done(Ok(done as i64)),
        Ok(done) if kind(fd as i32).has_position() => rest_by_thread(args, done),
        Ok(done) => Plan::Done(Ok(done as i64)),
        Err(WouldWait::Failed(error)) => Plan::Done(Err(error)),
        Err(WouldWait::Unknown) => Plan::thread(args),
        Err(WouldWait::Yes) => {
            if kind(fd as i32).has_position() {
                return Plan::thread(args);
            }
            let operation =
                opcode::Read::new(types::Fd(fd as i32), buffer as *mut u8, bytes as u32)
                    .offset(u64::MAX);
            wait(args, 0, libc::SO_RCVTIMEO, operation.build())
        }
    }
}

/// # Safety
/// As for `write`.
pub(super) unsafe fn write(args: &[usize; 6]) -> Plan {
    let &[fd, buffer, bytes, ..] = args;
    if !(1..=LONGEST).contains(&bytes) {
        return Plan::thread(args);
    }
    // SAFETY: the caller's promise.
    let first = unsafe { transfer(libc::SYS_pwritev2, fd, buffer, bytes, CURRENT) };
    let done = match would_wait(first) {
        Ok(done) if done == bytes => return Plan::Done(Ok(done as i64)),
        Ok(done) => done,
        Err(WouldWait::Failed(error)) => return Plan::Done(Err(error)),
        Err(WouldWait::Unknown) => return Plan::thread(args),
        Err(WouldWait::Yes) => 0,
    };
    let left = bytes - done;
    let (to, from) = (types::Fd(fd as i32), (buffer + done) as *const u8);
    match kind(fd as i32) {
        Kind::Socket => {
            let operation = opcode::Send::new(to, from, left as u32).flags(libc::MSG_WAITALL);
            wait(args, done, libc::SO_SNDTIMEO, operation.build())
        }
        // All of it or nothing, as long as it is not longer.
        Kind::Pipe if left <= libc::PIPE_BUF => {
            let operation = opcode::Write::new(to, from, left as u32).offset(u64::MAX);
            wait(args, done, libc::SO_SNDTIMEO, operation.build())
        }
        kind if kind.has_position() => rest_by_thread(args, done),
        _ if is_nonblocking(fd as i32) => nothing_more(done),
        _ => rest_by_thread(args, done),
    }
}

/// # Safety
/// As for `pread64`.
pub(super) unsafe fn pread(args: &[usize; 6]) -> Plan {
    let &[fd, buffer, bytes, offset, ..] = args;
    // SAFETY: the caller's promise.
    match unsafe { at_position(libc::SYS_preadv2, args) } {
        None => Plan::thread(args),
        Some(Tried::Ended(result)) => Plan::Done(result),
        Some(Tried::WouldWait(done)) => {
            let (to, left) = ((buffer + done) as *mut u8, (bytes - done) as u32);
            Plan::Ring {
                operation: opcode::Read::new(types::Fd(fd as i32), to, left)
                    .offset((offset + done) as u64)
                    .build(),
                begun: done as i64,
            }
        }
    }
}

/// # Safety
/// As for `pwrite64`.
pub(super) unsafe fn pwrite(args: &[usize; 6]) -> Plan {
    let &[fd, buffer, bytes, offset, ..] = args;
    // SAFETY: the caller's promise.
    match unsafe { at_position(libc::SYS_pwritev2, args) } {
        None => Plan::thread(args),
        Some(Tried::Ended(result)) => Plan::Done(result),
        Some(Tried::WouldWait(done)) => {
            let (from, left) = ((buffer + done) as *const u8, (bytes - done) as u32);
            Plan::Ring {
                operation: opcode::Write::new(types::Fd(fd as i32), from, left)
                    .offset((offset + done) as u64)
                    .build(),
                begun: done as i64,
            }
        }
    }
}

/// # Safety
/// As for `recvfrom`.
pub(super) unsafe fn recvfrom(args: &[usize; 6]) -> Plan {
    let &[fd, buffer, bytes, flags, address, _] = args;
    // SAFETY: the caller's promise.
    match unsafe { receive(libc::SYS_recvfrom, args, 3) } {
        Tried::Ended(result) => Plan::Done(result),
        Tried::WouldWait(_) if address != 0 || !is_short(bytes) || waits_for_all(flags) => {
            Plan::thread(args)
        }
        Tried::WouldWait(_) => {
            let operation =
                opcode::Recv::new(types::Fd(fd as i32), buffer as *mut u8, bytes as u32)
                    .flags(flags as i32);
            wait(args, 0, libc::SO_RCVTIMEO, operation.build())
        }
    }
}

/// # Safety
/// As for `recvmsg`.
pub(super) unsafe fn recvmsg(args: &[usize; 6]) -> Plan {
    let &[fd, message, flags, ..] = args;
    // SAFETY: the caller's promise.
    match unsafe { receive(libc::SYS_recvmsg, args, 2) } {
        Tried::Ended(result) => Plan::Done(result),
        Tried::WouldWait(_) if waits_for_all(flags) => Plan::thread(args),
        Tried::WouldWait(_) => {
            let operation =
                opcode::RecvMsg::new(types::Fd(fd as i32), message as *mut _).flags(flags as u32);
            wait(args, 0, libc::SO_RCVTIMEO, operation.build())
        }
    }
}

/// # Safety
/// As for `sendto`.
pub(super) unsafe fn sendto(args: &[usize; 6]) -> Plan {
    let &[fd, buffer, bytes, flags, address, _] = args;
    if !is_short(bytes) {
        return Plan::thread(args);
    }
    let mut without_waiting = *args;
    without_waiting[3] |= libc::MSG_DONTWAIT as usize;
    // SAFETY: the caller's promise.
    let done = match would_wait(unsafe { os::plain_call(libc::SYS_sendto, &without_waiting) }) {
        Ok(done) if done == bytes => return Plan::Done(Ok(done as i64)),
        Ok(done) => done,
        Err(WouldWait::Yes) => 0,
        Err(WouldWait::Failed(error)) => return Plan::Done(Err(error)),
        Err(WouldWait::Unknown) => return Plan::thread(args),
    };
    if address != 0 {
        return rest_by_thread(args, done);
    }
    let (from, left) = ((buffer + done) as *const u8, (bytes - done) as u32);
    let operation =
        opcode::Send::new(types::Fd(fd as i32), from, left).flags(flags as i32 | libc::MSG_WAITALL);
    wait(args, done, libc::SO_SNDTIMEO, operation.build())
}

/// An open of a file or directory whose name is cached does not wait.
///
/// # Safety
/// As for `openat`.
pub(super) unsafe fn openat(args: &[usize; 6]) -> Plan {
    let &[directory, path, flags, mode, ..] = args;
    let flags = flags as i32;
    // SAFETY: the caller's promise.
    let opened = unsafe {
        may_be_opened_at_once(directory, path, flags)
            .then(|| open_cached(directory, path, flags))
            .and_then(io::Result::ok)
    };
    if let Some(fd) = opened {
        return Plan::Done(Ok(fd));
    }
    let operation = opcode::OpenAt::new(types::Fd(directory as i32), path as *const _)
        .flags(flags)
        .mode(mode as libc::mode_t)
        .build();
    Plan::ring(operation.flags(squeue::Flags::ASYNC))
}

/// Looks without opening.
///
/// # Safety
/// As for `openat`.
unsafe fn may_be_opened_at_once(directory: usize, path: usize, flags: i32) -> bool {
    let look = libc::O_PATH | libc::O_CLOEXEC | flags & (libc::O_NOFOLLOW | libc::O_DIRECTORY);
    // SAFETY: the caller's promise.
    let Ok(fd) = (unsafe { open_cached(directory, path, look) }) else {
        return false;
    };
    let fd = fd as i32;
    let at_once = matches!(kind(fd), Kind::RegularFile | Kind::Directory);
    // SAFETY: it has been opened above, for this only.
    unsafe { libc::close(fd) };
    at_once
}

/// `openat` if all names are cached, else `EAGAIN`; also `EAGAIN` if it would make or change a
/// file, and `EINVAL` for flags that `openat` ignores.
///
/// # Safety
/// As for `openat`.
unsafe fn open_cached(directory: usize, path: usize, flags: i32) -> io::Result<i64> {
    // flags, mode, resolve: as `struct open_how`.
    let how = [flags as u32 as u64, 0, libc::RESOLVE_CACHED];
    let (how, bytes) = (how.as_ptr() as usize, size_of_val(&how));
    // SAFETY: the caller's promise; `how` outlives the call.
    unsafe { os::plain_call(libc::SYS_openat2, &[directory, path, how, bytes, 0, 0]) }
}

/// A receiving call whose flags are at `flags`, tried without waiting; not if it wants to wait for
/// all of its bytes, because then it would take some and return.
///
/// # Safety
/// As for the call.
unsafe fn receive(number: i64, args: &[usize; 6], flags: usize) -> Tried {
    let mut without_waiting = *args;
    if waits_for_all(args[flags]) {
        return Tried::WouldWait(0);
    }
    without_waiting[flags] |= libc::MSG_DONTWAIT as usize;
    // SAFETY: the caller's promise.
    match unsafe { os::plain_call(number, &without_waiting) } {
        Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => Tried::WouldWait(0),
        result => Tried::Ended(result),
    }
}

/// Transfers at a position what it can; `None` if that is a matter for the call itself.
///
/// A short transfer is the end of the call only at the end of the file, so it is tried again.
///
/// # Safety
/// As for `pread64` or `pwrite64`.
unsafe fn at_position(number: i64, args: &[usize; 6]) -> Option<Tried> {
    let &[fd, buffer, bytes, offset, ..] = args;
    if !is_position(offset) || !(1..=LONGEST).contains(&bytes) {
        return None;
    }
    let mut done = 0;
    while done < bytes {
        // SAFETY: the caller's promise.
        let part = unsafe { transfer(number, fd, buffer + done, bytes - done, offset + done) };
        match would_wait(part) {
            Ok(0) => break,
            Ok(more) => done += more,
            Err(WouldWait::Failed(error)) if done == 0 => return Some(Tried::Ended(Err(error))),
            Err(WouldWait::Failed(_)) => break,
            Err(WouldWait::Yes | WouldWait::Unknown) => return Some(Tried::WouldWait(done)),
        }
    }
    Some(Tried::Ended(Ok(done as i64)))
}

/// One `preadv2` or `pwritev2` that does not wait.
///
/// # Safety
/// The buffer's validity, as for `read` or `write`.
unsafe fn transfer(
    number: i64,
    fd: usize,
    buffer: usize,
    bytes: usize,
    offset: usize,
) -> io::Result<i64> {
    let vector = libc::iovec {
        iov_base: buffer as *mut _,
        iov_len: bytes,
    };
    let (vector, nowait) = (&raw const vector as usize, libc::RWF_NOWAIT as usize);
    // The fifth argument is the upper half of the offset where that needs two.
    // SAFETY: the caller's promise; the vector outlives the call.
    unsafe { os::plain_call(number, &[fd, vector, 1, offset, 0, nowait]) }
}

/// Why an attempt has transferred nothing.
enum WouldWait {
    Yes,
    /// The file cannot be asked not to wait.
    Unknown,
    /// The call itself fails.
    Failed(io::Error),
}

fn would_wait(result: io::Result<i64>) -> Result<usize, WouldWait> {
    result
        .map(|bytes| bytes as usize)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::EAGAIN) => WouldWait::Yes,
            Some(libc::EOPNOTSUPP) => WouldWait::Unknown,
            _ => WouldWait::Failed(error),
        })
}

/// After `done` bytes: the ring does the rest if the call would wait for ever.
fn wait(args: &[usize; 6], done: usize, timeout: i32, operation: squeue::Entry) -> Plan {
    let fd = args[0] as i32;
    if is_nonblocking(fd) {
        nothing_more(done)
    } else if has_timeout(fd, timeout) {
        rest_by_thread(args, done)
    } else {
        Plan::Ring {
            operation,
            begun: done as i64,
        }
    }
}

/// The end of a call on a descriptor that does not wait.
fn nothing_more(done: usize) -> Plan {
    Plan::Done(if done > 0 {
        Ok(done as i64)
    } else {
        Err(io::Error::from_raw_os_error(libc::EAGAIN))
    })
}

fn rest_by_thread(args: &[usize; 6], done: usize) -> Plan {
    let mut rest = *args;
    rest[1] += done;
    rest[2] -= done;
    Plan::Thread {
        args: rest,
        begun: done as i64,
    }
}

fn waits_for_all(flags: usize) -> bool {
    flags & libc::MSG_WAITALL as usize != 0
}
