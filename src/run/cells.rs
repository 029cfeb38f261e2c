//! Figures as they stand in tables and sentences.

use output::number::{Unit, with_interval};
use sim::stats::Estimate;

/// What [`with_interval`] says of a width of zero: in tables a figure without ± says it.
const DETERMINISTIC: &str = " (deterministic)";

/// An estimate times `factor`, as long as need be.
pub(super) fn text(estimate: Option<Estimate>, factor: f64, unit: Unit) -> String {
    let mean = estimate.map(|estimate| estimate.mean * factor);
    let half_width = estimate.and_then(|estimate| Some(estimate.half_width? * factor));
    let text = with_interval(mean, half_width, unit);
    match text.strip_suffix(DETERMINISTIC) {
        Some(number) => number.to_owned(),
        None => text,
    }
}

/// The same without a unit.
pub(super) fn cell(estimate: Option<Estimate>, factor: f64) -> String {
    text(estimate, factor, Unit::None)
}
