//! The host's queue in front of a disk, and the order in which it is served.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use serde::{Deserialize, Serialize};

use super::DiskRequest;

/// Which waiting request the host hands to the disk next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheduling {
    /// In order of arrival (`"fcfs"`).
    Fcfs,
    /// In ascending order of block number from the request last handed over,
    /// then on from the lowest (`"c-look"`); equal block numbers in order of
    /// arrival. An endless stream of requests for one block would starve the
    /// others; a page cache in front of the disk never issues one.
    #[serde(rename = "c-look")]
    CLook,
}

/// Where a request stands in a sweep: its block number (always 0 under FCFS,
/// which makes a sweep the order of arrival), then its arrival number.
type Place = (u64, u64);

#[derive(Clone, Debug)]
pub(super) struct HostQueue {
    scheduling: Scheduling,
    waiting: BTreeMap<Place, DiskRequest>,
    arrivals: u64,
    /// The request last handed to the disk.
    swept_to: Place,
}

impl HostQueue {
    pub(super) fn new(scheduling: Scheduling) -> Self {
        Self {
            scheduling,
            waiting: BTreeMap::new(),
            arrivals: 0,
            swept_to: (0, 0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn push(&mut self, request: DiskRequest) {
        self.arrivals += 1;
        let lbn = match self.scheduling {
            Scheduling::Fcfs => 0,
            Scheduling::CLook => request.lbn,
        };
        self.waiting.insert((lbn, self.arrivals), request);
    }

    pub(super) fn pop(&mut self) -> Option<DiskRequest> {
        let ahead = self
            .waiting
            .range((Excluded(self.swept_to), Unbounded))
            .next();
        let place = *ahead.or_else(|| self.waiting.iter().next())?.0;
        self.swept_to = place;
        self.waiting.remove(&place)
    }
}
