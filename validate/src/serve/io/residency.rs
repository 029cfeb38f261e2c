//! Whether what an operation needs is in the kernel's caches.
//!
//! A missing name need not mean a sleep: its inode's block may be cached where its name is not, and
//! then the helper's call finds all in memory. The reverse error, a cached name that the test
//! misses, is rare: one helper job in 20,000 requests for cached files, and one to eight beside a
//! process that renamed files all the time.

use std::io;
use std::os::fd::RawFd;
use std::{mem, ptr};

use sim::machine::PAGE_BYTES;
use sim::server::script::{ConnId, Op, OpKind, Outcome};

use crate::serve::connection::{FileCall, OPEN_FLAGS};
use crate::serve::error::{ServeError, errno};
use crate::serve::meter::{metered, plain};
use crate::serve::os::Os;

/// `cachestat(2)`, Linux 6.5, not in the C library's lists; the same number on all but Alpha.
const SYS_CACHESTAT: i64 = 451;

/// `struct cachestat_range` of linux/mman.h.
#[repr(C)]
struct CachestatRange {
    offset: u64,
    bytes: u64,
}

/// `struct cachestat` of linux/mman.h, in pages.
#[derive(Default)]
#[repr(C)]
struct Cachestat {
    cached: u64,
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

/// What a test came to.
pub(super) enum Tested {
    /// All is there.
    Resident,
    /// Something is missing.
    Absent,
    /// The test was the operation.
    Done(Outcome),
}

/// Refuses a kernel without `cachestat`.
pub(super) fn check_kernel() -> Result<(), ServeError> {
    match pages_cached(-1, 0, 1) {
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(()),
        other => Err(ServeError::System {
            action: "ask what is cached (cachestat, Linux 6.5)",
            source: other.err().unwrap_or(io::ErrorKind::Unsupported.into()),
        }),
    }
}

/// Tests for an open, a stat or a read; anything else is resident. A test that fails for another
/// reason than absence fails the operation.
pub(super) fn test(os: &mut Os, conn: ConnId, op: Op) -> Tested {
    let tested = match op {
        Op::Open { .. } => open_if_cached(os, conn, op),
        Op::Stat(_) => is_name_cached(os, conn),
        Op::Read { offset, bytes, .. } => {
            let wanted = (offset + u64::from(bytes)).div_ceil(PAGE_BYTES) - offset / PAGE_BYTES;
            let file = os.conn(conn).file();
            pages_cached(file, offset, bytes.into()).map(|cached| Tested::of(cached == wanted))
        }
        _ => Ok(Tested::Resident),
    };
    tested.unwrap_or_else(|error| Tested::Done(os.counted(Outcome::Failed(errno(&error)))))
}

impl Tested {
    fn of(is_resident: bool) -> Self {
        if is_resident {
            Self::Resident
        } else {
            Self::Absent
        }
    }
}

/// The open itself, if the name is cached.
fn open_if_cached(os: &mut Os, conn: ConnId, op: Op) -> io::Result<Tested> {
    let how = open_how(OPEN_FLAGS);
    let call = openat2(os, conn, &how);
    // SAFETY: path and `how` are valid.
    let opened = unsafe { metered(call) };
    match opened.result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Tested::Absent),
        result => {
            opened.slept.count_in_loop(os.counts(), OpKind::Open);
            Ok(Tested::Done(os.file_outcome(conn, op, result)))
        }
    }
}

fn is_name_cached(os: &mut Os, conn: ConnId) -> io::Result<Tested> {
    let how = open_how(libc::O_PATH | libc::O_CLOEXEC);
    let call = openat2(os, conn, &how);
    // SAFETY: path and `how` are valid.
    match unsafe { plain(call) } {
        Ok(fd) => {
            // SAFETY: just opened, and closed once.
            unsafe { libc::close(fd as RawFd) };
            Ok(Tested::Resident)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Tested::Absent),
        Err(error) => Err(error),
    }
}

fn open_how(flags: i32) -> libc::open_how {
    // SAFETY: plain data, for which all zeroes is valid.
    let mut how: libc::open_how = unsafe { mem::zeroed() };
    how.flags = flags as u64;
    how.resolve = libc::RESOLVE_CACHED;
    how
}

/// The call that opens the connection's path in this way.
fn openat2(os: &mut Os, conn: ConnId, how: &libc::open_how) -> FileCall {
    let path = os.conn(conn).path().as_ptr() as usize;
    let how = ptr::from_ref(how) as usize;
    let bytes = size_of::<libc::open_how>();
    FileCall {
        number: libc::SYS_openat2,
        args: [os.root() as usize, path, how, bytes, 0, 0],
    }
}

/// How many pages of a range are cached, or on their way into the cache.
fn pages_cached(file: RawFd, offset: u64, bytes: u64) -> io::Result<u64> {
    let range = CachestatRange { offset, bytes };
    let mut found = Cachestat::default();
    let call = FileCall {
        number: SYS_CACHESTAT,
        args: [
            file as usize,
            &raw const range as usize,
            &raw mut found as usize,
            0,
            0,
            0,
        ],
    };
    // SAFETY: both structures are valid.
    unsafe { plain(call) }?;
    Ok(found.cached)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    #[test]
    fn written_pages_are_cached() {
        if let Err(error) = check_kernel() {
            eprintln!("SKIPPED: {error}");
            return;
        }
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&[1; 3 * PAGE_BYTES as usize + 1])
            .expect("written");
        let cached = |offset, bytes| pages_cached(file.as_raw_fd(), offset, bytes).expect("told");
        assert_eq!(cached(0, 3 * PAGE_BYTES + 1), 4);
        assert_eq!(cached(PAGE_BYTES, 1), 1);
        assert_eq!(cached(4 * PAGE_BYTES, PAGE_BYTES), 0);
    }
}
