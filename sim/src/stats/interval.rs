//! Confidence intervals over replications: Student's t over their values, which are independent
//! (Law, "Simulation Modeling and Analysis", on replication/deletion). Exact for normal values;
//! means over a run are nearly so.
//!
//! Checked by how often intervals cover: 95 % for normal values; 90 % with ten exponential
//! values, far more skewed than means over runs should be (tests below).

use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean over independent replications with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Mean of the replications.
    pub mean: f64,
    /// Half the width of the 95 % interval; `None` with fewer than two replications.
    pub half_width: Option<f64>,
}

impl Estimate {
    /// Mean and Student's t interval of `samples`; `None` if there are none.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let first = *samples.first()?;
        // Where all are equal, the sum's rounding would give a mean beside the one value there is.
        let mean = if samples.iter().all(|&sample| sample == first) {
            first
        } else {
            mean(samples)
        };
        Some(Self::around(mean, samples))
    }

    /// `centre` with the half width of Student's t, the variance taken around it:
    /// t(0.975, n - 1) sqrt(sum of (sample - centre)^2 / (n - 1) / n).
    pub(super) fn around(centre: f64, samples: &[f64]) -> Self {
        let n = samples.len() as f64;
        let squares: f64 = samples.iter().map(|sample| (sample - centre).powi(2)).sum();
        let half_width =
            (samples.len() > 1).then(|| quantile_975(n - 1.0) * (squares / (n - 1.0) / n).sqrt());
        Self {
            mean: centre,
            half_width,
        }
    }

    /// Mean and interval of the differences `a[i] - b[i]` of replications that share their random
    /// streams; `None` if there are none.
    ///
    /// # Panics
    /// If the two have different lengths.
    pub fn of_paired(a: &[f64], b: &[f64]) -> Option<Self> {
        assert_eq!(a.len(), b.len(), "paired replications");
        let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        Self::of(&differences)
    }

    /// How much larger the mean of `a` is than that of `b`, as a share of the latter's, over
    /// replications that share their random streams; `None` if there are none or `b`'s mean is 0.
    ///
    /// The ratio of the means, R = mean(a) / mean(b), less 1: what a reader of both means computes.
    /// The mean of the single ratios would estimate something else. Its interval is the classical
    /// one of a ratio (Cochran, "Sampling Techniques"; by the delta method): Student's t over the
    /// residuals (a - R b) / mean(b) of the pairs, whose mean is zero. A ratio is biased by a term
    /// of order 1 / n, and its interval approximate.
    ///
    /// # Panics
    /// If the two have different lengths.
    pub fn of_paired_relative(a: &[f64], b: &[f64]) -> Option<Self> {
        assert_eq!(a.len(), b.len(), "paired replications");
        let base = Self::of(b)?.mean;
        if base == 0.0 {
            return None;
        }
        let ratio = Self::of(a)?.mean / base;
        let residuals: Vec<f64> = a
            .iter()
            .zip(b)
            .map(|(a, b)| (a - ratio * b) / base)
            .collect();
        Some(Self {
            mean: ratio - 1.0,
            ..Self::around(0.0, &residuals)
        })
    }

    /// Whether the interval excludes zero.
    pub fn excludes_zero(&self) -> bool {
        self.half_width.is_some_and(|half| self.mean.abs() > half)
    }
}

fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len() as f64
}

/// The 97.5 % point of Student's t distribution.
pub(super) fn quantile_975(degrees_of_freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees_of_freedom)
        .expect("two replications at least")
        .inverse_cdf(0.975)
}

#[cfg(test)]
mod tests {
    use super::super::coverage::{assert_covers_95, coverage, normals};
    use super::*;
    use crate::engine::random::exponential;

    #[test]
    fn interval_is_students() {
        // Mean 3, s = 1.5811, t(0.975, 4) = 2.7764: half width 1.9632.
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("not empty");
        assert_eq!(estimate.mean, 3.0);
        let half = estimate.half_width.expect("five samples");
        assert!((half - 1.963_243).abs() < 1e-5, "{half}");
    }

    #[test]
    fn equal_replications_have_no_width_and_a_single_one_no_interval() {
        assert_eq!(
            Estimate::of(&[0.1, 0.1, 0.1]).expect("some").half_width,
            Some(0.0)
        );
        assert_eq!(Estimate::of(&[0.1]).expect("some").half_width, None);
        assert_eq!(Estimate::of(&[]), None);
    }

    #[test]
    fn pairing_removes_what_replications_share() {
        let paired = Estimate::of_paired(&[11.0, 21.0, 31.0], &[10.0, 20.0, 30.0]);
        let paired = paired.expect("some");
        assert_eq!((paired.mean, paired.half_width), (1.0, Some(0.0)));
        assert!(paired.excludes_zero());
    }

    #[test]
    fn intervals_of_normal_values_cover() {
        for n in [2, 5, 30] {
            assert_covers_95(2000, |rng| {
                let estimate = Estimate::of(&normals(rng, n, 3.0, 1.0)).expect("some");
                (estimate.mean - 3.0).abs() <= estimate.half_width.expect("two or more")
            });
        }
    }

    #[test]
    fn intervals_of_exponential_values_cover_less() {
        let share = coverage(4000, |mut rng| {
            let samples: Vec<f64> = (0..10)
                .map(|_| exponential(&mut rng, 1e9).as_secs_f64())
                .collect();
            let estimate = Estimate::of(&samples).expect("some");
            (estimate.mean - 1.0).abs() <= estimate.half_width.expect("ten")
        });
        assert!((share - 0.90).abs() < 0.015, "{share}");
    }

    #[test]
    fn relative_difference_is_that_of_the_means() {
        let relative = Estimate::of_paired_relative(&[12.0, 24.0], &[10.0, 20.0]).expect("some");
        assert!((relative.mean - 0.2).abs() < 1e-15);
        assert!(
            relative.half_width.expect("two") < 1e-14,
            "proportional pairs"
        );
        assert!(relative.excludes_zero());
        assert_eq!(Estimate::of_paired_relative(&[1.0], &[0.0]), None);
        assert_eq!(Estimate::of_paired_relative(&[], &[]), None);
    }

    #[test]
    fn relative_differences_cover_with_paired_values() {
        assert_covers_95(2000, |rng| {
            let shared = normals(rng, 10, 100.0, 10.0);
            let own = normals(rng, 10, 20.0, 3.0);
            let a: Vec<f64> = shared.iter().zip(&own).map(|(x, y)| x + y).collect();
            let estimate = Estimate::of_paired_relative(&a, &shared).expect("some");
            (estimate.mean - 0.2).abs() <= estimate.half_width.expect("ten")
        });
    }
}
