//! Which way each call takes.
//!
//! A call goes to the ring only where the operation does exactly what the call does. What was
//! found to differ, and is therefore made by a thread:
//! - the ring moves a file's position without the lock that keeps two `read`s of one descriptor
//!   apart, so `read` and `write` on files that have one are made by threads (`pread` and `pwrite`
//!   are not);
//! - it waits on descriptors that are `O_NONBLOCK`, and longer than `SO_RCVTIMEO` and
//!   `SO_SNDTIMEO` allow: asked for before it is used;
//! - it opens a FIFO without waiting for the other end if it may try at once: opens that are not
//!   done by an attempt are therefore handed to the kernel's own workers;
//! - it accepts times to sleep that a plain call refuses, and writes part of what a plain write to
//!   a pipe or socket writes all of;
//! - the offsets of `splice` are pointers, which it cannot take.
//!
//! Reads, writes and opens are first tried as plain calls that do not wait (`attempt`): where they
//! succeed that costs 1.3-1.4 times the plain call, against 2-2.6 times for the ring, and 3 times
//! against 14 for opens (`cargo bench -p laio --bench compare`). Vectored ones go straight to the
//! ring, which knows how to do the rest of them.

use std::io;

use io_uring::{opcode, squeue, types};

use super::attempt;
use super::descriptor::{has_timeout, is_nonblocking, kind};
use crate::os;

/// What is to be done about a call.
pub(super) enum Plan {
    /// Nothing: it has ended.
    Done(io::Result<i64>),
    /// The ring does it, or the rest of it after the first `begun` bytes.
    Ring {
        operation: squeue::Entry,
        begun: i64,
    },
    /// A thread does it, or the rest of it.
    Thread { args: [usize; 6], begun: i64 },
}

impl Plan {
    pub(super) fn ring(operation: impl Into<squeue::Entry>) -> Self {
        Self::Ring {
            operation: operation.into(),
            begun: 0,
        }
    }

    pub(super) fn thread(args: &[usize; 6]) -> Self {
        Self::Thread {
            args: *args,
            begun: 0,
        }
    }
}

/// The position that stands for the file's own.
const CURRENT: u64 = u64::MAX;

/// Makes the plan, and whatever can be done without waiting.
///
/// # Safety
/// As for the call itself.
pub(super) unsafe fn plan(number: i64, args: &[usize; 6]) -> Plan {
    let &[a, b, c, d, e, _] = args;
    let fd = types::Fd(a as i32);
    // SAFETY: the caller's promise, which the attempts need.
    unsafe {
        match number {
            libc::SYS_read => attempt::read(args),
            libc::SYS_pread64 => attempt::pread(args),
            libc::SYS_write => attempt::write(args),
            libc::SYS_pwrite64 => attempt::pwrite(args),
            libc::SYS_recvfrom => attempt::recvfrom(args),
            libc::SYS_recvmsg => attempt::recvmsg(args),
            libc::SYS_sendto => attempt::sendto(args),
            libc::SYS_preadv if is_position(d) && is_short(c) => Plan::ring(
                opcode::Readv::new(fd, b as *const _, c as u32)
                    .offset(d as u64)
                    .build(),
            ),
            libc::SYS_pwritev if is_position(d) && is_short(c) => Plan::ring(
                opcode::Writev::new(fd, b as *const _, c as u32)
                    .offset(d as u64)
                    .build(),
            ),
            libc::SYS_readv if is_short(c) && !kind(fd.0).has_position() => {
                let operation = opcode::Readv::new(fd, b as *const _, c as u32).offset(CURRENT);
                waiting_as_a_call(number, args, libc::SO_RCVTIMEO, operation.build())
            }
            libc::SYS_sendmsg => {
                let flags = c as u32 | libc::MSG_WAITALL as u32;
                let operation = opcode::SendMsg::new(fd, b as *const _).flags(flags);
                waiting_as_a_call(number, args, libc::SO_SNDTIMEO, operation.build())
            }
            libc::SYS_accept | libc::SYS_accept4 => {
                let flags = if number == libc::SYS_accept {
                    0
                } else {
                    d as i32
                };
                let operation = opcode::Accept::new(fd, b as *mut _, c as *mut _).flags(flags);
                waiting_as_a_call(number, args, libc::SO_RCVTIMEO, operation.build())
            }
            libc::SYS_connect => {
                let operation = opcode::Connect::new(fd, b as *const _, c as libc::socklen_t);
                waiting_as_a_call(number, args, libc::SO_SNDTIMEO, operation.build())
            }
            libc::SYS_nanosleep => match sleep(a) {
                Some(_) => Plan::ring(opcode::Timeout::new(a as *const _).build()),
                None => Plan::thread(args),
            },
            libc::SYS_openat => attempt::openat(args),
            libc::SYS_openat2 if d == size_of::<types::OpenHow>() => {
                let operation = opcode::OpenAt2::new(fd, b as *const _, c as *const _).build();
                Plan::ring(operation.flags(squeue::Flags::ASYNC))
            }
            libc::SYS_splice if b == 0 && d == 0 && is_short(e) => {
                let out = types::Fd(c as i32);
                Plan::ring(
                    opcode::Splice::new(fd, -1, out, -1, e as u32)
                        .flags(args[5] as u32)
                        .build(),
                )
            }
            _ => simple(number, args).map_or_else(|| Plan::thread(args), Plan::ring),
        }
    }
}

