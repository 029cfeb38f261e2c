//! Operations that can be tried without waiting, and tried again when their descriptor is ready.
//!
//! They are made with `RWF_NOWAIT` or `MSG_DONTWAIT`, which leave the descriptor's own mode alone.
//! Like the blocking call that they stand for, output operations go on until everything is
//! written.

use std::os::fd::RawFd;

use super::sys;

/// One operation, and what of it is left to do.
pub(crate) struct Attempt {
    number: i64,
    args: [usize; 6],
    /// `epoll` events that tell when to try again.
    events: u32,
    /// Output: what earlier tries have written, and the rest of it.
    written_bytes: i64,
    rest: Vec<libc::iovec>,
    header: Option<Box<libc::msghdr>>,
}

/// How a try came out.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The operation has ended, with the kernel's return value.
    Ended(i64),
    /// Not ready.
    WouldWait,
    /// The descriptor or the kernel knows no such try: the plain call must be made, best when the
    /// descriptor is ready.
    Unsupported,
}

const AGAIN: i64 = -libc::EAGAIN as i64;
const UNSUPPORTED: i64 = -libc::EOPNOTSUPP as i64;
/// "At the file's position", for `preadv2` and `pwritev2`.
const NO_OFFSET: usize = usize::MAX;
/// Messages whose waiting is not the plain one, or that never wait.
const OTHER_WAITING: i32 =
    libc::MSG_DONTWAIT | libc::MSG_WAITALL | libc::MSG_OOB | libc::MSG_ERRQUEUE;

impl Attempt {
    /// The operation `number(args)`, if it is one that can be tried: its number is known, its
    /// descriptor is a socket, a pipe or an eventfd, and it would wait in the plain way.
    pub(crate) fn new(number: i64, args: [usize; 6]) -> Option<Self> {
        let nowait = libc::RWF_NOWAIT as usize;
        let dont_wait = libc::MSG_DONTWAIT as usize;
        let [fd, a, b, c, d, e] = args;
        let is_one_buffer = matches!(number, libc::SYS_read | libc::SYS_write);
        let (events, flags, number, args) = match number {
            libc::SYS_read | libc::SYS_readv => (
                libc::EPOLLIN,
                0,
                libc::SYS_preadv2,
                [fd, a, b, NO_OFFSET, NO_OFFSET, nowait],
            ),
            libc::SYS_write | libc::SYS_writev => (
                libc::EPOLLOUT,
                0,
                libc::SYS_pwritev2,
                [fd, a, b, NO_OFFSET, NO_OFFSET, nowait],
            ),
            libc::SYS_recvfrom => (libc::EPOLLIN, c, number, [fd, a, b, c | dont_wait, d, e]),
            libc::SYS_sendto => (libc::EPOLLOUT, c, number, [fd, a, b, c | dont_wait, d, e]),
            libc::SYS_recvmsg => (libc::EPOLLIN, b, number, [fd, a, b | dont_wait, 0, 0, 0]),
            libc::SYS_sendmsg => (libc::EPOLLOUT, b, number, [fd, a, b | dont_wait, 0, 0, 0]),
            libc::SYS_accept | libc::SYS_accept4 => (libc::EPOLLIN, 0, number, args),
            _ => return None,
        };
        // `pwritev2` does nothing where a `write` of no bytes sends an empty datagram.
        let is_empty_write = events == libc::EPOLLOUT && is_one_buffer && b == 0;
        if flags as i32 & OTHER_WAITING != 0 || is_empty_write || !may_wait(fd as RawFd) {
            return None;
        }
        let mut attempt = Self {
            number,
            args,
            events: events as u32,
            written_bytes: 0,
            rest: Vec::new(),
            header: None,
        };
        if is_one_buffer {
            attempt.rest.push(buffer(a, b));
            attempt.use_rest();
        }
        Some(attempt)
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.args[0] as RawFd
    }

    /// From now on, uses this duplicate of its descriptor.
    pub(crate) fn use_fd(&mut self, duplicate: RawFd) {
        self.args[0] = duplicate as usize;
    }

    pub(crate) fn events(&self) -> u32 {
        self.events
    }

    /// What the operation returns if it is given up now, or fails, with `error`.
    pub(crate) fn end_with(&self, error: i64) -> i64 {
        if self.written_bytes > 0 {
            self.written_bytes
        } else {
            error
        }
    }

