//! The older disk sort of FreeBSD: two lists, each in ascending order.

use std::collections::VecDeque;

use crate::machine::disk::DiskRequest;

#[derive(Clone, Debug, Default)]
pub(in super::super) struct Disksort {
    /// The sweep under way, or, if it has come to its end, the next one.
    sweep: VecDeque<DiskRequest>,
    /// What came in after its block had been passed.
    after: VecDeque<DiskRequest>,
    /// First block of the request last taken.
    position: u64,
}

impl Disksort {
    pub(super) fn len(&self) -> usize {
        self.sweep.len() + self.after.len()
    }

    pub(super) fn push(&mut self, request: DiskRequest) {
        let passed = request.lbn < self.position && !self.sweep.is_empty();
        let list = if passed {
            &mut self.after
        } else {
            &mut self.sweep
        };
        let place = list.partition_point(|w| w.lbn <= request.lbn);
        list.insert(place, request);
    }

    pub(super) fn pop(&mut self) -> Option<DiskRequest> {
        let request = self.sweep.pop_front()?;
        self.position = request.lbn;
        if self.sweep.is_empty() {
            std::mem::swap(&mut self.sweep, &mut self.after);
        }
        Some(request)
    }
}