/// Calls whose operation takes the very same arguments.
fn simple(number: i64, args: &[usize; 6]) -> Option<squeue::Entry> {
    let &[a, b, c, d, e, _] = args;
    let fd = types::Fd(a as i32);
    Some(match number {
        libc::SYS_statx => opcode::Statx::new(fd, b as *const _, e as *mut _)
            .flags(c as i32)
            .mask(d as u32)
            .build(),
        libc::SYS_fsync => opcode::Fsync::new(fd).build(),
        libc::SYS_fdatasync => opcode::Fsync::new(fd)
            .flags(types::FsyncFlags::DATASYNC)
            .build(),
        libc::SYS_close => opcode::Close::new(fd).build(),
        libc::SYS_unlinkat => opcode::UnlinkAt::new(fd, b as *const _)
            .flags(c as i32)
            .build(),
        libc::SYS_renameat2 => {
            opcode::RenameAt::new(fd, b as *const _, types::Fd(c as i32), d as *const _)
                .flags(e as u32)
                .build()
        }
        libc::SYS_mkdirat => opcode::MkDirAt::new(fd, b as *const _)
            .mode(c as libc::mode_t)
            .build(),
        libc::SYS_symlinkat => {
            opcode::SymlinkAt::new(types::Fd(b as i32), a as *const _, c as *const _).build()
        }
        libc::SYS_linkat => {
            opcode::LinkAt::new(fd, b as *const _, types::Fd(c as i32), d as *const _)
                .flags(e as i32)
                .build()
        }
        libc::SYS_fallocate => opcode::Fallocate::new(fd, d as u64)
            .offset(c as u64)
            .mode(b as i32)
            .build(),
        libc::SYS_fadvise64 if is_short(c) => opcode::Fadvise::new(fd, c as i64, d as i32)
            .offset(b as u64)
            .build(),
        libc::SYS_madvise if is_short(b) => {
            opcode::Madvise::new(a as *const _, b as i64, c as i32).build()
        }
        libc::SYS_tee if is_short(c) => opcode::Tee::new(fd, types::Fd(b as i32), c as u32)
            .flags(d as u32)
            .build(),
        _ => return None,
    })
}

/// The ring's operation where the call would wait for ever; the plain call where it would not
/// wait at all; a thread where it would wait for a time.
///
/// # Safety
/// As for the call itself.
unsafe fn waiting_as_a_call(
    number: i64,
    args: &[usize; 6],
    timeout: i32,
    operation: squeue::Entry,
) -> Plan {
    let fd = args[0] as i32;
    if is_nonblocking(fd) {
        // SAFETY: the caller's promise.
        Plan::Done(unsafe { os::plain_call(number, args) })
    } else if has_timeout(fd, timeout) {
        Plan::thread(args)
    } else {
        Plan::ring(operation)
    }
}

/// The time to sleep at `address`, if there is one that a plain call would accept. It is copied by
/// the kernel, because an invalid address is the call's own error and not a fault.
fn sleep(address: usize) -> Option<libc::timespec> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let to = libc::iovec {
        iov_base: (&raw mut time).cast(),
        iov_len: size_of::<libc::timespec>(),
    };
    let from = libc::iovec {
        iov_base: address as *mut _,
        iov_len: size_of::<libc::timespec>(),
    };
    // SAFETY: as many writable bytes as told; what is read is checked by the kernel.
    let copied =
        unsafe { libc::process_vm_readv(libc::getpid(), &raw const to, 1, &raw const from, 1, 0) };
    let valid = time.tv_sec >= 0 && (0..1_000_000_000).contains(&time.tv_nsec);
    (copied == size_of::<libc::timespec>() as isize && valid).then_some(time)
}

/// Positions beyond are errors of the call, and one of them means something else to the ring.
pub(super) fn is_position(offset: usize) -> bool {
    isize::try_from(offset).is_ok()
}

/// Lengths that fit into an operation.
pub(super) fn is_short(length: usize) -> bool {
    u32::try_from(length).is_ok()
}
