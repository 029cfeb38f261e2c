//! What a disk counts.

use super::DiskRequest;
use crate::engine::Nanos;

/// Statistics of a disk since its creation.
///
/// `busy`, `in_service` and `waiting` are exact up to the latest call on the
/// disk; the rest is counted when a request ends. Once every request has ended,
/// `in_service` is the sum of `seek`, `rotation`, `transfer` and `overhead`
/// (unless a driver ended requests late). `waiting` and `in_service` together
/// are the time integral of the number of requests in the disk; `busy` is the
/// same as `in_service` if the disk serves one at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// Requests ended.
    pub requests: u64,
    /// Sectors of the requests ended.
    pub sectors: u64,
    /// Time with at least one request in service.
    pub busy: Nanos,
    /// Service, summed over requests: the time integral of the number in service.
    pub in_service: Nanos,
    /// Waiting in the host's queue and the drive's, summed over requests: the
    /// time integral of their length.
    pub waiting: Nanos,
    /// Most requests that ever waited at once.
    pub max_waiting: usize,
    /// Seeks and head switches before first sectors.
    pub seek: Nanos,
    /// Waits for first sectors to come round.
    pub rotation: Nanos,
    /// From the start of a request's first sector to the end of its last under
    /// the head, changes of track in between included.
    pub transfer: Nanos,
    /// The rest: controller, and bus after the last sector; for every kind but
    /// `hdd`, all.
    pub overhead: Nanos,
}

impl DiskStats {
    /// What was done since `earlier`, a copy of these statistics; `max_waiting` stays that of the
    /// whole time.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            sectors: self.sectors - earlier.sectors,
            busy: self.busy - earlier.busy,
            in_service: self.in_service - earlier.in_service,
            waiting: self.waiting - earlier.waiting,
            max_waiting: self.max_waiting,
            seek: self.seek - earlier.seek,
            rotation: self.rotation - earlier.rotation,
            transfer: self.transfer - earlier.transfer,
            overhead: self.overhead - earlier.overhead,
        }
    }

    /// What two disks did together; `busy` is the sum, up to their number times the time.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            sectors: self.sectors + other.sectors,
            busy: self.busy + other.busy,
            in_service: self.in_service + other.in_service,
            waiting: self.waiting + other.waiting,
            max_waiting: self.max_waiting.max(other.max_waiting),
            seek: self.seek + other.seek,
            rotation: self.rotation + other.rotation,
            transfer: self.transfer + other.transfer,
            overhead: self.overhead + other.overhead,
        }
    }

    pub(super) fn record(&mut self, request: DiskRequest, time: ServiceTime) {
        self.requests += 1;
        self.sectors += u64::from(request.sectors);
        self.seek += time.seek;
        self.rotation += time.rotation;
        self.transfer += time.transfer;
        let parts = time.seek + time.rotation + time.transfer;
        self.overhead += time.total.saturating_sub(parts);
    }
}

/// How long a request takes from start to end, and what parts of it are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ServiceTime {
    pub(super) total: Nanos,
    pub(super) seek: Nanos,
    pub(super) rotation: Nanos,
    pub(super) transfer: Nanos,
}

impl ServiceTime {
    /// From spans in nanoseconds. The parts are rounded down, so that together
    /// they never exceed the whole.
    pub(super) fn of_parts(total: f64, seek: f64, rotation: f64, transfer: f64) -> Self {
        Self {
            total: Nanos(total.round() as u64),
            seek: Nanos(seek as u64),
            rotation: Nanos(rotation as u64),
            transfer: Nanos(transfer as u64),
        }
    }

    pub(super) fn whole(total: Nanos) -> Self {
        Self {
            total,
            ..Self::default()
        }
    }
}
