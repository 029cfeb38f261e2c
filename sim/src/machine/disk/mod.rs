//! Disks: a mechanism (or a law of service times), the host's queue in front of
//! it, and what both count.
//!
//! A [`Disk`] knows no clock: whoever drives it says what time it is, be it the
//! simulator or a process that emulates a disk in real time.
//!
//! Requests wait in the host's queue, which has a scheduling; the device takes
//! up to its `queue_depth` of them and serves one (a rotating drive) or all (the
//! other kinds) at once. Of those that a drive holds it serves the one that its
//! mechanism reaches first.
//!
//! **Modelled**: reads. Of a rotating drive: zones, skews, spare and slipped
//! sectors; a measured seek curve; head switches; the angle of the platters at
//! every instant; transfers across tracks and cylinders; controller overhead; a
//! bus that overlaps the transfer. Of a solid-state drive: dies, channels, flash
//! pages striped over them, controller overhead, the link to the host. Of a
//! measured one: a table of latencies.
//!
//! **Left out**: writes. Of a rotating drive: its own cache and its reading
//! ahead (every request is a miss, and the arm stays where the last read ended),
//! remapped sectors, recalibration, the limit that the drive's buffer puts on how
//! far reading may run ahead of the bus, and whatever its firmware does against
//! starvation. Of a solid-state drive: caches, planes, mapping misses, garbage
//! collection, error correction, and a limit of the controller on requests per
//! second.
//!
//! **Checked**: the shipped `cheetah9lp` profile
//! - against DiskSim 4.0 with its validated parameters of the same drive, closed
//!   loops of 1 to 64 random 8 KiB reads, FCFS, C-LOOK, SSTF and SCAN in the host:
//!   throughput, response time, seek and transfer within 0.4 %, rotation within
//!   0.7 % (the reference's own standard error there is 0.4 %). What is left comes
//!   from the drive's reading ahead: a new read waits for the end of a sector,
//!   0.015 ms on average. There is no such reference for SPTF and disk sort.
//! - against the drive itself, 2,120 reads of a recorded trace that its cache
//!   cannot have held: mean 9.34 ms for 9.26 ms (0.9 % off), and a demerit figure
//!   of 0.102 ms (1.1 % of the mean).
//!
//! The laws reproduce M/D/c, M/M/c and machine repair within their sampling error
//! (0.3 to 1 %). The inside of a solid-state drive was checked against what follows
//! from it (a die, a channel, the link as the bottleneck; dies as M/D/1 queues) and
//! against a controller that plans nothing ahead (see `ssd.rs`), not against a real
//! drive: the `nvme` profile is made to come to three published figures.

mod device;
mod hdd;
mod law;
mod layout;
mod measured;
mod profile;
mod queue;
mod seek;
mod ssd;
mod stats;
mod timeline;

use crate::engine::Nanos;
use device::Device;
pub use profile::{
    DiskProfile, ExponentialProfile, FixedProfile, HddProfile, MeasuredProfile, MegabytesPerSecond,
    Microseconds, Milliseconds, SsdProfile, Zone,
};
use queue::HostQueue;
pub use queue::Scheduling;
pub use stats::DiskStats;

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

impl DiskRequest {
    /// How much it reads.
    pub fn bytes(&self) -> u64 {
        u64::from(self.sectors) * SECTOR_BYTES
    }
}

/// A request that has come into service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Names it until it is completed; small numbers, used again.
    pub token: u32,
    /// The instant at which [`Disk::complete`] is to be called for it.
    pub finish: Nanos,
}

/// A disk and the host's queue in front of it.
#[derive(Clone, Debug)]
pub struct Disk {
    sectors: u64,
    host: HostQueue,
    device: Device,
    /// Up to here the integrals in `stats` have been taken.
    now: Nanos,
    stats: DiskStats,
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
        let device = Device::new(profile, initial_phase, seed);
        Self {
            sectors: profile.sectors(),
            host: HostQueue::new(scheduling, device.law()),
            device,
            now: Nanos::ZERO,
            stats: DiskStats::default(),
        }
    }

    /// Capacity in sectors of [`SECTOR_BYTES`].
    pub fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Takes a request. If it comes into service at once it is added to
    /// `started`; otherwise it waits.
    ///
    /// # Panics
    /// If the request is empty or reaches beyond the end of the disk, or if
    /// `now` is earlier than in a previous call.
    pub fn submit(&mut self, now: Nanos, request: DiskRequest, started: &mut Vec<Started>) {
        let end = request.lbn.saturating_add(request.sectors.into());
        assert!(
            request.sectors > 0 && end <= self.sectors,
            "{request:?} is not on a disk of {} sectors",
            self.sectors
        );
        self.settle(now);
        self.host.push(request);
        self.start_waiting(started);
        self.stats.max_waiting = self.stats.max_waiting.max(self.waiting());
    }

    /// Ends the request in service that `token` names and returns it; adds to
    /// `started` what comes into service in its place.
    ///
    /// `now` is the instant that was announced for the ended request; of several
    /// in service the earliest is to be ended first. A driver that runs late
    /// passes that instant all the same, so that its delays do not add up; a
    /// later one stretches the service.
    ///
    /// # Panics
    /// If `token` names no request in service, or if `now` is earlier than in a
    /// previous call.
    pub fn complete(&mut self, now: Nanos, token: u32, started: &mut Vec<Started>) -> DiskRequest {
        self.settle(now);
        let ended = self.device.end(token).expect("no such request in service");
        self.stats.record(ended.request, ended.time);
        self.start_waiting(started);
        ended.request
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
        let in_service = self.device.in_service() as u64;
        self.stats.waiting += span * self.waiting() as u64;
        self.stats.in_service += span * in_service;
        self.stats.busy += span * in_service.min(1);
    }

    /// How many requests have been submitted and not completed.
    pub fn pending(&self) -> usize {
        self.waiting() + self.device.in_service()
    }

    /// How many of them are not in service.
    fn waiting(&self) -> usize {
        self.host.len() + self.device.waiting()
    }

    /// Hands over and starts whatever there is room for.
    fn start_waiting(&mut self, started: &mut Vec<Started>) {
        while self.device.has_room() {
            let Some(request) = self.host.pop(self.now, self.device.law()) else {
                break;
            };
            self.device.take(request);
        }
        while let Some(next) = self.device.start_next(self.now) {
            started.push(next);
        }
    }
}
