//! Synthetic workloads: objects whose sizes and popularity follow stated laws, and sessions that
//! ask for them.
//!
//! Modelled: sizes with a lognormal body and a Pareto tail ([`sizes`]); popularity by a Zipf-like
//! law, where the object of rank r is asked for in proportion to r^-a; requests that are
//! independent of each other; sessions of geometric length with pauses. Popularity and size are
//! independent: ranks are given to objects in a random order. Breslau et al. ("Web caching and
//! Zipf-like distributions: evidence and implications", INFOCOM 1999) find the law, a weak
//! correlation of popularity and size, and that the model of independent requests gives the hit
//! ratios of real traces their shape.
//!
//! Left out: temporal locality beyond popularity, embedded objects, popularity that changes with
//! time, a correlation of size and popularity.
//!
//! What there is (sizes, ranks) depends on the seed alone and so is the same in all replications;
//! what is asked for is drawn, session by session, from a stream that belongs to the replication,
//! the client and the session's number. Who draws it, when, and what else is drawn makes no
//! difference. Within a session each request takes the same number of draws whatever the keys, so
//! that a run with longer pauses or other shares asks for the same objects.
//!
//! How it was checked: moments of sizes against closed forms, frequencies against the Zipf law by
//! a chi-square test, lengths, pauses and shares against their laws; some values were computed by
//! an independent program.

mod alias;
mod presets;
mod sessions;
pub mod sizes;
#[cfg(test)]
mod tests;

pub use alias::AliasTable;
pub use presets::Preset;
pub use sessions::{SessionLaw, ThinkLaw};

use crate::engine::Nanos;
use crate::engine::random::{shuffle, stream};
use crate::workload::session::{Session, Timing};
use sizes::SizeLaw;

/// The bits of a session's number; the client's number has the others.
const SEQUENCE_BITS: u32 = 40;

/// Everything that makes a synthetic workload what it is, but for the seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Number of objects, 1 to 2^30 - 1.
    pub objects: u32,
    /// Their sizes.
    pub sizes: SizeLaw,
    /// Exponent of the Zipf-like popularity; 0 = all objects alike.
    pub zipf: f64,
    /// Their requests.
    pub sessions: SessionLaw,
}

/// Objects, and sessions drawn on demand, without end.
#[derive(Clone, Debug)]
pub struct Synthetic {
    sizes: Vec<u64>,
    popularity: AliasTable,
    law: SessionLaw,
    seed: u64,
}

impl Synthetic {
    /// The workload of these parameters and this seed. Takes 16 bytes per object, and some 20
    /// more while it is made.
    ///
    /// # Panics
    ///
    /// If the number of objects or the exponent is out of range.
    pub fn new(parameters: &Parameters, seed: u64) -> Self {
        let weights = popularity(parameters.objects, parameters.zipf, seed);
        Self {
            sizes: parameters.sizes.sizes(parameters.objects, seed),
            popularity: AliasTable::new(&weights),
            law: parameters.sessions,
            seed,
        }
    }

    /// The objects' sizes in bytes, by number.
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// All objects together, in bytes.
    pub fn footprint_bytes(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// Fills `out` with the session number `sequence` of `client` in `replication`. Where
    /// sessions arrive by themselves, one client stands for all.
    ///
    /// Draws the number of requests and then, for each, the pause before it (before the first:
    /// before the session), its object, its kind.
    ///
    /// # Panics
    ///
    /// If `client` is 2^24 or more, or `sequence` 2^40 or more.
    pub fn session(&self, replication: u64, client: u32, sequence: u64, out: &mut Session) {
        let index = session_index(client, sequence);
        let mut rng = stream(self.seed, "session", replication, index);
        out.clear(Timing::Pauses);
        let requests = self.law.length(&mut rng);
        for request in 0..requests {
            if request == 0 {
                out.before = self.law.pause(self.law.think_between, &mut rng);
                self.push_time(Nanos::ZERO, out);
            } else {
                let pause = self.law.pause(self.law.think, &mut rng);
                self.push_time(pause, out);
            }
            let object = self.popularity.draw(&mut rng);
            out.requests.push(self.law.request(object, &mut rng));
        }
    }

    /// Notes a request's pause, if there are pauses at all.
    fn push_time(&self, pause: Nanos, out: &mut Session) {
        if self.law.think > Nanos::ZERO {
            out.times.push(pause);
        }
    }
}

/// One index per pair; so no two sessions of a replication share a stream.
fn session_index(client: u32, sequence: u64) -> u64 {
    assert!(client >> (64 - SEQUENCE_BITS) == 0, "too many clients");
    assert!(sequence >> SEQUENCE_BITS == 0, "too many sessions");
    u64::from(client) << SEQUENCE_BITS | sequence
}

/// Each object's weight: rank r, given to a random object, weighs r^-`exponent`.
fn popularity(objects: u32, exponent: f64, seed: u64) -> Vec<f64> {
    let mut weights: Vec<f64> = (1..=objects)
        .map(|rank| libm::pow(rank.into(), -exponent))
        .collect();
    shuffle(&mut stream(seed, "popularity", 0, 0), &mut weights);
    weights
}
