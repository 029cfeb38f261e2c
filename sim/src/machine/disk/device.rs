//! The disk behind its connector: what the host has handed over and what of it
//! is in service.

use super::law::Law;
use super::profile::DiskProfile;
use super::stats::ServiceTime;
use super::{DiskRequest, Started};
use crate::engine::Nanos;

/// A device that holds up to `queue_depth` requests and serves up to `servers`
/// of them at once; one that serves fewer than it holds picks the one that its
/// mechanism reaches first.
#[derive(Clone, Debug)]
pub(super) struct Device {
    law: Law,
    queue_depth: usize,
    servers: usize,
    /// Handed over and not yet in service, in this order.
    queue: Vec<DiskRequest>,
    /// By token.
    slots: Vec<Option<InService>>,
    free: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct InService {
    pub(super) request: DiskRequest,
    pub(super) time: ServiceTime,
}

impl Device {
    pub(super) fn new(profile: &DiskProfile, initial_phase: f64, seed: u64) -> Self {
        Self {
            law: Law::new(profile, initial_phase, seed),
            queue_depth: profile.queue_depth() as usize,
            servers: profile.servers() as usize,
            queue: Vec::new(),
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) fn law(&self) -> &Law {
        &self.law
    }

    /// Requests that it holds and does not serve yet.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn in_service(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting() + self.in_service() < self.queue_depth
    }

    /// Takes a request over from the host; there is room.
    pub(super) fn take(&mut self, request: DiskRequest) {
        self.queue.push(request);
    }

    /// Starts the next request at `now` if one waits and a server is free.
    pub(super) fn start_next(&mut self, now: Nanos) -> Option<Started> {
        if self.in_service() == self.servers {
            return None;
        }
        let next = self.law.nearest(now, &self.queue)?;
        let request = self.queue.remove(next);
        let token = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        let time = self.law.serve(now, request, self.in_service());
        self.slots[token as usize] = Some(InService { request, time });
        let finish = now + time.total;
        Some(Started { token, finish })
    }

    /// Ends the request in service that `token` names; `None` if there is none.
    pub(super) fn end(&mut self, token: u32) -> Option<InService> {
        let ended = self.slots.get_mut(token as usize)?.take()?;
        self.free.push(token);
        Some(ended)
    }
}
