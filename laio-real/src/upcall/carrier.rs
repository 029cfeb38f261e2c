//! Carriers: bare kernel threads that run the loop in turn and sit in its calls when they block.
//!
//! A carrier never touches libc's thread-local storage. It has a stack of its own for standing by
//! and for sitting in calls, an FS base pointing to a dummy, and a node for one result.

use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};
use std::time::Duration;

use super::cancel::Occupation;
use super::engine::Engine;
use super::finished::Node;
use super::ring::Ring;
use super::sensor::Sensor;
use super::state::Word;
use super::stopwatch::Stopwatch;
use super::{detect, switch, sys, watcher};
use crate::Detector;

/// Ours: the standby code needs a few hundred bytes and a signal frame with every vector register
/// some 12 KiB; untouched pages cost nothing.
const STACK_BYTES: usize = 64 << 10;
const GUARD_BYTES: usize = 4 << 10;
/// Half below the FS base, where thread-local variables would be, half above for the thread
/// control block, of which some code reads the pointer to itself and the stack guard.
const DUMMY_TLS_BYTES: usize = 8 << 10;
const MAP_BYTES: usize = GUARD_BYTES + STACK_BYTES + DUMMY_TLS_BYTES;

/// A carrier's memory: a guard page, its stack, and its dummy thread-local storage.
pub(crate) struct Stack {
    map: *mut libc::c_void,
}

impl Stack {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, wherever the kernel likes.
        let map = unsafe { libc::mmap(ptr::null_mut(), MAP_BYTES, access, flags, -1, 0) };
        if map == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Self { map };
        let fs_base = stack.fs_base();
        // SAFETY: the lowest page of the mapping, not used by anybody; and two aligned words
        // inside it. The ABI wants the first to point to itself; glibc keeps the thread pointer
        // again in the third.
        unsafe {
            libc::mprotect(map, GUARD_BYTES, libc::PROT_NONE);
            let block = fs_base as *mut usize;
            block.write(fs_base);
            block.add(2).write(fs_base);
        }
        Ok(stack)
    }

    fn top(&self) -> usize {
        self.map as usize + GUARD_BYTES + STACK_BYTES
    }

    fn fs_base(&self) -> usize {
        self.top() + DUMMY_TLS_BYTES / 2
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, and its user has ended.
        unsafe { libc::munmap(self.map, MAP_BYTES) };
    }
}

/// One carrier. `repr(C)` because `switch.rs` reaches into it by field offset, and so that all that
/// a call which does not block uses is in the first cache line.
#[repr(C, align(64))]
pub(crate) struct Carrier {
    pub(crate) stack_top: usize,
    pub(crate) fs_base: usize,
    pub(crate) occupation: Occupation,
    pub(crate) stopwatch: Stopwatch,
    pub(crate) sensor: Sensor,
    engine: NonNull<Engine>,
    /// Where its next result goes; attached by the loop, taken by [`after_theft`].
    pub(crate) node: AtomicPtr<Node>,
    /// False while it runs the loop or sits in a call that the loop was stolen from. True again
    /// before the call's result can be seen, so that a loop which has seen every result finds
    /// every carrier free.
    pub(crate) stands_by: AtomicBool,
    /// Not 0 while a kernel thread made for it exists; the kernel clears it. Always 0 for the
    /// loop's original thread.
    pub(crate) alive: AtomicU32,
    /// Its kernel thread's id.
    id: AtomicI32,
    /// Empty if the detector needs none.
    pub(crate) ring: Ring,
    _stack: Stack,
}

impl Carrier {
    /// A carrier without a kernel thread, to be freed by `Box::from_raw`.
    pub(crate) fn new(engine: NonNull<Engine>, stack: Stack) -> NonNull<Self> {
        NonNull::from(Box::leak(Box::new(Self {
            stack_top: stack.top(),
            fs_base: stack.fs_base(),
            engine,
            node: AtomicPtr::new(Node::leaked()),
            stands_by: AtomicBool::new(false),
            alive: AtomicU32::new(0),
            id: AtomicI32::new(0),
            occupation: Occupation::none(),
            stopwatch: Stopwatch::stopped(),
            sensor: Sensor::new(),
            ring: Ring::none(),
            _stack: stack,
        })))
    }

