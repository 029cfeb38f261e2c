//! How often intervals cover the truth, for the tests of this folder.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::engine::random::stream;

/// Share of `experiments` for which `covers` holds; each gets random numbers of its own.
pub(super) fn coverage(experiments: u64, mut covers: impl FnMut(&mut dyn Rng) -> bool) -> f64 {
    let covering = (0..experiments)
        .filter(|&experiment| covers(&mut stream(7, "coverage", experiment, 0)))
        .count();
    covering as f64 / experiments as f64
}

/// Asserts that 95 % of `experiments` cover, within three standard deviations of that count.
pub(super) fn assert_covers_95(experiments: u64, covers: impl FnMut(&mut dyn Rng) -> bool) {
    let share = coverage(experiments, covers);
    let tolerance = 3.0 * (0.95 * 0.05 / experiments as f64).sqrt();
    assert!((share - 0.95).abs() <= tolerance, "{share} +- {tolerance}");
}

/// `n` normal variates.
pub(super) fn normals(rng: &mut dyn Rng, n: usize, mean: f64, deviation: f64) -> Vec<f64> {
    (0..n)
        .map(|_| {
            let standard: f64 = StandardNormal.sample(rng);
            mean + deviation * standard
        })
        .collect()
}
