//! How large objects are: a lognormal body and a Pareto tail.
//!
//! The two parts are those of Barford and Crovella ("Generating representative web workloads for
//! network and server performance evaluation", SIGMETRICS 1998). With the tail's share s, a size
//! is `body_median exp(body_sigma Z)`, Z standard normal, with probability 1 - s, and
//! `min U^(-1/shape)`, U uniform, with probability s. Above the maximum, a part is drawn again
//! until it fits: the parts' shares stay, and each part's law becomes its law given that it fits.
//!
//! Z is drawn by the method of Box and Muller (1958), the tail by inversion, both through `libm`:
//! the ziggurats of `rand_distr` are faster but, built with `std`, call the platform's exponential
//! and logarithm (in their tails, and for every lognormal), whose last bit differs between
//! platforms.

use std::f64::consts::TAU;

use rand::Rng;

use crate::engine::random::{Stream, stream, unit};

/// The large objects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    /// Share of the objects that are in the tail, 0 to 1.
    pub share: f64,
    /// The smallest of these in bytes.
    pub min_bytes: f64,
    /// The Pareto law's exponent, above 0: the smaller, the heavier.
    pub shape: f64,
}

/// The law of objects' sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizeLaw {
    /// Median of the body in bytes.
    pub body_median_bytes: f64,
    /// Standard deviation of the logarithm of a size in the body.
    pub body_sigma: f64,
    /// The tail.
    pub tail: Tail,
    /// No object is larger. Must leave each part a fair chance to fit.
    pub max_bytes: u64,
}

impl SizeLaw {
    /// The sizes in bytes of `objects` objects: the same in all replications, which differ in what
    /// is asked for and not in what there is; an object's size does not depend on how many others
    /// there are.
    pub fn sizes(&self, objects: u32, seed: u64) -> Vec<u64> {
        (0..objects)
            .map(|object| self.draw(&mut stream(seed, "object sizes", 0, object.into())))
            .collect()
    }

    /// One size, in whole bytes, at least 1: a draw for the part, then one for each try of a tail,
    /// two for each of a body.
    fn draw(&self, rng: &mut Stream) -> u64 {
        let in_tail = unit(rng) <= self.tail.share;
        loop {
            let size = if in_tail {
                self.tail.draw(rng)
            } else {
                self.body(rng)
            };
            let size = size.round().max(1.0);
            if size <= self.max_bytes as f64 {
                return size as u64;
            }
        }
    }

    fn body(&self, rng: &mut Stream) -> f64 {
        self.body_median_bytes * libm::exp(self.body_sigma * normal(rng))
    }
}

impl Tail {
    /// No tail.
    pub const NONE: Self = Self {
        share: 0.0,
        min_bytes: 1.0,
        shape: 1.0,
    };

    fn draw(&self, rng: &mut Stream) -> f64 {
        self.min_bytes * libm::exp(-libm::log(unit(rng)) / self.shape)
    }
}

/// A standard normal variate from two draws: the radius, then the angle.
fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * libm::log(unit(rng))).sqrt();
    radius * libm::cos(TAU * unit(rng))
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{ContinuousCDF, Normal};

    const N: u32 = 400_000;

    fn law(share: f64, max_bytes: u64) -> SizeLaw {
        SizeLaw {
            body_median_bytes: 4096.0,
            body_sigma: 1.3,
            tail: Tail {
                share,
                min_bytes: 65536.0,
                shape: 4.5,
            },
            max_bytes,
        }
    }

    /// The closed form of E X^k of the untruncated body.
    fn body_moment(law: &SizeLaw, k: f64) -> f64 {
        law.body_median_bytes.powf(k) * (k * k * law.body_sigma.powi(2) / 2.0).exp()
    }

    /// The closed form of E X^k of the tail, given that it is at most `max`.
    fn tail_moment(tail: &Tail, k: f64, max: f64) -> f64 {
        let (m, a) = (tail.min_bytes, tail.shape);
        let fits = 1.0 - (m / max).powf(a);
        a * m.powf(k) / (a - k) * (1.0 - (m / max).powf(a - k)) / fits
    }

    fn normal_cdf(x: f64) -> f64 {
        Normal::new(0.0, 1.0).unwrap().cdf(x)
    }

    /// The closed form of E X^k of the body, given that it is at most `max`.
    fn truncated_body_moment(law: &SizeLaw, k: f64, max: f64) -> f64 {
        let d = (max / law.body_median_bytes).ln() / law.body_sigma;
        body_moment(law, k) * normal_cdf(d - k * law.body_sigma) / normal_cdf(d)
    }

    /// The mean of N sizes is within 4 of its standard errors of `mean`, given E X^2.
    #[track_caller]
    fn assert_mean(sizes: &[u64], mean: f64, second: f64) {
        let found = sizes.iter().map(|&s| s as f64).sum::<f64>() / sizes.len() as f64;
        let error = ((second - mean * mean) / sizes.len() as f64).sqrt();
        assert!((found - mean).abs() < 4.0 * error, "{found} {mean} {error}");
    }

    #[test]
    fn the_body_has_the_moments_of_the_lognormal() {
        let law = law(0.0, u64::MAX);
        let sizes = law.sizes(N, 1);
        assert_mean(&sizes, body_moment(&law, 1.0), body_moment(&law, 2.0));
        // The logarithm's mean and variance, whose standard errors are sigma / sqrt n and
        // sigma^2 sqrt(2 / n). Rounding to whole bytes shifts neither by as much as 1e-4.
        let logs: Vec<f64> = sizes.iter().map(|&s| (s as f64).ln()).collect();
        let n = f64::from(N);
        let mean = logs.iter().sum::<f64>() / n;
        let variance = logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / n;
        let sigma = law.body_sigma;
        assert!((mean - 4096f64.ln()).abs() < 4.0 * sigma / n.sqrt());
        assert!((variance / sigma.powi(2) - 1.0).abs() < 4.0 * (2.0 / n).sqrt());
    }

    #[test]
    fn the_tail_has_the_moments_of_the_pareto_law() {
        let law = law(1.0, u64::MAX);
        let sizes = law.sizes(N, 2);
        let moment = |k| tail_moment(&law.tail, k, f64::INFINITY);
        assert_mean(&sizes, moment(1.0), moment(2.0));
        assert!(sizes.iter().all(|&size| size >= 65536));
    }

    #[test]
    fn the_mixture_and_its_truncation_have_the_closed_forms() {
        let max = 262_144;
        let mixed = SizeLaw {
            tail: Tail {
                shape: 1.3,
                ..law(0.1, max).tail
            },
            ..law(0.1, max)
        };
        let sizes = mixed.sizes(N, 3);
        let moment = |k| {
            0.9 * truncated_body_moment(&mixed, k, max as f64)
                + 0.1 * tail_moment(&mixed.tail, k, max as f64)
        };
        assert_mean(&sizes, moment(1.0), moment(2.0));
        assert!(sizes.iter().all(|&size| (1..=max).contains(&size)));
    }

    #[test]
    fn a_size_depends_on_seed_and_object_alone() {
        let law = law(0.1, 1 << 20);
        let few = law.sizes(10, 1);
        assert_eq!(few, law.sizes(1000, 1)[..10]);
        assert_ne!(few, law.sizes(10, 2));
    }

    // Computed by an independent program from the documentation.
    #[test]
    fn sizes_are_pinned() {
        assert_eq!(
            law(0.3, 1 << 20).sizes(6, 42),
            [17_122, 5_475, 39_781, 467, 70_652, 3_259]
        );
    }
}
