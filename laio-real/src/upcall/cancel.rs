//! Cancelling: a signal that interrupts one call of one carrier, and nothing after it.
//!
//! The signal's handler does nothing, but that there is one makes an interruptible call end with
//! `EINTR`. Two things would go wrong by themselves, and are seen to here. A carrier whose call has
//! just ended might take the signal in its next call, which may be the loop's: so [`Occupation`]
//! lets the carrier and the canceller agree, and a carrier that was sent a signal makes a system
//! call of no consequence, on whose way back it takes it. And the signal may come after the call
//! became stealable, but before the `syscall` instruction: the handler then steps over it.

use std::io;
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Upcall, sys};
use crate::Handle;

/// The canceller is about to send a signal.
const SENDING: u64 = 1;
/// It has sent one.
const SENT: u64 = 2;
const FLAG_BITS: u32 = 2;

/// The call that a carrier sits in, as far as cancelling is concerned; 0 for none. On the carrier
/// that runs the loop it means nothing.
pub(crate) struct Occupation(AtomicU64);

impl Occupation {
    pub(crate) const fn none() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Loop, before a call on this carrier.
    #[inline]
    pub(crate) fn begin(&self, call: u64) {
        self.0.store(call << FLAG_BITS, Ordering::Relaxed);
    }

    /// Carrier, after a call that the loop was stolen from: from here on no signal will be sent,
    /// and all that were have been taken.
    pub(crate) fn end(&self) {
        loop {
            let now = self.0.load(Ordering::SeqCst);
            if now & SENDING == 0 && self.change(now, 0) {
                if now & SENT != 0 {
                    sys::yield_cpu();
                }
                return;
            }
            sys::yield_cpu();
        }
    }

    /// Loop: has `send` send a signal if the carrier still sits in `call`; true if it did.
    fn interrupt(&self, call: u64, send: impl FnOnce()) -> bool {
        let now = self.0.load(Ordering::SeqCst);
        if now >> FLAG_BITS != call || !self.change(now, now | SENDING) {
            return false;
        }
        send();
        self.0.store(call << FLAG_BITS | SENT, Ordering::SeqCst);
        true
    }

    /// Loop: the same for whatever call the carrier sits in.
    pub(super) fn interrupt_any(&self, send: impl FnOnce()) -> bool {
        match self.0.load(Ordering::SeqCst) >> FLAG_BITS {
            0 => false,
            call => self.interrupt(call, send),
        }
    }

    fn change(&self, from: u64, to: u64) -> bool {
        self.0
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }
}

impl Upcall {
    pub(crate) fn cancel(&mut self, handle: Handle) -> io::Result<()> {
        if let Some(value) = self.parked.cancel(handle.0, &self.epoll) {
            self.finish(handle.0, value);
            return Ok(());
        }
        let signal = signal().ok_or(io::ErrorKind::Unsupported)?;
        let interrupted = self.carriers.iter().any(|&carrier| {
            // SAFETY: carriers are freed at the end of `drop` only.
            let carrier_ref = unsafe { carrier.as_ref() };
            carrier != self.current
                && carrier_ref
                    .occupation
                    .interrupt(handle.0, || sys::signal_thread(carrier_ref.id(), signal))
        });
        if interrupted {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}

/// The signal reserved for cancelling, with its handler installed: the highest real-time signal
/// that the process had no use for when its first engine started. `None` if it uses all.
pub(crate) fn signal() -> Option<i32> {
    static SIGNAL: OnceLock<Option<i32>> = OnceLock::new();
    *SIGNAL.get_or_init(|| {
        (libc::SIGRTMIN()..=libc::SIGRTMAX())
            .rev()
            .find(|&signal| is_unused(signal) && install(signal))
    })
}

fn is_unused(signal: i32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the call fills the structure, of which all zeroes are a valid value.
    let action = unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_DFL
}

fn install(signal: i32) -> bool {
    let handler = step_over_call as extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);
    // SAFETY: all zeroes are a valid value: no mask, and no SA_RESTART, so that calls end.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut()) == 0
    }
}

/// The handler. If the thread was about to execute `syscall`, it goes on behind it as if the call
/// had been interrupted. It runs on carriers: it must not touch thread-local storage.
extern "C" fn step_over_call(
    _signal: i32,
    _info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    const SYSCALL: [u8; 2] = [0x0f, 0x05];
    // SAFETY: the kernel passes the interrupted thread's context, whose instruction pointer points
    // to code. The second byte is read only behind one that begins a longer instruction.
    unsafe {
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let next = registers[libc::REG_RIP as usize] as *const u8;
        if next.read() == SYSCALL[0] && next.add(1).read() == SYSCALL[1] {
            registers[libc::REG_RIP as usize] += SYSCALL.len() as i64;
            registers[libc::REG_RAX as usize] = -i64::from(libc::EINTR);
        }
    }
}
