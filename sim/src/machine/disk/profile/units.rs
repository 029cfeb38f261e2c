//! Quantities as written in disk profiles.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::engine::Nanos;

/// A span, written as a number of milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Milliseconds(pub(in super::super) Nanos);

impl<'de> Deserialize<'de> for Milliseconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        span(deserializer, 1e3, "milliseconds").map(Self)
    }
}

/// A span, written as a number of microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Microseconds(pub(in super::super) Nanos);

impl<'de> Deserialize<'de> for Microseconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        span(deserializer, 1e6, "microseconds").map(Self)
    }
}

fn span<'de, D: Deserializer<'de>>(
    deserializer: D,
    per_second: f64,
    unit: &str,
) -> Result<Nanos, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if !(number.is_finite() && number >= 0.0) {
        let message = format!("{number} is not a possible number of {unit}");
        return Err(D::Error::custom(message));
    }
    Ok(Nanos::from_secs_f64(number / per_second))
}

/// A rate, written as a number of megabytes (10^6 bytes) per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MegabytesPerSecond(f64);

impl MegabytesPerSecond {
    pub(in super::super) fn ns_per_byte(self) -> f64 {
        1e3 / self.0
    }
}

impl<'de> Deserialize<'de> for MegabytesPerSecond {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rate = f64::deserialize(deserializer)?;
        if !(rate.is_finite() && rate > 0.0) {
            let message = format!("{rate} is not a possible number of megabytes per second");
            return Err(D::Error::custom(message));
        }
        Ok(Self(rate))
    }
}
