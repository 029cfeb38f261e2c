//! io_uring.

use std::io;

use io_uring::squeue::Entry;
use io_uring::{IoUring, opcode, types};

use super::plain::plain;
use super::{Caller, Ended};
use crate::common::job::Call;

/// Makes calls through a ring.
///
/// The ring is bound to one kernel thread, its fastest kind. That is right here, where no engine
/// of this crate runs beside it; a loop that wanders between carriers could not use such a ring.
pub(crate) struct Uring(IoUring);

impl Uring {
    pub(crate) fn start(in_flight: usize) -> io::Result<Self> {
        let entries = u32::try_from(in_flight).unwrap_or(u32::MAX);
        let ring = IoUring::builder()
            .setup_clamp()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(entries)
            // Linux before 6.1.
            .or_else(|_| IoUring::builder().setup_clamp().build(entries))?;
        Ok(Self(ring))
    }
}

impl Caller for Uring {
    unsafe fn call(&mut self, slot: usize, call: Call) -> Option<io::Result<i64>> {
        let Some(entry) = entry(call) else {
            // SAFETY: the caller's promise.
            return Some(unsafe { plain(call) });
        };
        let entry = entry.user_data(slot as u64);
        // SAFETY: the entry's memory is the call's, which stays valid by the caller's promise.
        while unsafe { self.0.submission().push(&entry) }.is_err() {
            if let Err(error) = self.0.submit() {
                return Some(Err(error));
            }
        }
        None
    }

    fn wait(&mut self, ended: &mut Vec<Ended>) -> io::Result<()> {
        while let Err(error) = self.0.submit_and_wait(1) {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        ended.extend(self.0.completion().map(|entry| Ended {
            slot: entry.user_data() as usize,
            result: match entry.result() {
                value @ 0.. => Ok(value.into()),
                errno => Err(io::Error::from_raw_os_error(-errno)),
            },
        }));
        Ok(())
    }
}

/// The call as a submission, if io_uring has an opcode for it: the calls of the examples only.
fn entry(Call { number, args }: Call) -> Option<Entry> {
    let fd = types::Fd(args[0] as i32);
    let path = args[1] as *const libc::c_char;
    Some(match number {
        libc::SYS_openat => opcode::OpenAt::new(fd, path)
            .flags(args[2] as i32)
            .mode(args[3] as u32)
            .build(),
        libc::SYS_unlinkat => opcode::UnlinkAt::new(fd, path)
            .flags(args[2] as i32)
            .build(),
        libc::SYS_statx => opcode::Statx::new(fd, path, args[4] as *mut types::statx)
            .flags(args[2] as i32)
            .mask(args[3] as u32)
            .build(),
        libc::SYS_read => opcode::Read::new(fd, args[1] as *mut u8, args[2] as u32)
            // The file's own position, as read(2).
            .offset(u64::MAX)
            .build(),
        _ => return None,
    })
}
