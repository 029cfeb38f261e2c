//! io_uring for calls that a plain attempt finds to block.

use super::Concurrent;
use super::ring::{self, Ring};
use crate::operations::Call;
use crate::residency;

struct Hybrid(Ring);

pub(super) fn open(calls: usize, builder: &mut io_uring::Builder) -> Option<Box<dyn Concurrent>> {
    Some(Box::new(Hybrid(ring::build(calls, builder)?)))
}

impl Concurrent for Hybrid {
    fn submit(&mut self, slot: usize, call: &Call) -> Option<i64> {
        residency::try_now(call).or_else(|| self.0.submit(slot, call))
    }

    fn flush(&mut self) {
        self.0.flush();
    }

    fn wait(&mut self, ended: &mut Vec<(usize, i64)>) {
        self.0.wait(ended);
    }
}
