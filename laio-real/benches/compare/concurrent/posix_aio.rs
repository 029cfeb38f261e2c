//! glibc's asynchronous I/O: threads behind the standard's interface, at most 20 by default.
//! Completions are queued signals that are waited for, so nothing is searched.

use std::collections::HashMap;
use std::mem::MaybeUninit;

use super::Concurrent;
use crate::contenders::returned;
use crate::operations::Call;

#[derive(Default)]
struct PosixAio {
    blocks: HashMap<usize, Box<libc::aiocb>>,
}

pub(super) fn open() -> Box<dyn Concurrent> {
    Box::new(PosixAio::default())
}

pub(super) fn makes(call: &Call) -> bool {
    matches!(
        call.number,
        libc::SYS_read | libc::SYS_pread64 | libc::SYS_fsync
    )
}

/// The signal of a completion: ours. Nothing else here uses it.
fn signal() -> i32 {
    libc::SIGRTMIN() + 1
}

/// Of the completions' signal only.
fn signals() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the first call fills the set.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal());
        set.assume_init()
    }
}

/// Blocks the completions' signal, so that it can be waited for. To be called before any thread
/// is started.
pub(crate) fn block_signal() {
    let set = signals();
    // SAFETY: the call reads the set.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
}

impl Concurrent for PosixAio {
    fn submit(&mut self, slot: usize, call: &Call) -> Option<i64> {
        // SAFETY: all zeroes are a valid control block.
        let mut block = Box::new(unsafe { MaybeUninit::<libc::aiocb>::zeroed().assume_init() });
        let [fd, buffer, bytes, offset, ..] = call.args;
        block.aio_fildes = fd as i32;
        block.aio_sigevent.sigev_notify = libc::SIGEV_SIGNAL;
        block.aio_sigevent.sigev_signo = signal();
        block.aio_sigevent.sigev_value.sival_ptr = slot as *mut _;
        // SAFETY: the block is boxed and kept until the operation has ended; what the call uses
        // outlives it.
        let status = unsafe {
            if call.number == libc::SYS_fsync {
                libc::aio_fsync(libc::O_SYNC, &raw mut *block)
            } else {
                block.aio_buf = buffer as *mut _;
                block.aio_nbytes = bytes;
                block.aio_offset = offset as i64;
                libc::aio_read(&raw mut *block)
            }
        };
        if status < 0 {
            return Some(returned(-1));
        }
        self.blocks.insert(slot, block);
        None
    }

    fn wait(&mut self, ended: &mut Vec<(usize, i64)>) {
        let set = signals();
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: the call fills the information, which is a queued signal's then.
        let slot = unsafe {
            while libc::sigwaitinfo(&raw const set, info.as_mut_ptr()) < 0 {}
            info.assume_init().si_value().sival_ptr as usize
        };
        let mut block = self.blocks.remove(&slot).expect("a slot of ours");
        // SAFETY: the signal says that the operation has ended.
        let (error, result) = unsafe {
            let error = libc::aio_error(&raw const *block);
            (error, libc::aio_return(&raw mut *block))
        };
        let result = if error == 0 {
            result as i64
        } else {
            -i64::from(error)
        };
        ended.push((slot, result));
    }
}
