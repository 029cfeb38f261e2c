//! What several tests need to hold frequencies against a law.

use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Pearson's chi-square test at 0.1 %, with one degree of freedom less than there are cells.
#[track_caller]
pub(crate) fn chi_square_fits(found: &[u32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    assert!(expected.iter().all(|&e| e >= 5.0), "cells are too small");
    let distance =
        |(found, expected): (&u32, &f64)| (f64::from(*found) - expected).powi(2) / expected;
    let chi_square: f64 = found.iter().zip(expected).map(distance).sum();
    let law = ChiSquared::new(found.len() as f64 - 1.0).expect("two cells or more");
    let limit = law.inverse_cdf(0.999);
    assert!(chi_square < limit, "chi-square {chi_square}, limit {limit}");
}
