//! Disk profiles: what a disk is made of, as written in TOML.

mod hdd;
mod laws;
mod measured;
mod ssd;
mod units;

use std::num::NonZeroU32;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::Error as _;
use toml::de::{DeTable, Deserializer, Error, ValueDeserializer};

pub use hdd::{HddProfile, Zone};
pub use laws::{ExponentialProfile, FixedProfile};
pub use measured::MeasuredProfile;
pub use ssd::SsdProfile;
pub use units::{MegabytesPerSecond, Microseconds, Milliseconds};

/// Profiles that come with the library, by name.
const NAMED: [(&str, &str); 3] = [
    (
        "cheetah9lp",
        include_str!("../../../../profiles/disks/cheetah9lp.toml"),
    ),
    ("nvme", include_str!("../../../../profiles/disks/nvme.toml")),
    (
        "virtio",
        include_str!("../../../../profiles/disks/virtio.toml"),
    ),
];

/// What a disk is: a drive, a table of measurements, or a law of service times
/// for checks against queueing theory. The key `kind` says which.
///
/// Reading one checks it, so that every profile in memory describes a possible
/// disk.
#[derive(Clone, Debug, PartialEq)]
pub enum DiskProfile {
    /// A rotating drive (`kind = "hdd"`).
    Hdd(HddProfile),
    /// A solid-state drive (`kind = "ssd"`).
    Ssd(SsdProfile),
    /// A disk known by its latency at each size and depth (`kind = "measured"`).
    Measured(MeasuredProfile),
    /// Every request takes the same time (`kind = "fixed"`).
    Fixed(FixedProfile),
    /// Independent, exponentially distributed times (`kind = "exponential"`).
    Exponential(ExponentialProfile),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Hdd,
    Ssd,
    Measured,
    Fixed,
    Exponential,
}

impl DiskProfile {
    /// A profile that comes with the library, or `None` if there is none of
    /// that name.
    ///
    /// - `cheetah9lp`: Seagate Cheetah 9LP (ST39102LW), 9.1 GB, 10,045 rpm.
    /// - `nvme`: a solid-state drive that does what is published of the
    ///   Samsung 970 EVO 1 TB; its inside is partly our estimate.
    /// - `virtio`: the latency of a cloud machine's virtual disk, as measured.
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
            Self::Ssd(ssd) => ssd.sectors,
            Self::Measured(measured) => measured.sectors,
            Self::Fixed(fixed) => fixed.sectors,
            Self::Exponential(exponential) => exponential.sectors,
        }
    }

    /// How many requests the host hands over before one of them is done.
    pub fn queue_depth(&self) -> u32 {
        let depth = match self {
            Self::Hdd(hdd) => hdd.queue_depth,
            Self::Ssd(ssd) => ssd.queue_depth,
            Self::Measured(measured) => measured.queue_depth,
            Self::Fixed(fixed) => fixed.servers,
            Self::Exponential(exponential) => exponential.servers,
        };
        depth.get()
    }

    /// How many requests can be in service at once: one for a rotating drive,
    /// otherwise all that have been handed over.
    pub fn servers(&self) -> u32 {
        match self {
            Self::Hdd(_) => 1,
            _ => self.queue_depth(),
        }
    }

    /// Reads the keys of a `kind`, from a table without that key.
    fn of_kind(kind: Kind, keys: Deserializer) -> Result<Self, Error> {
        Ok(match kind {
            Kind::Hdd => Self::Hdd(Deserialize::deserialize(keys)?),
            Kind::Ssd => Self::Ssd(Deserialize::deserialize(keys)?),
            Kind::Measured => Self::Measured(Deserialize::deserialize(keys)?),
            Kind::Fixed => Self::Fixed(Deserialize::deserialize(keys)?),
            Kind::Exponential => Self::Exponential(Deserialize::deserialize(keys)?),
        })
    }
}

impl FromStr for DiskProfile {
    type Err = Error;

    /// Reads a profile from TOML.
    ///
    /// # Errors
    /// If the text is not TOML, a key is missing or unknown, a value is of the
    /// wrong type, or the values contradict each other. The error knows where.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // By hand, since serde's tagged enums lose the place of an error.
        let read = || {
            let mut table = DeTable::parse(text)?;
            let kind = table.get_mut().remove("kind");
            let kind = kind.ok_or_else(|| Error::custom("missing field `kind`"))?;
            let kind = Kind::deserialize(ValueDeserializer::from(kind))?;
            Self::of_kind(kind, Deserializer::from(table))
        };
        read().map_err(|mut error: Error| {
            error.set_input(Some(text));
            error
        })
    }
}

/// The default of what there must be at least one of.
fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}
