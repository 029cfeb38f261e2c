//! A queue in order of block number, and the orders that walk along it.

use crate::machine::disk::DiskRequest;

#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// Upwards, then from the lowest again (C-LOOK).
    Ascending,
    /// Upwards, then downwards (SCAN, turning where nothing waits further on).
    BackAndForth,
    /// To the nearest (SSTF).
    Nearest,
}

#[derive(Clone, Debug)]
pub(in super::super) struct Sorted {
    order: Order,
    /// Ascending; those for one block in order of arrival.
    waiting: Vec<DiskRequest>,
    /// First block of the request last taken.
    position: u64,
    downwards: bool,
}

impl Sorted {
    pub(super) fn new(order: Order) -> Self {
        Self {
            order,
            waiting: Vec::new(),
            position: 0,
            downwards: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn push(&mut self, request: DiskRequest) {
        let after = self.waiting.partition_point(|w| w.lbn <= request.lbn);
        self.waiting.insert(after, request);
    }

    pub(super) fn pop(&mut self) -> Option<DiskRequest> {
        let above = self.waiting.partition_point(|w| w.lbn < self.position);
        let up = (above < self.waiting.len()).then_some(above);
        let next = match self.order {
            Order::Ascending => up.or((above > 0).then_some(0)),
            Order::BackAndForth => self.onwards(up, self.below(above)),
            Order::Nearest => self.nearer(up, self.below(above)),
        }?;
        let request = self.waiting.remove(next);
        self.position = request.lbn;
        Some(request)
    }

    /// The first to arrive of those for the highest block below `above`.
    fn below(&self, above: usize) -> Option<usize> {
        let lbn = self.waiting[..above].last()?.lbn;
        Some(self.waiting.partition_point(|w| w.lbn < lbn))
    }

    fn onwards(&mut self, up: Option<usize>, down: Option<usize>) -> Option<usize> {
        let here = up.filter(|&index| self.waiting[index].lbn == self.position);
        let (ahead, behind) = if self.downwards {
            (down, up)
        } else {
            (up, down)
        };
        let turned = || behind.inspect(|_| self.downwards = !self.downwards);
        here.or(ahead).or_else(turned)
    }

    fn nearer(&self, up: Option<usize>, down: Option<usize>) -> Option<usize> {
        let distance = |index: &usize| self.waiting[*index].lbn.abs_diff(self.position);
        // The first of equals.
        up.into_iter().chain(down).min_by_key(distance)
    }
}
