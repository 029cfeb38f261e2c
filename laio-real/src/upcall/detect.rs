//! How a watcher tells that the loop has blocked, and lets time pass between two looks.
//!
//! | detector | looks | takes for blocked |
//! |---|---|---|
//! | yield | when the scheduler runs it on the loop's CPU | whatever it sees in a call, unless preempted after a long [stretch](super::stretch) |
//! | yield+perf | the same | what the loop's [`Ring`] says has blocked |
//! | perf | when the loop's ring wakes it | what the ring says has blocked |
//! | timer | every [`PERIOD`] | what it sees in the same call twice |
//!
//! The first two need the loop pinned. The others may look from another CPU, which is why their
//! watchers make a [memory barrier](sys::barrier_everywhere) on the loop's behalf before they park.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::engine::Engine;
use super::home;
use super::ring::{Ring, Standing};
use super::stretch::Ran;
use super::sys;
use crate::{Detector, Error};

/// How often the timer looks: ours. The kernel adds its timer slack, usually 50 us.
const PERIOD: Duration = Duration::from_micros(50);
/// The longest that a perf watcher relies on being woken: ours.
const LONGEST_WAIT: Duration = Duration::from_millis(10);

/// In the order in which they are tried: by the CPU time that a blocked call costs.
const BY_COST: [Detector; 4] = [
    Detector::Yield,
    Detector::YieldPerf,
    Detector::Perf,
    Detector::Timer,
];

/// The detector asked for, or the best of those that work here.
pub(crate) fn choose(asked: Option<Detector>) -> Result<Detector, Error> {
    if let Some(detector) = asked {
        return probe(detector).map(|()| detector);
    }
    let mut why = None;
    for detector in BY_COST {
        match probe(detector) {
            Ok(()) => return Ok(detector),
            Err(error) => why = Some(error),
        }
    }
    Err(why.expect("one has been tried"))
}

/// Tries what a detector needs, on the calling thread.
fn probe(detector: Detector) -> Result<(), Error> {
    let need = |call, result: io::Result<()>| {
        result.map_err(|source| Error::Detector {
            detector,
            call,
            source,
        })
    };
    if is_pinned(detector) {
        need("sched_yield", sys::try_yield())?;
        need("sched_setaffinity", home::try_to_pin())?;
    } else {
        need("membarrier", sys::register_barrier())?;
    }
    if has_ring(detector) {
        need("perf_event_open", probe_ring())?;
    }
    Ok(())
}

fn probe_ring() -> io::Result<()> {
    let ring = Ring::none();
    ring.open(false)?;
    sys::nap(Duration::from_nanos(1));
    if ring.records() >= 2 && ring.standing() == Standing::Running {
        Ok(())
    } else {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Whether it works from the loop's own CPU only.
pub(crate) fn is_pinned(detector: Detector) -> bool {
    matches!(detector, Detector::Yield | Detector::YieldPerf)
}

/// Whether it needs the carriers' rings.
pub(crate) fn has_ring(detector: Detector) -> bool {
    matches!(detector, Detector::YieldPerf | Detector::Perf)
}

impl Engine {
    /// Watcher: whether the loop, seen in one call in `looks` looks before this one, has blocked. It
    /// has run at most for `ran` since the last look.
    pub(crate) fn has_blocked(&self, looks: u32, ran: Ran) -> bool {
        match (self.detector, self.standing()) {
            (Detector::Yield, _) | (Detector::YieldPerf, Standing::Unknown) => {
                !ran.into_preemption(looks, || self.is_runnable())
            }
            (Detector::Timer, _) | (Detector::Perf, Standing::Unknown) => looks > 0,
            (Detector::YieldPerf | Detector::Perf, standing) => standing == Standing::Blocked,
        }
    }

    /// Asks the kernel about the loop, if it tells. That takes a while, in which the loop does not run
    /// as a rule.
    fn is_runnable(&self) -> bool {
        let Some(tasks) = &self.tasks else {
            return false;
        };
        let is_runnable = sys::is_runnable(tasks.as_raw_fd(), self.carrier().id());
        self.stretch.begin();
        is_runnable
    }

    /// A standby that does not watch: whether it may take the loop, should it be in a call.
    pub(crate) fn is_off_cpu(&self) -> bool {
        is_pinned(self.detector) && self.has_blocked(0, self.stretch.end())
    }

    /// Watcher: until the next look.
    pub(crate) fn wait_to_look(&self) {
        match self.detector {
            Detector::Yield | Detector::YieldPerf => sys::yield_cpu(),
            Detector::Timer => sys::nap(PERIOD),
            Detector::Perf => match self.carrier().ring.fd() {
                ..0 => sys::nap(PERIOD),
                ring => sys::wait_readable(ring, LONGEST_WAIT),
            },
        }
    }

    fn standing(&self) -> Standing {
        if has_ring(self.detector) {
            self.carrier().ring.standing()
        } else {
            Standing::Unknown
        }
    }
}
