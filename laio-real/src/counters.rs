//! How often calls blocked, in all and per system call number.

use std::ops::AddAssign;
use std::time::Duration;

/// Times of sampled calls: of each number, the first call and every 64th.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// How many were timed.
    pub samples: u64,
    /// How long they took together.
    pub total: Duration,
}

impl Times {
    /// The mean, or `None` without a sample.
    pub fn mean(&self) -> Option<Duration> {
        (self.samples > 0)
            .then(|| Duration::from_secs_f64(self.total.as_secs_f64() / self.samples as f64))
    }
}

impl AddAssign for Times {
    fn add_assign(&mut self, other: Self) {
        self.samples += other.samples;
        self.total += other.total;
    }
}

/// What became of the calls of one number, or of all.
///
/// A call **blocked** if its kernel thread gave up the CPU of its own accord during the call (its
/// voluntary context switches rose), whatever the engine made of it. Being preempted is not
/// blocking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounters {
    /// Calls issued through [`Laio::syscall`](crate::Laio::syscall), without those passed through.
    pub issued: u64,
    /// Calls whose control came back before they ended, the [parked](Self::parked) ones included.
    pub stolen: u64,
    /// Calls that blocked and yet returned inline: the watcher did not run in time, or there was
    /// none ([`at_limit`](Self::at_limit)). The loop stalled in these.
    pub late: u64,
    /// Stolen calls that turned out not to block: they were preempted, and stolen meanwhile. A
    /// steal is counted here only when its call has ended.
    pub false_steals: u64,
    /// Those of the stolen calls that wait for their socket, pipe or eventfd without a carrier,
    /// because carriers had become scarce.
    pub parked: u64,
    /// Those of the late calls that no carrier was free to watch.
    pub at_limit: u64,
    /// From a call until the loop had control again, of the sampled calls that were stolen or
    /// late, without the parked ones.
    pub control_back: Times,
    /// From a call until it ended, of the same, as far as they have ended; with the io_uring engine,
    /// until the loop saw that the ring's had.
    pub completion: Times,
}

impl CallCounters {
    /// Calls that returned inline.
    pub fn done_inline(&self) -> u64 {
        self.issued - self.stolen
    }

    /// Calls that blocked: stolen + late - false steals. (Counts read while the loop runs elsewhere,
    /// as `LAIO_STATS` may at the process's exit, need not be of one moment.)
    pub fn blocked(&self) -> u64 {
        (self.stolen + self.late).saturating_sub(self.false_steals)
    }

    /// Share of the issued calls that blocked, or `None` before the first call.
    pub fn block_rate(&self) -> Option<f64> {
        (self.issued > 0).then(|| self.blocked() as f64 / self.issued as f64)
    }
}

impl AddAssign for CallCounters {
    fn add_assign(&mut self, other: Self) {
        self.issued += other.issued;
        self.stolen += other.stolen;
        self.late += other.late;
        self.false_steals += other.false_steals;
        self.parked += other.parked;
        self.at_limit += other.at_limit;
        self.control_back += other.control_back;
        self.completion += other.completion;
    }
}

/// The engine's counters since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The calls of all numbers.
    pub calls: CallCounters,
    /// Calls made as plain ones because they act on the kernel thread or the process itself.
    pub passed_through: u64,
    /// Kernel threads that carry the loop and its calls, the original one included.
    pub carriers: usize,
    /// Stolen calls whose completion [`poll`](crate::Laio::poll) has not returned yet.
    pub in_flight: usize,
}
