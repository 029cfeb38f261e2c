//! Disk profiles: what a disk is made of, as written in TOML.

use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::engine::Nanos;

/// Profiles that come with the library, by name.
const NAMED: [(&str, &str); 1] = [(
    "cheetah9lp",
    include_str!("../../../profiles/disks/cheetah9lp.toml"),
)];

/// What a disk is: a drive, or a law of service times for checks against
/// queueing theory. The key `kind` says which.
///
/// Reading one checks it, so that every profile in memory describes a possible
/// disk.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum DiskProfile {
    /// A rotating drive (`kind = "hdd"`).
    Hdd(HddProfile),
    /// Every request takes the same time (`kind = "fixed"`).
    Fixed(FixedProfile),
    /// Independent, exponentially distributed times (`kind = "exponential"`).
    Exponential(ExponentialProfile),
}

impl DiskProfile {
    /// A profile that comes with the library, or `None` if there is none of
    /// that name.
    ///
    /// - `cheetah9lp`: Seagate Cheetah 9LP (ST39102LW), 9.1 GB, 10,045 rpm.
    pub fn named(name: &str) -> Option<Self> {
        let (_, text) = NAMED.iter().find(|(known, _)| *known == name)?;
        Some(text.parse().expect("a test reads each of them"))
    }

    /// The names that [`DiskProfile::named`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name)
    }

    /// Capacity in sectors of [`SECTOR_BYTES`](super::SECTOR_BYTES).
    pub fn sectors(&self) -> u64 {
        match self {
            Self::Hdd(hdd) => hdd.sectors,
            Self::Fixed(fixed) => fixed.sectors,
            Self::Exponential(exponential) => exponential.sectors,
        }
    }
}

impl FromStr for DiskProfile {
    type Err = toml::de::Error;

    /// Reads a profile from TOML.
    ///
    /// # Errors
    /// If the text is not TOML, a key is missing or unknown, a value is of the
    /// wrong type, or the values contradict each other.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        toml::from_str(text)
    }
}

/// Keys of a disk whose requests all take the same time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedProfile {
    /// Capacity in sectors.
    pub(super) sectors: u64,
    /// Time per request, whatever its size.
    pub(super) service_ms: Milliseconds,
}

/// Keys of a disk with exponentially distributed service times.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExponentialProfile {
    /// Capacity in sectors.
    pub(super) sectors: u64,
    /// Mean time per request, whatever its size.
    pub(super) mean_ms: Milliseconds,
}

/// Keys of a rotating drive; `profiles/disks/cheetah9lp.toml` in this package
/// is the example, with the meaning and the source of every value.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct HddProfile {
    /// Capacity in sectors, at most what the zones hold.
    pub(super) sectors: u64,
    /// Revolutions per minute.
    pub(super) rotation_rpm: u32,
    /// Surfaces that hold data, each with a head of its own.
    pub(super) surfaces: u32,
    /// Change to another surface of the same cylinder.
    pub(super) head_switch_ms: Milliseconds,
    /// The drive's work on a read before the arm starts to move.
    pub(super) read_overhead_ms: Milliseconds,
    /// One sector from the drive to the host.
    pub(super) bus_ms_per_sector: Milliseconds,
    /// Measured `[distance in cylinders, milliseconds]`, from distance 1 up.
    pub(super) seek_ms: Vec<(u32, Milliseconds)>,
    /// From the outermost inwards, in the order of block numbers.
    pub(super) zones: Vec<Zone>,
}

/// Keys of a zone: neighbouring cylinders whose tracks hold equally much.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    pub(super) first_cylinder: u32,
    pub(super) last_cylinder: u32,
    pub(super) sectors_per_track: u32,
    /// How much further round a track starts than the one before it in the
    /// same cylinder, in sectors.
    pub(super) track_skew: u32,
    /// The same between the last track of a cylinder and the first of the next.
    pub(super) cylinder_skew: u32,
    /// Where the zone's first sector starts, in sectors from the index mark.
    #[serde(default)]
    pub(super) first_sector_offset: u32,
    /// Sectors at the zone's end that hold no blocks of their own.
    #[serde(default)]
    pub(super) spares: u32,
    /// Skipped sectors of the zone, ascending, counted from its first and
    /// before any skipping; each moves the rest of the zone up by one, into
    /// the spares.
    #[serde(default)]
    pub(super) slips: Vec<u64>,
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
    pub(super) fn blocks(&self, surfaces: u32) -> u64 {
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

/// A span, written as a number of milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Milliseconds(pub(super) Nanos);

impl<'de> Deserialize<'de> for Milliseconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let ms = f64::deserialize(deserializer)?;
        if !(ms.is_finite() && ms >= 0.0) {
            return Err(D::Error::custom(format!(
                "{ms} is not a possible number of milliseconds"
            )));
        }
        Ok(Self(Nanos::from_secs_f64(ms / 1e3)))
    }
}
