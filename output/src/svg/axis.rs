//! From a quantity to a place on an axis.

use super::Quantity;
use super::ticks::{self, Tick};

/// How a quantity is spread along its axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equally far.
    Linear,
    /// Equal factors are equally far; ticks at powers of two, as of memory sizes.
    Log2,
    /// Equal factors are equally far; ticks at powers of ten.
    Log10,
}

impl Scale {
    /// `value` where equal distances are equally far.
    pub(super) fn apply(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log2 => libm::log2(value),
            Self::Log10 => libm::log10(value),
        }
    }

    /// Whether `value` has a place on such an axis.
    pub(super) fn shows(self, value: f64) -> bool {
        value.is_finite() && (self == Self::Linear || value > 0.0)
    }
}

/// The share of an axis that is left free at each end of its data, where these do not start at
/// zero: ours.
const MARGIN: f64 = 0.03;

/// A scale with its ends, title and ticks.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// What stands beside it.
    pub(super) title: String,
    /// Marks on it.
    pub(super) ticks: Vec<Tick>,
    /// Whether the labels are names, none of which may be left out.
    pub(super) named: bool,
    scale: Scale,
    /// Its ends, scaled.
    low: f64,
    high: f64,
}

impl Axis {
    /// A linear axis that encloses zero and all `values`, from tick to tick.
    pub(super) fn from_zero(quantity: &Quantity, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(values.chain([0.0]));
        let high = if low == high { 1.0 } else { high };
        Self::between_ticks(quantity, low, high)
    }

    /// An axis that encloses `values`, of which there is at least one, all shown by `scale`.
    pub(super) fn around(
        quantity: &Quantity,
        scale: Scale,
        values: impl Iterator<Item = f64>,
    ) -> Self {
        let (low, high) = ends(values);
        match scale {
            Scale::Linear if low == high => {
                let room = if low == 0.0 { 1.0 } else { low.abs() / 2.0 };
                Self::between_ticks(quantity, low - room, high + room)
            }
            Scale::Linear => Self::between_ticks(quantity, low, high),
            // Room for a single value: a factor of two to each side, ours.
            _ if low == high => Self::logarithmic(quantity, scale, low / 2.0, high * 2.0),
            _ => {
                let room = libm::pow(high / low, MARGIN);
                Self::logarithmic(quantity, scale, low / room, high * room)
            }
        }
    }

    /// An axis of `names`, the first at 0, the second at 1, each in the middle of its share.
    pub(super) fn named(title: &str, names: &[String]) -> Self {
        let names = names.iter().enumerate();
        let ticks: Vec<Tick> = names
            .map(|(index, name)| Tick {
                at: index as f64,
                label: Some(name.clone()),
            })
            .collect();
        Self {
            title: title.to_owned(),
            named: true,
            scale: Scale::Linear,
            low: -0.5,
            high: ticks.len() as f64 - 0.5,
            ticks,
        }
    }

    fn between_ticks(quantity: &Quantity, low: f64, high: f64) -> Self {
        let ticks = ticks::linear(low, high, quantity.unit);
        let (low, high) = ends(ticks.iter().map(|tick| tick.at));
        Self {
            title: quantity.title.clone(),
            ticks,
            named: false,
            scale: Scale::Linear,
            low,
            high,
        }
    }

    /// A logarithmic axis from `low` to `high`.
    pub(super) fn logarithmic(quantity: &Quantity, scale: Scale, low: f64, high: f64) -> Self {
        Self {
            title: quantity.title.clone(),
            ticks: ticks::logarithmic(scale, low, high, quantity.unit),
            named: false,
            scale,
            low: scale.apply(low),
            high: scale.apply(high),
        }
    }

    /// The same axis with its ticks at these values.
    pub(super) fn with_ticks(self, quantity: &Quantity, values: &[f64]) -> Self {
        let tick = |at: &f64| Tick::labelled(*at, quantity.unit);
        Self {
            ticks: values.iter().map(tick).collect(),
            ..self
        }
    }

    /// Where `value` stands, from 0 at the low end to 1 at the high end.
    pub(super) fn place(&self, value: f64) -> f64 {
        (self.scale.apply(value) - self.low) / (self.high - self.low)
    }
}

/// The least and the greatest of `values`.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}
