//! Ready-made parameters.
//!
//! The LAIO paper measures with two traces, of a large site (Berkeley) that does not fit the
//! server's memory and of a small one (Rice) that does. Their request counts, footprints and size
//! classes are not known to us, and these presets do not claim to have them: **they are ours**, and
//! share with the traces only on which side of a server's memory they lie. Each value:
//!
//! - sizes, in both: body with median 4 KiB and sigma 1.3 (mean 9.3 KiB), a fiftieth of the
//!   objects in a tail from 64 KiB with shape 1.3, none above 4 MiB. Small pages and images, a few
//!   archives: a mean object of 13 KiB. Ours.
//! - `rice-like`: 6,000 objects, 80 MB (the standard deviation over seeds is 4.4 MB): fits beside
//!   the processes in 128 MiB, not in 64 MiB. Popularity falls as 1/r, Zipf's law itself, so that
//!   few objects get most requests. Ours.
//! - `berkeley-like`: 160,000 objects, 2.15 GB (0.02 GB): several times the memory of a server that
//!   is meant to be disk-bound. Popularity falls more slowly, as r^-0.8, so that the working set is
//!   wide as well. Ours.
//! - sessions of 5 requests on average, no pauses (the paper's clients send the next request when
//!   they have read the response), every request answered with a body.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Parameters;
use super::sessions::SessionLaw;
use super::sizes::{SizeLaw, Tail};

/// Parameters by name. Ours: see the preset's documentation for what they do not claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// A large site: about 2.15 GB in 160,000 objects, meant not to fit in memory. Ours; not the
    /// paper's Berkeley trace.
    BerkeleyLike,
    /// A small site: about 80 MB in 6,000 objects, meant to fit in memory. Ours; not the paper's
    /// Rice trace.
    RiceLike,
}

impl Preset {
    /// The preset's values.
    pub const fn parameters(self) -> Parameters {
        let (objects, zipf) = match self {
            Self::BerkeleyLike => (160_000, 0.8),
            Self::RiceLike => (6_000, 1.0),
        };
        Parameters {
            objects,
            sizes: SIZES,
            zipf,
            sessions: SESSIONS,
        }
    }
}

const SIZES: SizeLaw = SizeLaw {
    body_median_bytes: 4096.0,
    body_sigma: 1.3,
    tail: Tail {
        share: 0.02,
        min_bytes: 65536.0,
        shape: 1.3,
    },
    max_bytes: 4 << 20,
};

const SESSIONS: SessionLaw = SessionLaw {
    requests: 5.0,
    ..SessionLaw::PLAIN
};
