//! The nap: how the loop sleeps in `poll` when only ended calls can wake it.
//!
//! A loop that sleeps on a descriptor has to be woken by the carrier whose call ends: a signal and
//! two context switches, to that carrier and back. Instead, the loop leaves its carrier, which
//! becomes a parked standby, and whoever ends a call takes the loop over and goes on in its name.
//! Nobody is woken, and nobody is switched to but the carrier that the result comes from.

use std::arch::asm;
use std::cell::Cell;
use std::mem::offset_of;
use std::time::Duration;

use super::carrier::Carrier;
use super::engine::Engine;
use super::switch::{back_on_stack, leave_stack};
use super::sync::{AtomicU64, Ordering, fence};
use super::watcher;

const NAPPING: u64 = 1;

/// One of the loop's naps.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Which(u64);

/// Whether the loop naps, and so may be taken over by anybody.
pub(crate) struct Nap {
    /// The number of naps begun, times two, plus [`NAPPING`].
    word: AtomicU64,
    /// The nap was ended with a result for which the eventfd was not signalled. Used by the loop, and
    /// by who has just taken it over.
    unsignalled: Cell<bool>,
}

impl Nap {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            unsignalled: Cell::new(false),
        }
    }

    /// The loop's carrier, which has left the loop's stack: from here on anybody may end the nap,
    /// and who posts a result will. Results posted before must be looked for.
    pub(crate) fn begin(&self) -> Which {
        let nap = (self.word.load(Ordering::Relaxed) + 2) | NAPPING;
        // With the saved context: who ends the nap reads it.
        self.word.store(nap, Ordering::Release);
        // One of the two sees the other: this carrier the result, or who posts it the nap.
        fence(Ordering::SeqCst);
        Which(nap)
    }

    /// The carrier that began it: ends the nap if it is still that one. If true, the caller is the
    /// one to go on as the loop.
    ///
    /// A carrier that was woken for the watch must not end a later nap, of the loop on another
    /// carrier: who called it relies on its watching.
    #[must_use]
    pub(crate) fn end(&self, Which(nap): Which) -> bool {
        self.word
            .compare_exchange(nap, nap & !NAPPING, Ordering::SeqCst, Ordering::Relaxed)
            .is_ok()
    }

    /// Who has posted a result on the empty list: ends the nap, if the loop naps, instead of
    /// signalling. If true, the caller is the one to go on as the loop.
    #[must_use]
    pub(crate) fn end_unsignalled(&self) -> bool {
        fence(Ordering::SeqCst);
        let nap = self.word.load(Ordering::Relaxed);
        let ended = nap & NAPPING != 0 && self.end(Which(nap));
        if ended {
            self.unsignalled.set(true);
        }
        ended
    }

    /// Loop, before it takes results: whether no signal will come for them.
    pub(crate) fn take_unsignalled(&self) -> bool {
        self.unsignalled.take()
    }
}

/// Has the loop nap on `carrier`, the one that runs it now, until a call ends or for `longest`; it
/// may end early. Comes back on whatever carrier has taken the loop over.
///
/// # Safety
/// `carrier` runs the calling logical thread.
pub(crate) unsafe fn nap(engine: &Engine, carrier: *const Carrier, longest: Option<Duration>) {
    let longest_ns = longest.map_or(u64::MAX, |time| {
        u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
    });
    // SAFETY: rbx, rbp, the stack pointer and the floating-point control words are restored;
    // every other register is declared as clobbered. The carrier's stack is empty while it runs
    // the loop. Only who ends the nap goes on as the loop, so the saved stack has one user.
    unsafe {
        asm!(
            leave_stack!(),
            "mov rcx, [r13 + {carrier_fs}]",
            "wrfsbase rcx",
            "mov rdi, r13",
            "xor ebp, ebp",
            "call {leave_loop}",
            "ud2",
            // Who ended the nap comes here, with the loop's stack and FS base.
            "5:",
            back_on_stack!(),
            "add rsp, 24",
            saved_sp = const offset_of!(Engine, saved_sp),
            saved_ip = const offset_of!(Engine, saved_ip),
            stack_top = const offset_of!(Carrier, stack_top),
            carrier_fs = const offset_of!(Carrier, fs_base),
            leave_loop = sym leave_loop,
            inlateout("rsi") longest_ns => _,
            inlateout("r12") engine => _,
            inlateout("r13") carrier => _,
            lateout("r14") _,
            lateout("r15") _,
            clobber_abi("C"),
        );
    }
}

/// Where a carrier goes when its loop naps.
extern "C" fn leave_loop(carrier: &'static Carrier, longest_ns: u64) -> ! {
    let longest = (longest_ns != u64::MAX).then(|| Duration::from_nanos(longest_ns));
    watcher::stand_by_for_nap(carrier, longest)
}
