//! When a mean over replications agrees with its expected value.

use sim::stats::Estimate;

/// Standard errors between a mean and its expected value at most: 4.8 of them are exceeded once in
/// a thousand times by Student's t with nine degrees of freedom.
const STANDARD_ERRORS: f64 = 4.8;

/// Means of replications against their expected value. `share`: the standard error is at most this
/// share of it, so that the comparison can fail.
pub(crate) fn assert_agrees(what: &str, values: &[f64], expected: f64, share: f64) {
    assert_agrees_within(what, values, expected, share, 0.0);
}

/// The same where the system is the model but for so large a share of the expected value.
pub(crate) fn assert_agrees_within(
    what: &str,
    values: &[f64],
    expected: f64,
    share: f64,
    bias: f64,
) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let error = (squares / (n - 1.0) / n).sqrt();
    println!("{what}: {mean:.4} +- {error:.4} (standard error) / {expected:.4}");
    assert!(error > 0.0, "{what}: replications differ");
    assert!(
        error < share * expected,
        "{what}: standard error {error} of {expected}"
    );
    assert!(
        (mean - expected).abs() < STANDARD_ERRORS * error + bias * expected,
        "{what}: {mean} +- {error} against {expected}"
    );
}

/// Whether `a` is larger than `b`, replication by replication, beyond the 95 % interval.
pub(crate) fn is_larger(a: &[f64], b: &[f64]) -> bool {
    let difference = Estimate::of_paired(a, b).expect("replications");
    difference.mean > difference.half_width.expect("several")
}
