//! Keys of a rotating drive.

use std::num::NonZeroU32;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::one;
use super::units::Milliseconds;

/// Keys of a rotating drive; `profiles/disks/cheetah9lp.toml` in this package
/// is the example, with the meaning and the source of every value.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct HddProfile {
    /// Capacity in sectors, at most what the zones hold.
    pub(in super::super) sectors: u64,
    /// Revolutions per minute.
    pub(in super::super) rotation_rpm: u32,
    /// Surfaces that hold data, each with a head of its own.
    pub(in super::super) surfaces: u32,
    /// Change to another surface of the same cylinder.
    pub(in super::super) head_switch_ms: Milliseconds,
    /// The drive's work on a read before the arm starts to move.
    pub(in super::super) read_overhead_ms: Milliseconds,
    /// One sector from the drive to the host.
    pub(in super::super) bus_ms_per_sector: Milliseconds,
    /// Measured `[distance in cylinders, milliseconds]`, from distance 1 up.
    pub(in super::super) seek_ms: Vec<(u32, Milliseconds)>,
    /// How many requests it holds, the one that it serves included; of those it
    /// serves the one that it reaches first. Default: 1, so the order is the
    /// host's alone.
    #[serde(default = "one")]
    pub(in super::super) queue_depth: NonZeroU32,
    /// From the outermost inwards, in the order of block numbers.
    pub(in super::super) zones: Vec<Zone>,
}

/// Keys of a zone: neighbouring cylinders whose tracks hold equally much.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    pub(in super::super) first_cylinder: u32,
    pub(in super::super) last_cylinder: u32,
    pub(in super::super) sectors_per_track: u32,
    /// How much further round a track starts than the one before it in the
    /// same cylinder, in sectors.
    pub(in super::super) track_skew: u32,
    /// The same between the last track of a cylinder and the first of the next.
    pub(in super::super) cylinder_skew: u32,
    /// Where the zone's first sector starts, in sectors from the index mark.
    #[serde(default)]
    pub(in super::super) first_sector_offset: u32,
    /// Sectors at the zone's end that hold no blocks of their own.
    #[serde(default)]
    pub(in super::super) spares: u32,
    /// Skipped sectors of the zone, ascending, counted from its first and
    /// before any skipping; each moves the rest of the zone up by one, into
    /// the spares.
    #[serde(default)]
    pub(in super::super) slips: Vec<u64>,
}

impl Zone {
    /// How many blocks the zone holds, or `None` if it is not a zone.
    fn checked_blocks(&self, surfaces: u32) -> Option<u64> {
        let cylinders = u64::from(self.last_cylinder).checked_sub(self.first_cylinder.into())? + 1;
        let tracks = cylinders.checked_mul(surfaces.into())?;
        let sectors = tracks.checked_mul(self.sectors_per_track.into())?;
        let ascending = self.slips.is_sorted_by(|a, b| a < b);
        let inside = self.slips.last().is_none_or(|&last| last < sectors);
        let spared = self.slips.len() as u64 <= self.spares.into();
        let blocks = sectors.checked_sub(self.spares.into())?;
        (blocks > 0 && ascending && inside && spared).then_some(blocks)
    }

    /// How many blocks the zone holds. The profile has been checked.
    pub(in super::super) fn blocks(&self, surfaces: u32) -> u64 {
        self.checked_blocks(surfaces).unwrap_or(0)
    }
}

impl<'de> Deserialize<'de> for HddProfile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let profile = Self::deserialize(deserializer)?;
        profile.check().map_err(D::Error::custom)?;
        Ok(profile)
    }
}

impl HddProfile {
    fn check(&self) -> Result<(), String> {
        if self.rotation_rpm == 0 {
            return Err("rotation_rpm must be above 0".to_owned());
        }
        let distances = || self.seek_ms.iter().map(|point| point.0);
        if distances().next() != Some(1) || !distances().is_sorted_by(|a, b| a < b) {
            return Err("seek_ms must start at distance 1 and ascend".to_owned());
        }
        let mut held = 0u64;
        for (index, zone) in self.zones.iter().enumerate() {
            let blocks = zone.checked_blocks(self.surfaces).ok_or_else(|| {
                format!(
                    "zone {index} is impossible: it needs cylinders, surfaces, sectors, fewer \
                     spares than sectors, and ascending slips, no more than spares"
                )
            })?;
            held = held.saturating_add(blocks);
        }
        let ascend = |pair: &[Zone]| pair[0].last_cylinder < pair[1].first_cylinder;
        if !self.zones.windows(2).all(ascend) {
            return Err("zones must not overlap and must ascend".to_owned());
        }
        if self.sectors > held {
            return Err(format!(
                "sectors is {}, but the zones hold {held}",
                self.sectors
            ));
        }
        Ok(())
    }
}