    /// Does what can be done without waiting.
    ///
    /// # Safety
    /// The operation's memory is valid.
    pub(crate) unsafe fn make(&mut self) -> Outcome {
        if matches!(self.number, libc::SYS_accept | libc::SYS_accept4) {
            return Outcome::Unsupported;
        }
        loop {
            // SAFETY: the caller's promise; `rest` and `header` describe parts of that memory.
            let value = unsafe { sys::raw6(self.number, self.args) };
            match value {
                AGAIN => return Outcome::WouldWait,
                UNSUPPORTED if self.written_bytes == 0 => return Outcome::Unsupported,
                0 => return Outcome::Ended(self.written_bytes),
                ..0 => return Outcome::Ended(self.end_with(value)),
                // SAFETY: the kernel has just read all that describes the memory.
                _ if self.is_output() && unsafe { self.advance(value) } => {}
                _ => return Outcome::Ended(self.written_bytes.max(value)),
            }
        }
    }

    fn is_output(&self) -> bool {
        self.events == libc::EPOLLOUT as u32
    }

    /// Counts `bytes` as written; true if some are left.
    ///
    /// # Safety
    /// The arguments are those of a call that has just succeeded.
    unsafe fn advance(&mut self, bytes: i64) -> bool {
        if self.rest.is_empty() {
            // SAFETY: the caller's promise.
            self.rest = unsafe { self.vector() };
        }
        self.written_bytes += bytes;
        let mut bytes = bytes as usize;
        for part in &mut self.rest {
            let step = bytes.min(part.iov_len);
            part.iov_base = part.iov_base.wrapping_byte_add(step);
            part.iov_len -= step;
            bytes -= step;
        }
        self.rest.retain(|part| part.iov_len > 0);
        self.use_rest();
        !self.rest.is_empty()
    }

    /// The memory that the arguments describe.
    ///
    /// # Safety
    /// The arguments are those of a call that has just succeeded.
    unsafe fn vector(&mut self) -> Vec<libc::iovec> {
        let [_, a, b, ..] = self.args;
        let (parts, count) = match self.number {
            libc::SYS_sendto => return vec![buffer(a, b)],
            libc::SYS_sendmsg => {
                // SAFETY: the kernel has just read it.
                let header = unsafe { *(a as *const libc::msghdr) };
                self.header = Some(Box::new(header));
                (header.msg_iov.cast_const(), header.msg_iovlen)
            }
            _ => (a as *const libc::iovec, b),
        };
        if count == 0 {
            return Vec::new();
        }
        // SAFETY: the kernel has just read the vector.
        unsafe { std::slice::from_raw_parts(parts, count) }.to_vec()
    }

    /// Makes the arguments describe the rest.
    fn use_rest(&mut self) {
        let (parts, count) = (self.rest.as_mut_ptr(), self.rest.len());
        if let Some(header) = &mut self.header {
            header.msg_iov = parts;
            header.msg_iovlen = count;
            // Ancillary data goes with the first bytes.
            header.msg_controllen = 0;
            self.args[1] = &raw mut **header as usize;
        } else if self.number == libc::SYS_sendto {
            if let Some(part) = self.rest.first() {
                (self.args[1], self.args[2]) = (part.iov_base as usize, part.iov_len);
            }
        } else {
            (self.args[1], self.args[2]) = (parts as usize, count);
        }
    }
}

fn buffer(address: usize, bytes: usize) -> libc::iovec {
    libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: bytes,
    }
}

/// Whether `fd` is a socket, a pipe or of no file type, as an eventfd, and not non-blocking.
fn may_wait(fd: RawFd) -> bool {
    let mut status = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the call fills the structure; all zeroes are a valid value.
    let (known, status) = unsafe {
        let arguments = [fd as usize, status.as_mut_ptr() as usize, 0, 0];
        let known = sys::raw(libc::SYS_fstat, arguments) == 0;
        (known, status.assume_init())
    };
    // SAFETY: takes no memory.
    let mode = unsafe { sys::raw(libc::SYS_fcntl, [fd as usize, libc::F_GETFL as usize, 0, 0]) };
    let kind = status.st_mode & libc::S_IFMT;
    known
        && mode & i64::from(libc::O_NONBLOCK) == 0
        && (kind == libc::S_IFSOCK || kind == libc::S_IFIFO || kind == 0)
}
