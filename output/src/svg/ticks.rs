//! Where the ticks of an axis stand and what is written at them.

use super::axis::Scale;
use crate::number::{Unit, plain, with_suffix};

/// Intervals between labelled ticks of a linear axis, at most: ours.
const INTERVALS: f64 = 6.0;
/// Labelled ticks of a logarithmic axis, at most: ours.
const LABELS: usize = 10;

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// Where, in the axis' quantity.
    pub(super) at: f64,
    /// What is written there; none at a minor tick.
    pub(super) label: Option<String>,
}

impl Tick {
    /// A tick whose label suits itself.
    pub(super) fn labelled(at: f64, unit: Unit) -> Self {
        let label = Some(label(at, at, unit));
        Self { at, label }
    }

    fn minor(at: f64) -> Self {
        Self { at, label: None }
    }
}

/// `at` on the scale of its unit that suits `greatest`, without the zeros that end a fraction:
/// `2.5 ms`, `64 MiB`.
fn label(at: f64, greatest: f64, unit: Unit) -> String {
    if at == 0.0 {
        return "0".into();
    }
    let (divisor, suffix) = unit.scale(greatest);
    let number = plain(at / divisor);
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => &number,
    };
    with_suffix(number.into(), suffix)
}

/// Ticks at multiples of a round step, the first not above `low`, the last not below `high`.
pub(super) fn linear(low: f64, high: f64, unit: Unit) -> Vec<Tick> {
    let step = step((high - low) / INTERVALS, unit);
    let (first, last) = ((low / step).floor() as i64, (high / step).ceil() as i64);
    let at = |index: i64| index as f64 * step;
    let greatest = at(last).abs().max(at(first).abs());
    let tick = |index| Tick {
        at: at(index),
        label: Some(label(at(index), greatest, unit)),
    };
    (first..=last).map(tick).collect()
}

/// The round number next above `least`: a power of two of bytes, 1, 2 or 5 times a power of ten of
/// anything else.
fn step(least: f64, unit: Unit) -> f64 {
    if unit == Unit::Bytes {
        return power(2, libm::log2(least).ceil() as i32);
    }
    let exponent = libm::log10(least).floor() as i32;
    let steps = [1.0, 2.0, 5.0].map(|digit| digit * power(10, exponent));
    let fits = steps.into_iter().find(|step| *step >= least);
    fits.unwrap_or_else(|| power(10, exponent + 1))
}

/// `base` to the `exponent`, correctly rounded for 2 and 10.
pub(super) fn power(base: u32, exponent: i32) -> f64 {
    match base {
        2 => libm::exp2(exponent.into()),
        // Parsing is exact where multiplying is not.
        _ => format!("1e{exponent}").parse().unwrap_or(f64::NAN),
    }
}

/// Ticks of a logarithmic axis between `low` and `high`.
pub(super) fn logarithmic(scale: Scale, low: f64, high: f64, unit: Unit) -> Vec<Tick> {
    let base = if scale == Scale::Log2 { 2 } else { 10 };
    let first = scale.apply(low).ceil() as i32;
    let last = scale.apply(high).floor() as i32;
    let within = |at: f64| (low..=high).contains(&at);
    if last <= first {
        // Less than two powers: a logarithmic axis this short is all but linear.
        let ticks = linear(low, high, unit);
        return ticks.into_iter().filter(|tick| within(tick.at)).collect();
    }
    let stride = ((last - first) as usize / LABELS + 1) as i32;
    let mut ticks = Vec::new();
    for exponent in first - 1..=last {
        let at = power(base, exponent);
        if within(at) && (exponent - first) % stride == 0 {
            ticks.push(Tick::labelled(at, unit));
        } else if within(at) {
            ticks.push(Tick::minor(at));
        }
        if base == 10 && stride == 1 {
            let between = (2..10).map(|digit| f64::from(digit) * at);
            ticks.extend(between.filter(|at| within(*at)).map(Tick::minor));
        }
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        let labels = ticks.iter().filter_map(|tick| tick.label.as_deref());
        labels.collect()
    }

    #[test]
    fn linear_ticks_are_round_and_enclose_the_data() {
        let ticks = linear(0.0, 1234.0, Unit::None);
        assert_eq!(labels(&ticks), ["0", "500", "1000", "1500"]);
        let ticks = linear(0.0, 0.6, Unit::Share);
        let expected = ["0", "10 %", "20 %", "30 %", "40 %", "50 %", "60 %"];
        assert_eq!(labels(&ticks), expected);
        let ticks = linear(0.0, 0.012, Unit::Seconds);
        let expected = ["0", "2 ms", "4 ms", "6 ms", "8 ms", "10 ms", "12 ms"];
        assert_eq!(labels(&ticks), expected);
        let ticks = linear(0.0, 4.0 * 1048576.0, Unit::Bytes);
        assert_eq!(labels(&ticks), ["0", "1 MiB", "2 MiB", "3 MiB", "4 MiB"]);
        let ticks = linear(0.0, 0.0022, Unit::Seconds);
        assert_eq!(labels(&ticks)[..3], ["0", "0.5 ms", "1 ms"]);
        for exponent in -300..300 {
            let high = 1.7 * power(10, exponent);
            let ticks = linear(0.0, high, Unit::None);
            assert!((2..=8).contains(&ticks.len()), "{high}: {}", ticks.len());
            assert!(ticks.last().unwrap().at >= high, "{high}");
        }
    }

    #[test]
    fn logarithmic_ticks_are_powers_within_the_axis() {
        let ticks = logarithmic(Scale::Log2, 60.0, 600.0, Unit::None);
        assert_eq!(labels(&ticks), ["64", "128", "256", "512"]);
        let ticks = logarithmic(Scale::Log10, 9e-5, 0.2, Unit::Seconds);
        assert_eq!(labels(&ticks), ["100 us", "1 ms", "10 ms", "100 ms"]);
        assert!(ticks.iter().all(|tick| (9e-5..=0.2).contains(&tick.at)));
        let ticks = logarithmic(Scale::Log10, 1e-30, 1.0, Unit::None);
        assert!(labels(&ticks).len() <= LABELS + 1, "{ticks:?}");
    }

    #[test]
    fn an_axis_without_two_powers_is_labelled_as_a_linear_one() {
        let ticks = logarithmic(Scale::Log10, 12.0, 71.0, Unit::None);
        assert_eq!(labels(&ticks), ["20", "30", "40", "50", "60", "70"]);
    }
}
