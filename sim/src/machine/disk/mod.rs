//! Disks: a mechanism (or a law of service times), the host's queue in front of
//! it, and what both count.
//!
//! A [`Disk`] knows no clock: whoever drives it says what time it is, be it the
//! simulator or a process that emulates a disk in real time.
//!
//! **Modelled**: reads, one at a time. The host's queue with its scheduling. Of
//! the drive: zones, skews, spare and slipped sectors; a measured seek curve;
//! head switches; the angle of the platters at every instant; transfers across
//! tracks and cylinders; controller overhead; a bus that overlaps the transfer.
//!
//! **Left out**: the drive's own cache and its reading ahead (every request is
//! a miss, and the arm stays where the last read ended), its own queue, writes,
//! remapped sectors, recalibration, and the limit that the drive's buffer puts
//! on how far reading may run ahead of the bus.
//!
//! **Checked**: the shipped `cheetah9lp` profile
//! - against DiskSim 4.0 with its validated parameters of the same drive, closed
//!   loops of 1 to 64 random 8 KiB reads, FCFS and C-LOOK: throughput, response
//!   time, seek and transfer within 0.3 %, rotation within 0.7 % (the reference's
//!   own standard error there is 0.4 %). What is left comes from the drive's
//!   reading ahead: a new read waits for the end of a sector, 0.015 ms on average.
//! - against the drive itself, 2,120 reads of a recorded trace that its cache
//!   cannot have held: mean 9.34 ms for 9.26 ms (0.9 % off), and a demerit figure
//!   of 0.102 ms (1.1 % of the mean).
//!
//! The laws reproduce M/D/1 and machine repair within 0.5 %, their sampling error.

mod hdd;
mod layout;
mod profile;
mod queue;
mod seek;
mod stats;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use crate::engine::Nanos;
use hdd::Hdd;
pub use profile::{DiskProfile, ExponentialProfile, FixedProfile, HddProfile, Milliseconds, Zone};
use queue::HostQueue;
pub use queue::Scheduling;
pub use stats::DiskStats;
use stats::ServiceTime;

/// The unit of disk addresses and sizes.
pub const SECTOR_BYTES: u64 = 512;

/// A read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskRequest {
    /// First block, of [`SECTOR_BYTES`].
    pub lbn: u64,
    /// Number of blocks, at least 1.
    pub sectors: u32,
    /// Whatever the caller wants back at completion.
    pub tag: u64,
}

/// A disk and the host's queue in front of it.
#[derive(Clone, Debug)]
pub struct Disk {
    law: Law,
    sectors: u64,
    queue: HostQueue,
    in_service: Option<InService>,
    /// Up to here the integrals in `stats` have been taken.
    now: Nanos,
    stats: DiskStats,
}

#[derive(Clone, Debug)]
enum Law {
    Hdd(Box<Hdd>),
    Fixed(Nanos),
    Exponential {
        mean: Nanos,
        stream: Xoshiro256PlusPlus,
    },
}

#[derive(Clone, Copy, Debug)]
struct InService {
    request: DiskRequest,
    time: ServiceTime,
}

impl Disk {
    /// An idle disk at time zero, its arm at the outermost cylinder.
    ///
    /// `initial_phase` is how far round the platters stand at time zero, in
    /// revolutions. `seed` determines the service times of an exponential law;
    /// nothing else is random.
    pub fn new(
        profile: &DiskProfile,
        scheduling: Scheduling,
        initial_phase: f64,
        seed: u64,
    ) -> Self {
        let law = match profile {
            DiskProfile::Hdd(hdd) => Law::Hdd(Box::new(Hdd::new(hdd, initial_phase))),
            DiskProfile::Fixed(fixed) => Law::Fixed(fixed.service_ms.0),
            DiskProfile::Exponential(exponential) => Law::Exponential {
                mean: exponential.mean_ms.0,
                stream: Xoshiro256PlusPlus::seed_from_u64(seed),
            },
        };
        Self {
            law,
            sectors: profile.sectors(),
            queue: HostQueue::new(scheduling),
            in_service: None,
            now: Nanos::ZERO,
            stats: DiskStats::default(),
        }
    }

    /// Capacity in sectors of [`SECTOR_BYTES`].
    pub fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Takes a request. If the disk was idle it starts at once, and the instant
    /// at which it will finish is returned; otherwise it waits.
    ///
    /// # Panics
    /// If the request is empty or reaches beyond the end of the disk, or if
    /// `now` is earlier than in a previous call.
    pub fn submit(&mut self, now: Nanos, request: DiskRequest) -> Option<Nanos> {
        let end = request.lbn.saturating_add(request.sectors.into());
        assert!(
            request.sectors > 0 && end <= self.sectors,
            "{request:?} is not on a disk of {} sectors",
            self.sectors
        );
        self.settle(now);
        self.queue.push(request);
        if self.in_service.is_none() {
            return self.start_next();
        }
        self.stats.max_waiting = self.stats.max_waiting.max(self.queue.len());
        None
    }

    /// Ends the request in service and starts the next one, if any waits.
    /// Returns the ended one and the instant at which the next will finish.
    ///
    /// `now` is the instant that was announced for the ended request. A driver
    /// that runs late passes that instant all the same, so that its delays do
    /// not add up; a later one stretches the service.
    ///
    /// # Panics
    /// If no request is in service, or if `now` is earlier than in a previous
    /// call.
    pub fn complete(&mut self, now: Nanos) -> (DiskRequest, Option<Nanos>) {
        self.settle(now);
        let ended = self.in_service.take().expect("no request in service");
        self.stats.record(ended.request, ended.time);
        (ended.request, self.start_next())
    }

    /// What the disk has done up to the latest call.
    pub fn stats(&self) -> &DiskStats {
        &self.stats
    }

    /// Brings the time integrals in the statistics up to `now`.
    ///
    /// # Panics
    /// If `now` is earlier than in a previous call.
    pub fn settle(&mut self, now: Nanos) {
        assert!(now >= self.now, "time runs back from {} to {now}", self.now);
        let span = now - self.now;
        self.now = now;
        self.stats.waiting += span * self.queue.len() as u64;
        if self.in_service.is_some() {
            self.stats.busy += span;
        }
    }

    /// How many requests have been submitted and not completed.
    pub fn pending(&self) -> usize {
        self.queue.len() + usize::from(self.in_service.is_some())
    }

    /// Starts the next waiting request, if any, and returns when it will finish.
    fn start_next(&mut self) -> Option<Nanos> {
        let request = self.queue.pop()?;
        let time = self.law.service_time(self.now, request);
        self.in_service = Some(InService { request, time });
        Some(self.now + time.total)
    }
}

impl Law {
    fn service_time(&mut self, start: Nanos, request: DiskRequest) -> ServiceTime {
        match self {
            Self::Hdd(hdd) => hdd.read(start, request),
            Self::Fixed(time) => ServiceTime::whole(*time),
            Self::Exponential { mean, stream } => ServiceTime::whole(exponential(*mean, stream)),
        }
    }
}

/// By inversion, with a logarithm that is the same on every platform.
fn exponential(mean: Nanos, stream: &mut Xoshiro256PlusPlus) -> Nanos {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    let above_zero = ((stream.next_u64() >> 11) + 1) as f64 * UNIT;
    Nanos((-libm::log(above_zero) * mean.0 as f64).round() as u64)
}
