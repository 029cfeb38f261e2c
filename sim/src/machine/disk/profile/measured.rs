//! Keys of a disk known by its measured latency.

use std::num::{NonZeroU32, NonZeroU64};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::units::Microseconds;

/// Keys of a disk known by its measured latency; `profiles/disks/virtio.toml`
/// in this package is the example.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct MeasuredProfile {
    /// Capacity in sectors.
    pub(in super::super) sectors: u64,
    /// Requests that it works on at once.
    pub(in super::super) queue_depth: NonZeroU32,
    /// Sizes that were measured, ascending: one row each.
    pub(in super::super) sizes_bytes: Vec<NonZeroU64>,
    /// Depths that were measured, ascending: one column each.
    pub(in super::super) depths: Vec<NonZeroU32>,
    /// Mean latency by size, then depth.
    pub(in super::super) latency_us: Vec<Vec<Microseconds>>,
}

impl<'de> Deserialize<'de> for MeasuredProfile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let profile = Self::deserialize(deserializer)?;
        profile.check().map_err(D::Error::custom)?;
        Ok(profile)
    }
}

impl MeasuredProfile {
    fn check(&self) -> Result<(), String> {
        ascending("sizes_bytes", &self.sizes_bytes)?;
        ascending("depths", &self.depths)?;
        let (rows, columns) = (self.sizes_bytes.len(), self.depths.len());
        if self.latency_us.len() != rows || self.latency_us.iter().any(|r| r.len() != columns) {
            return Err(format!(
                "latency_us must have a row for each of the {rows} sizes_bytes, with a value for \
                 each of the {columns} depths"
            ));
        }
        Ok(())
    }
}

fn ascending<T: Ord>(key: &str, values: &[T]) -> Result<(), String> {
    if values.is_empty() || !values.is_sorted_by(|a, b| a < b) {
        return Err(format!("{key} must not be empty and must ascend"));
    }
    Ok(())
}
