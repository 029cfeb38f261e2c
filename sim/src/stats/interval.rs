//! Confidence intervals over replications.

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
        let n = samples.len() as f64;
        let first = *samples.first()?;
        if samples.iter().all(|&sample| sample == first) {
            // The sum's rounding would give a mean beside the one value there is.
            let half_width = (samples.len() > 1).then_some(0.0);
            return Some(Self {
                mean: first,
                half_width,
            });
        }
        let mean = samples.iter().sum::<f64>() / n;
        let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
        let error = (squares / (n - 1.0) / n).sqrt();
        Some(Self {
            mean,
            half_width: Some(quantile_975(n - 1.0) * error),
        })
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

    /// Whether the interval excludes zero.
    pub fn excludes_zero(&self) -> bool {
        self.half_width.is_some_and(|half| self.mean.abs() > half)
    }
}

/// The 97.5 % point of Student's t distribution.
fn quantile_975(degrees_of_freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees_of_freedom)
        .expect("two replications at least")
        .inverse_cdf(0.975)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
