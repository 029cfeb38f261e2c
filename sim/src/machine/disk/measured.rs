//! A disk of which only the latency is known, by size and queue depth.
//!
//! The latency of a request is looked up when it starts, with the number of
//! requests then in service, itself included, and does not change when others
//! start or end: at a constant depth it is the table's.

use super::profile::{MeasuredProfile, Microseconds};
use crate::engine::Nanos;

#[derive(Clone, Debug)]
pub(super) struct Measured {
    /// Base-2 logarithms of the sizes in bytes.
    sizes: Vec<f64>,
    depths: Vec<f64>,
    /// By size, then depth.
    latency_ns: Vec<Vec<f64>>,
}

impl Measured {
    pub(super) fn new(profile: &MeasuredProfile) -> Self {
        let sizes = profile.sizes_bytes.iter();
        let depths = profile.depths.iter();
        let rows = profile.latency_us.iter();
        let nanos = |row: &Vec<Microseconds>| row.iter().map(|cell| cell.0.0 as f64).collect();
        Self {
            sizes: sizes.map(|bytes| libm::log2(bytes.get() as f64)).collect(),
            depths: depths.map(|depth| depth.get().into()).collect(),
            latency_ns: rows.map(nanos).collect(),
        }
    }

    /// Bilinear in the logarithm of the size and in the depth; outside the
    /// table, as at its nearest edge.
    pub(super) fn latency(&self, bytes: u64, depth: usize) -> Nanos {
        let (row, down) = place(&self.sizes, libm::log2(bytes as f64));
        let (column, right) = place(&self.depths, depth as f64);
        let at_size = |row: usize| between(&self.latency_ns[row], column, right);
        let next = (row + 1).min(self.sizes.len() - 1);
        let ns = at_size(row) + down * (at_size(next) - at_size(row));
        Nanos(ns.round() as u64)
    }
}

/// Between which two of the ascending `points` a value lies: the index of the
/// lower one and the share of the way to the next.
fn place(points: &[f64], value: f64) -> (usize, f64) {
    let above = points.partition_point(|&point| point <= value);
    match (above.checked_sub(1), points.get(above)) {
        (None, _) => (0, 0.0),
        (Some(last), None) => (last, 0.0),
        (Some(low), Some(high)) => (low, (value - points[low]) / (high - points[low])),
    }
}

fn between(row: &[f64], low: usize, share: f64) -> f64 {
    let next = (low + 1).min(row.len() - 1);
    row[low] + share * (row[next] - row[low])
}
