//! How long a request takes once it is in service.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use super::DiskRequest;
use super::hdd::Hdd;
use super::measured::Measured;
use super::profile::DiskProfile;
use super::ssd::Ssd;
use super::stats::ServiceTime;
use crate::engine::Nanos;

#[derive(Clone, Debug)]
pub(super) enum Law {
    Hdd(Box<Hdd>),
    Ssd(Box<Ssd>),
    Measured(Box<Measured>),
    Fixed(Nanos),
    Exponential {
        mean: Nanos,
        stream: Xoshiro256PlusPlus,
    },
}

impl Law {
    pub(super) fn new(profile: &DiskProfile, initial_phase: f64, seed: u64) -> Self {
        match profile {
            DiskProfile::Hdd(hdd) => Self::Hdd(Box::new(Hdd::new(hdd, initial_phase))),
            DiskProfile::Ssd(ssd) => Self::Ssd(Box::new(Ssd::new(ssd))),
            DiskProfile::Measured(table) => Self::Measured(Box::new(Measured::new(table))),
            DiskProfile::Fixed(fixed) => Self::Fixed(fixed.service_ms.0),
            DiskProfile::Exponential(exponential) => Self::Exponential {
                mean: exponential.mean_ms.0,
                stream: Xoshiro256PlusPlus::seed_from_u64(seed),
            },
        }
    }

    /// Whether requests differ in how long the mechanism takes to reach them.
    pub(super) fn has_geometry(&self) -> bool {
        matches!(self, Self::Hdd(_))
    }

    /// Which of `waiting`, in order of arrival, the mechanism would reach first
    /// if it set out at `now`; without a mechanism, the first. `None` if nothing waits.
    pub(super) fn nearest(&self, now: Nanos, waiting: &[DiskRequest]) -> Option<usize> {
        match self {
            Self::Hdd(hdd) if waiting.len() > 1 => {
                let times = waiting.iter().map(|&r| hdd.positioning_ns(now, r));
                let nearest = times.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
                nearest.map(|(index, _)| index)
            }
            _ => (!waiting.is_empty()).then_some(0),
        }
    }

    /// Serves `request` from `start` on, as one of `in_service`.
    pub(super) fn serve(
        &mut self,
        start: Nanos,
        request: DiskRequest,
        in_service: usize,
    ) -> ServiceTime {
        match self {
            Self::Hdd(hdd) => hdd.read(start, request),
            Self::Ssd(ssd) => ServiceTime::whole(ssd.read(start, request) - start),
            Self::Measured(table) => ServiceTime::whole(table.latency(request.bytes(), in_service)),
            Self::Fixed(time) => ServiceTime::whole(*time),
            Self::Exponential { mean, stream } => ServiceTime::whole(exponential(*mean, stream)),
        }
    }
}

/// By inversion, with a logarithm that is the same on every platform.
fn exponential(mean: Nanos, stream: &mut Xoshiro256PlusPlus) -> Nanos {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    let above_zero = ((stream.next_u64() >> 11) + 1) as f64 * UNIT;
    Nanos((-libm::log(above_zero) * mean.0 as f64).round() as u64)
}
