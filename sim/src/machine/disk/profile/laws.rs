//! Keys of disks that are only a law of service times.

use std::num::NonZeroU32;

use serde::Deserialize;

use super::one;
use super::units::Milliseconds;

/// Keys of a disk whose requests all take the same time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedProfile {
    /// Capacity in sectors.
    pub(in super::super) sectors: u64,
    /// Time per request, whatever its size.
    pub(in super::super) service_ms: Milliseconds,
    /// Requests served at once. Default: 1.
    #[serde(default = "one")]
    pub(in super::super) servers: NonZeroU32,
}

/// Keys of a disk with exponentially distributed service times.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExponentialProfile {
    /// Capacity in sectors.
    pub(in super::super) sectors: u64,
    /// Mean time per request, whatever its size.
    pub(in super::super) mean_ms: Milliseconds,
    /// Requests served at once. Default: 1.
    #[serde(default = "one")]
    pub(in super::super) servers: NonZeroU32,
}
