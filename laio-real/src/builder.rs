//! Options of an engine.

use crate::{Detector, EngineKind, Error, Laio};

/// Carriers by default: ours. Each costs a kernel thread and about 12 KiB once it has run.
const DEFAULT_CARRIERS: usize = 256;

/// How an engine is to be started. Made by [`Laio::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) cpu: Option<usize>,
    pub(crate) max_carriers: usize,
    pub(crate) swap_fs_base: bool,
    pub(crate) engine: Option<EngineKind>,
    pub(crate) detector: Option<Detector>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            cpu: None,
            max_carriers: DEFAULT_CARRIERS,
            swap_fs_base: true,
            engine: None,
            detector: None,
        }
    }

    /// Pins the loop and its carriers to this processor. By default, and with a detector that needs
    /// it, to the one of those allowed to which the fewest loops of this process are pinned; the one
    /// that the loop is on, if that is among them. What other processes pin is not known. The other
    /// engines pin nothing, and ignore it.
    ///
    /// Two loops on one processor work, but each keeps the other's standby from noticing in time
    /// that its loop has blocked: in a trial with cold reads of 100,000 files some 450 calls of each
    /// were late, and on processors of their own at most 20.
    #[must_use]
    pub fn cpu(mut self, cpu: usize) -> Self {
        self.cpu = Some(cpu);
        self
    }

    /// The most kernel threads that the loop and its background calls may use, at least 2. 256 by
    /// default.
    ///
    /// When all but two are in calls (one of these runs the loop, one watches it), reads, writes,
    /// `recvfrom`, `recvmsg`, `sendto`, `sendmsg` and `accept`s on sockets, pipes and eventfds that
    /// would block do without a carrier
    /// ([`parked`](crate::CallCounters::parked)): idle connections, however many, cannot use up the
    /// limit. Parked, socket timeouts (`SO_RCVTIMEO`) are not observed. One other call can then
    /// still be taken out of the loop; a further one that blocks stalls it and is counted as
    /// [`at_limit`](crate::CallCounters::at_limit).
    ///
    /// Where the system refuses more threads (`RLIMIT_NPROC`, a cgroup's limit), that is the limit.
    ///
    /// For the pool, and for io_uring's calls that a thread must make, this limits the threads;
    /// beyond, a call waits in the background for a thread. If all of them are in calls that only
    /// the end of the waiting one can end, none ever does: choose the limit by how many calls may
    /// wait for each other.
    #[must_use]
    pub fn max_carriers(mut self, carriers: usize) -> Self {
        self.max_carriers = carriers;
        self
    }

    /// Whether a carrier in a call has an FS base of its own; on by default. Off, a call is some
    /// 25 ns faster, and a signal handler that runs on a carrier in a background call (which takes
    /// a synchronous signal, or one unblocked there by hand) would use the loop's thread-local
    /// storage at the same time as the loop.
    #[must_use]
    pub fn swap_fs_base(mut self, swap: bool) -> Self {
        self.swap_fs_base = swap;
        self
    }

    /// Takes this engine, or none. By default it is the upcall engine; and the pool where the
    /// processor or the kernel cannot run that one: not x86-64, no FSGSBASE, shadow stacks on.
    /// [`Laio::engine`] says which it is. io_uring is never chosen by itself: the crate's
    /// documentation says why.
    #[must_use]
    pub fn engine(mut self, engine: EngineKind) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Takes this detector of the upcall engine, or none; by default the best that this machine
    /// allows. With a detector asked for, the pool is not taken instead of the upcall engine; if
    /// another engine is asked for, that ignores it.
    #[must_use]
    pub fn detector(mut self, detector: Detector) -> Self {
        self.detector = Some(detector);
        self
    }

    /// Starts the engine; the calling thread is the loop.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start(self) -> Result<Laio, Error> {
        Laio::start(&self)
    }
}
