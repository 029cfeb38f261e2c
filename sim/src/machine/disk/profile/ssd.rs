//! Keys of a solid-state drive.

use std::num::NonZeroU32;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::units::{MegabytesPerSecond, Microseconds};
use crate::machine::disk::SECTOR_BYTES;

/// Keys of a solid-state drive; `profiles/disks/nvme.toml` in this package is
/// the example, with the meaning and the source of every value.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct SsdProfile {
    /// Capacity in sectors.
    pub(in super::super) sectors: u64,
    /// Channels between the controller and the dies.
    pub(in super::super) channels: NonZeroU32,
    /// Dies on each channel.
    pub(in super::super) dies_per_channel: NonZeroU32,
    /// Flash page: what a die senses at once. A multiple of the sector.
    pub(in super::super) page_bytes: u64,
    /// Time in which a die senses a page.
    pub(in super::super) read_us: Microseconds,
    /// Rate of each channel.
    pub(in super::super) channel_mb_per_s: MegabytesPerSecond,
    /// The controller's work on a request, before any die starts; requests do
    /// not wait for each other in it.
    pub(in super::super) overhead_us: Microseconds,
    /// Rate of the link to the host. Default: no limit.
    #[serde(default)]
    pub(in super::super) link_mb_per_s: Option<MegabytesPerSecond>,
    /// Requests that it works on at once.
    pub(in super::super) queue_depth: NonZeroU32,
}

impl<'de> Deserialize<'de> for SsdProfile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let profile = Self::deserialize(deserializer)?;
        if profile.page_bytes == 0 || profile.page_bytes % SECTOR_BYTES != 0 {
            return Err(D::Error::custom(format!(
                "page_bytes is {}, but must be a multiple of {SECTOR_BYTES}, above 0",
                profile.page_bytes
            )));
        }
        Ok(profile)
    }
}
