//! The host's queue in front of a disk, and the order in which it is served.

mod disksort;
mod sorted;

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DiskRequest;
use super::law::Law;
use crate::engine::Nanos;
use disksort::Disksort;
use sorted::{Order, Sorted};

/// Which waiting request the host hands to the disk next.
///
/// A position is the first block of the request last handed over: hosts know
/// block numbers, not cylinders. All but `fcfs` can starve a request while
/// others keep coming near the position; requests for one block keep their
/// order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheduling {
    /// In order of arrival (`"fcfs"`).
    Fcfs,
    /// The block number nearest to the position; of two equally near, the
    /// higher (`"sstf"`; DiskSim's SSTF_LBN).
    Sstf,
    /// In ascending order of block number from the position on, then on from
    /// the lowest (`"c-look"`; DiskSim's CYCLE_LBN). FreeBSD's present disk sort
    /// (`bioq_disksort`, which sorts by the distance ahead of `last_offset`) is
    /// this, from the end of the last request instead of its beginning.
    #[serde(rename = "c-look")]
    CLook,
    /// In ascending order from the position to the highest, then descending
    /// to the lowest, and so on (`"scan"`; DiskSim's ELEVATOR_LBN).
    Scan,
    /// What the mechanism would reach first: overhead, seek and rotation from
    /// this instant (`"sptf"`, shortest positioning time first). The host is
    /// taken to know the drive perfectly. In order of arrival where there is no
    /// mechanism (every kind but `hdd`).
    Sptf,
    /// FreeBSD's disk sort as long as it had two lists (`"disksort"`;
    /// `bufqdisksort`, then `bioq_disksort`, in `sys/kern/subr_disk.c`, with a
    /// `switch_point` between the lists): a one-way elevator. It differs from
    /// `c-look` while everything that waits lies behind the position: C-LOOK
    /// would still turn to an arrival ahead of it; disk sort already counts what
    /// waits as the next sweep and puts the arrival into that, or, if it lies
    /// behind the position, into the one after.
    Disksort,
}

#[derive(Clone, Debug)]
pub(super) enum HostQueue {
    Arrival(VecDeque<DiskRequest>),
    Sorted(Sorted),
    Disksort(Disksort),
    Positioning(Vec<DiskRequest>),
}

impl HostQueue {
    pub(super) fn new(scheduling: Scheduling, law: &Law) -> Self {
        match scheduling {
            Scheduling::Sstf => Self::Sorted(Sorted::new(Order::Nearest)),
            Scheduling::CLook => Self::Sorted(Sorted::new(Order::Ascending)),
            Scheduling::Scan => Self::Sorted(Sorted::new(Order::BackAndForth)),
            Scheduling::Disksort => Self::Disksort(Disksort::default()),
            Scheduling::Sptf if law.has_geometry() => Self::Positioning(Vec::new()),
            Scheduling::Fcfs | Scheduling::Sptf => Self::Arrival(VecDeque::new()),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Arrival(waiting) => waiting.len(),
            Self::Sorted(waiting) => waiting.len(),
            Self::Disksort(waiting) => waiting.len(),
            Self::Positioning(waiting) => waiting.len(),
        }
    }

    pub(super) fn push(&mut self, request: DiskRequest) {
        match self {
            Self::Arrival(waiting) => waiting.push_back(request),
            Self::Sorted(waiting) => waiting.push(request),
            Self::Disksort(waiting) => waiting.push(request),
            Self::Positioning(waiting) => waiting.push(request),
        }
    }

    /// The request to hand over at `now` to a device that follows `law`.
    pub(super) fn pop(&mut self, now: Nanos, law: &Law) -> Option<DiskRequest> {
        match self {
            Self::Arrival(waiting) => waiting.pop_front(),
            Self::Sorted(waiting) => waiting.pop(),
            Self::Disksort(waiting) => waiting.pop(),
            Self::Positioning(waiting) => {
                let next = law.nearest(now, waiting)?;
                Some(waiting.remove(next))
            }
        }
    }
}
