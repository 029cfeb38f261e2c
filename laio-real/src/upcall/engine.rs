//! What the loop and its carriers share.

use std::cell::Cell;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use super::carrier::Carrier;
use super::detect;
use super::finished::{Finished, Node};
use super::nap::Nap;
use super::state::StateWord;
use super::stretch::Stretch;
use super::sys;
use super::tally::Tally;
use super::turn::Turn;
use super::watch::Watch;
use crate::Detector;

/// Stages of an engine's life.
const OPEN: u32 = 0;
const GOING_HOME: u32 = 1;
const CLOSED: u32 = 2;

/// The shared part of an engine, at a fixed address. The loop's context is reached from
/// `switch.rs` by field offset. All that a call which does not block uses comes first, in one cache
/// line.
#[repr(C, align(64))]
pub(crate) struct Engine {
    pub(crate) state: StateWord,
    /// The loop's stack pointer and resumption point: written by a call before it becomes
    /// stealable, or by a nap before it begins; read by the one who goes on as the loop.
    pub(crate) saved_sp: Cell<usize>,
    pub(crate) saved_ip: Cell<usize>,
    /// The FS base of the loop's logical thread.
    pub(crate) loop_fs: usize,
    /// Whether a carrier in a call has its own FS base.
    pub(crate) swap_fs: bool,
    /// The carrier that runs the loop; set by who goes on as it.
    current: AtomicPtr<Carrier>,
    pub(crate) detector: Detector,
    pub(crate) watch: Watch,
    pub(crate) turn: Turn,
    pub(crate) stretch: Stretch,
    pub(crate) nap: Nap,
    pub(crate) finished: Finished,
    /// Signalled for the loop when a result is there. Here, so that it stays open as long as there
    /// are carriers that may signal it.
    pub(crate) eventfd: OwnedFd,
    /// Whether the sensors get hints from the kernel.
    pub(crate) hints: Cell<bool>,
    pub(crate) tally: Arc<Tally>,
    /// The process's threads in `/proc`, for who asks whether the loop is runnable. Kept open, so that
    /// asking walks no other file system, and works in a changed root.
    pub(crate) tasks: Option<File>,
    closing: AtomicU32,
}

impl Engine {
    pub(crate) fn new(loop_fs: usize, swap_fs: bool, eventfd: OwnedFd, detector: Detector) -> Self {
        Self {
            state: StateWord::new(),
            saved_sp: Cell::new(0),
            saved_ip: Cell::new(0),
            loop_fs,
            swap_fs,
            current: AtomicPtr::new(ptr::null_mut()),
            detector,
            watch: Watch::new(),
            turn: Turn::first(),
            stretch: Stretch::new(),
            nap: Nap::new(),
            finished: Finished::new(),
            eventfd,
            hints: Cell::new(false),
            tally: Arc::new(Tally::new()),
            tasks: detect::is_pinned(detector)
                .then(|| File::open("/proc/self/task").ok())
                .flatten(),
            closing: AtomicU32::new(OPEN),
        }
    }

    /// Carrier, or loop: posts the result of a call, and wakes the loop where it sleeps. True if it
    /// napped: then the caller must take it over.
    ///
    /// # Safety
    /// As for [`Finished::push`].
    #[must_use]
    pub(crate) unsafe fn post(&self, node: *mut Node, call: u64, value: i64) -> bool {
        // SAFETY: the caller's promise.
        if !unsafe { self.finished.push(node, call, value) } {
            return false;
        }
        if self.nap.end_unsignalled() {
            // Its word says so when it has gone on, on this carrier: the watcher must not look at the
            // one before.
            return true;
        }
        // Else the watcher would park, which the loop's next call would have to call back.
        self.state.wake();
        sys::signal_eventfd(self.eventfd.as_raw_fd());
        false
    }

    /// Whether carriers that stand by are needed.
    pub(crate) fn is_open(&self) -> bool {
        self.closing.load(Ordering::SeqCst) == OPEN
    }

    /// Whether the loop wants to go back to its original kernel thread.
    pub(crate) fn is_going_home(&self) -> bool {
        self.closing.load(Ordering::SeqCst) == GOING_HOME
    }

    /// Loop: has the carriers that stand by end, and the home carrier take over.
    pub(crate) fn go_home(&self) {
        self.closing.store(GOING_HOME, Ordering::SeqCst);
        self.watch.call_everybody();
    }

    /// Loop: it is home, or stays where it is.
    pub(crate) fn close(&self) {
        self.closing.store(CLOSED, Ordering::SeqCst);
    }

    /// Start, and who goes on as the loop: it runs on `carrier` now.
    pub(crate) fn set_current(&self, carrier: &Carrier) {
        self.current
            .store(ptr::from_ref(carrier).cast_mut(), Ordering::Release);
    }

    /// The carrier that the loop runs on.
    pub(crate) fn carrier(&self) -> &'static Carrier {
        // SAFETY: carriers are freed only once all others have ended; it has been set at the start.
        unsafe { self.current().as_ref() }
    }

    /// Loop, after a steal or a nap: the carrier that it runs on.
    pub(crate) fn current(&self) -> NonNull<Carrier> {
        let carrier = self.current.load(Ordering::Acquire);
        // SAFETY: it has been set at the start.
        unsafe { NonNull::new_unchecked(carrier) }
    }
}