    /// Gives the carrier a kernel thread, which stands by at once. It inherits the loop's CPU,
    /// policy and signal mask.
    ///
    /// # Safety
    /// The carrier must stay where it is until `alive` is 0, or for ever.
    pub(crate) unsafe fn start(&self) -> io::Result<()> {
        self.alive.store(1, Ordering::Relaxed);
        self.stands_by.store(true, Ordering::Relaxed);
        // SAFETY: the caller keeps the carrier alive.
        let id = unsafe { switch::spawn(self, carrier_main) };
        if id < 0 {
            self.alive.store(0, Ordering::Relaxed);
            return Err(io::Error::from_raw_os_error(-id as i32));
        }
        self.id.store(id as i32, Ordering::Relaxed);
        Ok(())
    }

    /// Makes the calling kernel thread, the loop's original one, this carrier's.
    pub(crate) fn adopt_thread(&self) {
        // SAFETY: takes no memory.
        let id = unsafe { sys::raw(libc::SYS_gettid, [0; 4]) };
        self.id.store(id as i32, Ordering::Relaxed);
    }

    /// Opens the calling kernel thread's ring, if the detector needs one. Where the kernel refuses
    /// (unprivileged users have a limit on the memory of all rings) the carrier does without.
    pub(crate) fn open_ring(&self) {
        let detector = self.engine().detector;
        if detect::has_ring(detector) {
            let _ = self.ring.open(detector == Detector::Perf);
            // Leaves the CPU for the first time: see `Ring::open`.
            sys::nap(Duration::from_nanos(1));
        }
    }

    /// Its kernel thread's id.
    pub(crate) fn id(&self) -> i32 {
        self.id.load(Ordering::Relaxed)
    }

    /// Waits until the kernel thread made for it has ended.
    pub(crate) fn join(&self) {
        while self.alive.load(Ordering::Acquire) != 0 {
            sys::futex_wait_shared(&self.alive, 1);
        }
    }

    /// Whether its kernel thread is the loop's original one.
    pub(crate) fn is_home(&self) -> bool {
        self.alive.load(Ordering::Relaxed) == 0
    }

    /// The home carrier's end.
    pub(crate) fn sleep_for_ever(&self) -> ! {
        loop {
            sys::futex_wait(&self.alive, 0);
        }
    }

    pub(crate) fn engine(&self) -> &'static Engine {
        // SAFETY: an engine is freed only after all its carriers have ended.
        unsafe { self.engine.as_ref() }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        let node = *self.node.get_mut();
        if !node.is_null() {
            // SAFETY: it came from `Node::leaked`, and only the carrier has it.
            drop(unsafe { Box::from_raw(node) });
        }
    }
}

extern "C" fn carrier_main(carrier: &'static Carrier) -> ! {
    carrier.sensor.attach(carrier.engine().hints.get());
    carrier.open_ring();
    watcher::stand_by(carrier, true)
}

/// Where a carrier goes when its call ends and the loop is gone: it posts the result, and
/// stands by, or goes on as a loop that napped.
pub(crate) extern "C" fn after_theft(
    carrier: &'static Carrier,
    word: u64,
    number: usize,
    value: i64,
) -> ! {
    let engine = carrier.engine();
    carrier.occupation.end();
    let row = engine.tally.of(number);
    if !carrier.sensor.call_blocked() {
        row.false_steals.fetch_add(1, Ordering::Relaxed);
    }
    if let Some(took_ns) = carrier.stopwatch.elapsed_ns() {
        row.completion.add(took_ns);
    }
    let node = carrier.node.swap(ptr::null_mut(), Ordering::Relaxed);
    carrier.stands_by.store(true, Ordering::Release);
    // SAFETY: the node was attached for this result and has just been taken off the carrier.
    if unsafe { engine.post(node, Word(word).call(), value) } {
        watcher::take_over(carrier)
    }
    watcher::stand_by(carrier, false)
}
