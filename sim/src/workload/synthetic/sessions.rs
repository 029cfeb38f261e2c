//! How sessions are made up: how many requests, of what kind, with what pauses.

use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::Nanos;
use crate::engine::random::{Stream, exponential, unit};
use crate::workload::trace::PackedRequest;

/// The law of pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ThinkLaw {
    /// Exponential pauses.
    Exponential,
    /// All pauses are of the same length.
    Fixed,
}

/// What sessions have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionLaw {
    /// Mean number of requests, at least 1. The number is geometric: after each request the
    /// session ends with the same probability.
    pub requests: f64,
    /// Mean pause between a response and the next request.
    pub think: Nanos,
    /// Mean pause before a session.
    pub think_between: Nanos,
    /// The law of both pauses.
    pub think_law: ThinkLaw,
    /// Share of requests that are answered "not modified" (304).
    pub not_modified: f64,
    /// Share of requests for names that do not exist (404).
    pub missing: f64,
}

impl SessionLaw {
    /// One request, no pauses, always a body.
    pub const PLAIN: Self = Self {
        requests: 1.0,
        think: Nanos::ZERO,
        think_between: Nanos::ZERO,
        think_law: ThinkLaw::Exponential,
        not_modified: 0.0,
        missing: 0.0,
    };

    /// A number of requests, by inversion: one draw, at most about 36.7 means.
    pub(super) fn length(&self, rng: &mut Stream) -> u32 {
        let log_of_going_on = libm::log1p(-1.0 / self.requests);
        1 + (libm::log(unit(rng)) / log_of_going_on) as u32
    }

    /// A pause of `mean`: one draw, used or not, so that no pause shifts the draws after it.
    pub(super) fn pause(&self, mean: Nanos, rng: &mut Stream) -> Nanos {
        if self.think_law == ThinkLaw::Exponential && mean > Nanos::ZERO {
            return exponential(rng, mean.0 as f64);
        }
        rng.next_u64();
        mean
    }

    /// A request for `object` or, in its place, for a name that does not exist: one draw.
    pub(super) fn request(&self, object: u32, rng: &mut Stream) -> PackedRequest {
        let place = unit(rng);
        if place <= self.missing {
            return PackedRequest::missing(object);
        }
        PackedRequest::new(object, place <= self.missing + self.not_modified)
    }
}
