//! `[workload.synthetic]`: preset and keys put together, and what the values may be.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::{KeyError, LONGEST, SyntheticKeys};
use crate::engine::Nanos;
use crate::scenario::units::Bytes;
use crate::workload::synthetic::sizes::{SizeLaw, Tail};
use crate::workload::synthetic::{Parameters, SessionLaw};

/// The most objects: ours; their sizes and popularity alone take 1.6 GB then.
const MAX_OBJECTS: u32 = 100_000_000;
/// The largest size: ours, far above a served file.
const MAX_SIZE: u64 = 1 << 40;

impl SyntheticKeys {
    /// The preset's values with the keys in their place, all checked.
    ///
    /// # Errors
    ///
    /// The key that is missing or wrong, below `workload`, and why.
    pub fn parameters(&self) -> Result<Parameters, KeyError> {
        let base = self.preset.map(|preset| preset.parameters());
        Ok(Parameters {
            objects: in_range(
                "objects",
                needed("objects", self.objects.or(base.map(|b| b.objects)))?,
                1..=MAX_OBJECTS,
            )?,
            sizes: self.size_law(base.map(|b| b.sizes))?,
            zipf: in_range(
                "zipf",
                needed("zipf", self.zipf.or(base.map(|b| b.zipf)))?,
                0.0..=10.0,
            )?,
            sessions: self.session_law(base.map(|b| b.sessions))?,
        })
    }

    fn size_law(&self, base: Option<SizeLaw>) -> Result<SizeLaw, KeyError> {
        let median = bytes(self.body_median).or(base.map(|b| b.body_median_bytes));
        let sigma = self.body_sigma.or(base.map(|b| b.body_sigma));
        let max = self.max_size.map(|b| b.0).or(base.map(|b| b.max_bytes));
        let law = SizeLaw {
            body_median_bytes: size("body_median", needed("body_median", median)?)?,
            body_sigma: in_range("body_sigma", needed("body_sigma", sigma)?, 0.0..=5.0)?,
            tail: self.tail(base.map(|b| b.tail))?,
            max_bytes: max.unwrap_or(MAX_SIZE),
        };
        check_limit(&law, max.is_some())?;
        Ok(law)
    }

    fn tail(&self, base: Option<Tail>) -> Result<Tail, KeyError> {
        let share = self.tail_share.or(base.map(|b| b.share)).unwrap_or(0.0);
        let min = bytes(self.tail_min).or(base.map(|b| b.min_bytes));
        let shape = self.tail_shape.or(base.map(|b| b.shape));
        if share == 0.0 && min.is_none() && shape.is_none() {
            return Ok(Tail::NONE);
        }
        Ok(Tail {
            share: in_range("tail_share", share, 0.0..=1.0)?,
            min_bytes: size("tail_min", needed("tail_min", min)?)?,
            shape: in_range("tail_shape", needed("tail_shape", shape)?, 0.1..=100.0)?,
        })
    }

    fn session_law(&self, base: Option<SessionLaw>) -> Result<SessionLaw, KeyError> {
        let base = base.unwrap_or(SessionLaw::PLAIN);
        let law = SessionLaw {
            requests: in_range(
                "session_requests",
                self.session_requests.unwrap_or(base.requests),
                1.0..=1e6,
            )?,
            think: pause("think", self.think.unwrap_or(base.think))?,
            think_between: pause(
                "think_between",
                self.think_between.unwrap_or(base.think_between),
            )?,
            think_law: self.think_law.unwrap_or(base.think_law),
            not_modified: in_range(
                "not_modified",
                self.not_modified.unwrap_or(base.not_modified),
                0.0..=1.0,
            )?,
            missing: in_range("missing", self.missing.unwrap_or(base.missing), 0.0..=1.0)?,
        };
        match law.not_modified + law.missing <= 1.0 {
            true => Ok(law),
            false => wrong("missing", "together with not_modified it is more than 1"),
        }
    }
}

/// Sizes must have a mean, and each part a fair chance to be drawn below the limit: its median, or
/// of the tail twice its smallest size.
fn check_limit(law: &SizeLaw, is_given: bool) -> Result<(), KeyError> {
    let tail = law.tail.share > 0.0;
    if tail && law.tail.shape <= 1.0 && !is_given {
        return wrong(
            "tail_shape",
            "a tail with a shape of 1 or less has no mean size; set max_size as well",
        );
    }
    let max = size("max_size", law.max_bytes as f64)?;
    if max < law.body_median_bytes {
        return wrong("max_size", "must not be below body_median");
    }
    if tail && max < 2.0 * law.tail.min_bytes {
        return wrong("max_size", "must be at least twice tail_min");
    }
    Ok(())
}

fn bytes(value: Option<Bytes>) -> Option<f64> {
    value.map(|bytes| bytes.0 as f64)
}

fn size(key: &str, bytes: f64) -> Result<f64, KeyError> {
    match (1.0..=MAX_SIZE as f64).contains(&bytes) {
        true => Ok(bytes),
        false => wrong(key, format!("must be 1 B to 1 TiB, not {bytes} B")),
    }
}

fn pause(key: &str, mean: Nanos) -> Result<Nanos, KeyError> {
    match mean <= LONGEST {
        true => Ok(mean),
        false => wrong(key, format!("must be at most a day, not {mean}")),
    }
}

fn needed<T>(key: &str, value: Option<T>) -> Result<T, KeyError> {
    value.map_or_else(|| wrong(key, "is needed where there is no preset"), Ok)
}

/// `value` if it is in `range`, which a not-a-number never is.
fn in_range<T: PartialOrd + Display + Copy>(
    key: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<T, KeyError> {
    let (least, most) = (range.start(), range.end());
    match range.contains(&value) {
        true => Ok(value),
        false => wrong(key, format!("must be {least} to {most}, not {value}")),
    }
}

fn wrong<T>(key: &str, message: impl Into<String>) -> Result<T, KeyError> {
    Err((format!("synthetic.{key}"), message.into()))
}
