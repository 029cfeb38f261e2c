//! What decides whether a plain call on a descriptor would wait, and how.

use std::mem::MaybeUninit;

/// What a descriptor stands for, as far as waiting is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    RegularFile,
    BlockDevice,
    Directory,
    Socket,
    Pipe,
    Other,
}

impl Kind {
    /// Whether it has a file position, on which `read` and `write` hold a lock.
    pub(super) fn has_position(self) -> bool {
        matches!(self, Self::RegularFile | Self::BlockDevice)
    }
}

pub(super) fn kind(fd: i32) -> Kind {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the call fills the structure, of which all zeroes are a valid value.
    let mode = unsafe {
        libc::fstat(fd, stat.as_mut_ptr());
        stat.assume_init().st_mode
    };
    match mode & libc::S_IFMT {
        libc::S_IFREG => Kind::RegularFile,
        libc::S_IFBLK => Kind::BlockDevice,
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFSOCK => Kind::Socket,
        libc::S_IFIFO => Kind::Pipe,
        _ => Kind::Other,
    }
}

/// Whether calls on it fail with `EAGAIN` where others wait. The ring would wait.
pub(super) fn is_nonblocking(fd: i32) -> bool {
    // SAFETY: takes no memory.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    flags >= 0 && flags & libc::O_NONBLOCK != 0
}

/// Whether waits on a socket are limited by `SO_RCVTIMEO` or `SO_SNDTIMEO`. The ring's are not.
pub(super) fn has_timeout(fd: i32, option: i32) -> bool {
    let mut timeout = libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    };
    let mut bytes = size_of::<libc::timeval>() as libc::socklen_t;
    // SAFETY: as many writable bytes as told. On failure the timeout stays zero.
    unsafe {
        let value = (&raw mut timeout).cast();
        libc::getsockopt(fd, libc::SOL_SOCKET, option, value, &raw mut bytes);
    }
    timeout.tv_sec != 0 || timeout.tv_usec != 0
}
