//! What the two threads share: the one that reads requests and the disk.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{hint, mem};

use fuser::{Errno, ReplyData};
use sim::engine::Nanos;
use sim::machine::disk::Disk;

use super::log::DiskIo;
use super::queue::{Served, VirtualDisk};
use crate::emulate::clock;
use crate::emulate::error::EmulateError;
use crate::emulate::host::ProcessMeter;
use crate::emulate::image::Image;
use crate::emulate::realtime;

/// How long before the end of a request the disk stops sleeping. A sleep was
/// measured to end 20-120 us late on a virtual machine whose idle CPU halts.
const SPIN: Nanos = Nanos::from_micros(100);

/// The image, the disk model, and what is between the two threads.
pub(super) struct Server {
    pub(super) image: Image,
    state: Mutex<State>,
    /// Signalled when a request will finish before any other in the disk, and
    /// when the disk is to stop.
    work: Condvar,
    /// Set likewise, for a disk that spins.
    sooner: AtomicBool,
    fast: AtomicBool,
    log: Mutex<Vec<DiskIo>>,
    /// The threads' kernel numbers; 0 until known.
    reader: AtomicI32,
    disk: AtomicI32,
}

struct State {
    disk: VirtualDisk<ReplyData>,
    /// Nobody serves any more: refuse requests instead of letting them hang.
    stopped: bool,
}

impl Server {
    pub(super) fn new(image: Image, disk: Disk) -> Self {
        Self {
            image,
            state: Mutex::new(State {
                disk: VirtualDisk::new(disk),
                stopped: false,
            }),
            work: Condvar::new(),
            sooner: AtomicBool::new(false),
            fast: AtomicBool::new(false),
            log: Mutex::new(Vec::new()),
            reader: AtomicI32::new(0),
            disk: AtomicI32::new(0),
        }
    }

    /// A panic in the disk model must not leave readers hanging in the kernel,
    /// so a poisoned lock is still taken; [`StopOnExit`] has then stopped us.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> MutexGuard<'_, Vec<DiskIo>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request from the kernel, on the thread that reads them.
    pub(super) fn read(&self, offset_bytes: u64, length_bytes: u32, reply: ReplyData) {
        let length_bytes = self.data(offset_bytes, length_bytes).len() as u32;
        if self.fast.load(Ordering::Relaxed) || length_bytes == 0 {
            let mut io = DiskIo::arriving(clock::now(), offset_bytes, length_bytes, 0);
            io.fast = true;
            return self.reply(io, reply);
        }
        let mut state = self.state();
        if state.stopped {
            drop(state);
            return reply.error(Errno::EIO);
        }
        let before = state.disk.next_finish().unwrap_or(Nanos::MAX);
        // Read under the lock, so that the model's time never runs back.
        let now = clock::now();
        state.disk.arrive(now, offset_bytes, length_bytes, reply);
        let sooner = state
            .disk
            .next_finish()
            .is_some_and(|finish| finish < before);
        self.sooner.fetch_or(sooner, Ordering::Relaxed);
        drop(state);
        if sooner {
            self.work.notify_one();
        }
    }

    /// The disk: replies to each request when the model has finished it.
    /// Returns when stopped.
    pub(super) fn run_disk(&self) {
        self.disk.store(realtime::thread_id(), Ordering::Relaxed);
        let _guard = StopOnExit(self);
        let mut state = self.state();
        while !state.stopped {
            state.disk.advance(clock::now());
            let served = state.disk.take_served();
            if served.is_empty() {
                state = self.wait(state);
                continue;
            }
            drop(state);
            for Served { io, ticket } in served {
                self.reply(io, ticket);
            }
            state = self.state();
        }
    }

    /// Waits for work, or for the next end of a request in service: asleep, then,
    /// because waking up takes long, spinning. Returns early if a request has
    /// arrived that ends before.
    fn wait<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(finish) = state.disk.next_finish() else {
            let woken = self.work.wait(state);
            return woken.unwrap_or_else(PoisonError::into_inner);
        };
        let left = finish.saturating_sub(clock::now());
        if left > SPIN {
            let asleep = Duration::from_nanos((left - SPIN).0);
            let woken = self.work.wait_timeout(state, asleep);
            return woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.sooner.store(false, Ordering::Relaxed);
        drop(state);
        while clock::now() < finish && !self.sooner.load(Ordering::Relaxed) {
            hint::spin_loop();
        }
        self.state()
    }

    fn reply(&self, mut io: DiskIo, reply: ReplyData) {
        reply.data(self.data(io.offset_bytes, io.length_bytes));
        io.reply = clock::now();
        self.log().push(io);
    }

    /// The image's bytes, as far as it reaches.
    fn data(&self, offset_bytes: u64, length_bytes: u32) -> &[u8] {
        let image = self.image.as_bytes();
        let start = image.len().min(offset_bytes as usize);
        let end = image.len().min(start + length_bytes as usize);
        &image[start..end]
    }

    pub(super) fn set_fast(&self, fast: bool) {
        self.fast.store(fast, Ordering::Relaxed);
    }

    pub(super) fn take_log(&self) -> Vec<DiskIo> {
        mem::take(&mut *self.log())
    }

    pub(super) fn note_reader(&self, thread: libc::pid_t) {
        self.reader.store(thread, Ordering::Relaxed);
    }

    /// CPU time of both threads so far.
    pub(super) fn cpu_time(&self) -> Result<Nanos, EmulateError> {
        [&self.reader, &self.disk]
            .into_iter()
            .map(|thread| thread.load(Ordering::Relaxed))
            .filter(|&thread| thread != 0)
            .map(|thread| Ok(ProcessMeter::thread(std::process::id(), thread as u32)?.cpu))
            .sum()
    }

    /// Ends [`run_disk`](Self::run_disk) and refuses whatever is waiting.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        state.disk.abandon();
        drop(state);
        self.work.notify_one();
    }
}

/// Dropping a `ReplyData` answers EIO, so nobody waits for a disk that is gone.
struct StopOnExit<'a>(&'a Server);

impl Drop for StopOnExit<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}
