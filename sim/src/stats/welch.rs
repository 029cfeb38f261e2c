//! Differences between replications that share nothing: Welch's t (Welch, "The generalization of
//! 'Student's' problem when several different population variances are involved", Biometrika 34,
//! 1947).
//!
//! Checked by how often intervals cover (tests below).

use super::interval::{Estimate, quantile_975};

impl Estimate {
    /// How much larger the mean of `a` is than that of `b`, over replications that share nothing;
    /// `None` if either has none. Both need two for an interval, whose degrees of freedom are
    /// Welch's and Satterthwaite's.
    pub fn of_independent(a: &[f64], b: &[f64]) -> Option<Self> {
        difference(a, b, 1.0)
    }

    /// The same as a share of `b`'s mean; `None` also if that is 0.
    ///
    /// The ratio of the means, less 1; its interval, by the delta method, is that of
    /// (mean(a) - R mean(b)) / mean(b) with R the ratio found. Approximate, as any of a ratio.
    pub fn of_independent_relative(a: &[f64], b: &[f64]) -> Option<Self> {
        let (of_a, of_b) = (Self::of(a)?, Self::of(b)?);
        if of_b.mean == 0.0 {
            return None;
        }
        let ratio = of_a.mean / of_b.mean;
        let half_width = difference(a, b, ratio)?.half_width;
        Some(Self {
            mean: ratio - 1.0,
            half_width: half_width.map(|half| half / of_b.mean.abs()),
        })
    }
}

/// mean(a) - weight mean(b).
fn difference(a: &[f64], b: &[f64], weight: f64) -> Option<Estimate> {
    let (of_a, of_b) = (Estimate::of(a)?, Estimate::of(b)?);
    let mean = of_a.mean - weight * of_b.mean;
    let parts = (a.len() > 1 && b.len() > 1).then(|| {
        let of_b = variance_of_mean(b, of_b.mean) * weight.powi(2);
        (variance_of_mean(a, of_a.mean), of_b)
    });
    let half_width = parts.map(|(of_a, of_b)| match of_a + of_b {
        0.0 => 0.0,
        both => {
            let n = |samples: &[f64]| (samples.len() - 1) as f64;
            let freedom = both.powi(2) / (of_a.powi(2) / n(a) + of_b.powi(2) / n(b));
            quantile_975(freedom) * both.sqrt()
        }
    });
    Some(Estimate { mean, half_width })
}

fn variance_of_mean(samples: &[f64], mean: f64) -> f64 {
    let n = samples.len() as f64;
    let squares: f64 = samples.iter().map(|sample| (sample - mean).powi(2)).sum();
    squares / (n - 1.0) / n
}

#[cfg(test)]
mod tests {
    use super::super::coverage::{assert_covers_95, normals};
    use super::*;

    #[test]
    fn the_interval_is_welchs() {
        // Variances of the means 1/2 and 4/3; freedom (11/6)^2 / ((1/4)/4 + (16/9)/2) = 3.5328;
        // t(0.975, 3.5328) = 2.9274 (by numerical integration): half width 3.9637.
        let a = [1.0, 2.0, 3.0, 4.0, 5.0];
        let b = [2.0, 4.0, 6.0];
        let difference = Estimate::of_independent(&a, &b).expect("some");
        let half = difference.half_width.expect("two or more");
        assert_eq!(difference.mean, -1.0);
        assert!((half - 3.9637).abs() < 1e-3, "{half}");
    }

    #[test]
    fn equal_replications_have_no_width_and_single_ones_no_interval() {
        let of = |a: &[f64], b: &[f64]| Estimate::of_independent(a, b).expect("some");
        assert_eq!(of(&[2.0, 2.0], &[1.0, 1.0]).half_width, Some(0.0));
        assert_eq!(of(&[2.0], &[1.0, 1.0]).half_width, None);
        assert_eq!(Estimate::of_independent(&[], &[1.0]), None);
        assert_eq!(Estimate::of_independent_relative(&[1.0], &[0.0]), None);
    }

    #[test]
    fn intervals_cover_where_variances_and_sizes_differ() {
        assert_covers_95(2000, |rng| {
            let (a, b) = (normals(rng, 5, 3.0, 1.0), normals(rng, 12, 1.0, 4.0));
            let difference = Estimate::of_independent(&a, &b).expect("some");
            (difference.mean - 2.0).abs() <= difference.half_width.expect("two or more")
        });
    }

    #[test]
    fn relative_intervals_cover() {
        assert_covers_95(2000, |rng| {
            let (a, b) = (normals(rng, 10, 120.0, 6.0), normals(rng, 10, 100.0, 3.0));
            let relative = Estimate::of_independent_relative(&a, &b).expect("some");
            (relative.mean - 0.2).abs() <= relative.half_width.expect("two or more")
        });
    }
}
