//! Numbers as text: no more digits than are known.
//!
//! A value with a confidence interval is cut at the second significant digit of the interval's
//! half width (at most two digits of an uncertainty, the estimate to the same place: the GUM,
//! JCGM 100:2008, 7.2.6). A value without one shows four significant digits, our choice, and all
//! digits that stand before the point.

/// Significant digits of a value without interval: our choice, finer than a chart shows.
const DIGITS: i32 = 4;
/// The most digits of a value whose interval is tiny: our choice, below what sums of doubles lose.
const MOST_DIGITS: i32 = 9;
/// What stands for a value that there is not.
pub const ABSENT: &str = "-";

/// The unit that a value is given in, and how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A bare number: the unit stands elsewhere, as in a column's header.
    None,
    /// Something per second, shown as `/s`, `k/s`, `M/s` or `G/s`.
    PerSecond,
    /// Seconds, shown as `ns`, `us`, `ms` or `s`.
    Seconds,
    /// A share of 1, shown in per cent.
    Share,
    /// Bytes, shown as `B`, `KiB`, `MiB`, `GiB` or `TiB`.
    Bytes,
}

impl Unit {
    /// What to divide by and what to append, smallest first.
    fn scales(self) -> &'static [(f64, &'static str)] {
        const KIB: f64 = 1024.0;
        match self {
            Self::None => &[(1.0, "")],
            Self::PerSecond => &[(1.0, "/s"), (1e3, "k/s"), (1e6, "M/s"), (1e9, "G/s")],
            Self::Seconds => &[(1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s")],
            Self::Share => &[(0.01, "%")],
            Self::Bytes => &[
                (1.0, "B"),
                (KIB, "KiB"),
                (KIB * KIB, "MiB"),
                (KIB * KIB * KIB, "GiB"),
                (KIB * KIB * KIB * KIB, "TiB"),
            ],
        }
    }

    /// The largest scale on which `value`, as it is shown, is at least 1.
    pub(crate) fn scale(self, value: f64) -> (f64, &'static str) {
        let scales = self.scales();
        let fits = |scale: &&(f64, &str)| shown(value / scale.0).abs() >= 1.0;
        match scales.iter().rev().find(fits) {
            Some(scale) => *scale,
            // Zero seconds are no nanoseconds, but 0.2 ns and 0.2 B are.
            None if value == 0.0 && self == Self::Seconds => (1.0, "s"),
            None => scales[0],
        }
    }
}

/// `number` with [`DIGITS`] significant digits.
fn shown(number: f64) -> f64 {
    let places = (DIGITS - 1) as usize;
    format!("{number:.places$e}").parse().unwrap_or(number)
}

/// `value` in a readable scale of its unit: `12.35 k/s`, `1.250 ms`, `27.90 %`, `4.000 MiB`;
/// [`ABSENT`] for none and for what is not finite.
pub fn value(value: Option<f64>, unit: Unit) -> String {
    let Some(value) = value.filter(|v| v.is_finite()) else {
        return ABSENT.into();
    };
    let (divisor, suffix) = unit.scale(value);
    with_suffix(plain(value / divisor), suffix)
}

/// `mean` with the half width of its confidence interval, both in `unit`: `1234 ±12`,
/// `12.35 ±0.12 k/s`.
///
/// | `half_width` | result |
/// |---|---|
/// | exactly zero | `1234 (deterministic)` |
/// | none, or not finite (too few replications to know) | `1234 ±?` |
/// | too small to show beside the mean | `1234.56789 ±<0.00001` |
///
/// Without a finite mean the result is [`ABSENT`].
pub fn with_interval(mean: Option<f64>, half_width: Option<f64>, unit: Unit) -> String {
    let Some(mean) = mean.filter(|v| v.is_finite()) else {
        return ABSENT.into();
    };
    let (divisor, suffix) = unit.scale(mean);
    let number = mean / divisor;
    let text = match half_width.filter(|v| v.is_finite()) {
        None => format!("{} ±?", plain(number)),
        Some(0.0) => {
            return format!("{} (deterministic)", with_suffix(plain(number), suffix));
        }
        Some(half_width) => to_interval(number, half_width.abs() / divisor),
    };
    with_suffix(text, suffix)
}

pub(crate) fn with_suffix(text: String, suffix: &str) -> String {
    match suffix {
        "" => text,
        suffix => format!("{text} {suffix}"),
    }
}

/// `number` and `half_width`, both cut at the second digit of the latter.
fn to_interval(number: f64, half_width: f64) -> String {
    let finest = exponent(number, MOST_DIGITS) - MOST_DIGITS + 1;
    let place = exponent(half_width, 2) - 1;
    // A mean near zero needs the digits of its interval however small it is.
    if number == 0.0 || place >= finest {
        return format!("{} ±{}", rounded(number, place), rounded(half_width, place));
    }
    let bound = rounded(10f64.powi(finest), finest);
    format!("{} ±<{bound}", rounded(number, finest))
}

/// `number` with [`DIGITS`] significant digits, more where they stand before the point; whole
/// numbers without a point.
pub(crate) fn plain(number: f64) -> String {
    let last = exponent(number, DIGITS) - DIGITS + 1;
    if number.fract() == 0.0 {
        return rounded(number, 0);
    }
    rounded(number, last.min(0))
}

/// The decimal exponent of `number`'s first digit once it is rounded to `digits` digits.
fn exponent(number: f64, digits: i32) -> i32 {
    let text = format!("{number:.*e}", (digits - 1) as usize);
    let exponent = text.split_once('e').and_then(|(_, e)| e.parse().ok());
    exponent.unwrap_or(0)
}

/// `number` rounded to a multiple of 10^`place`.
fn rounded(number: f64, place: i32) -> String {
    let text = if place > 0 {
        let step = 10f64.powi(place);
        format!("{:.0}", (number / step).round() * step)
    } else {
        format!("{number:.*}", (-place) as usize)
    };
    // Minus zero is zero.
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|b| b == b'0' || b == b'.') => digits.into(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(mean: f64, half_width: f64) -> String {
        with_interval(Some(mean), Some(half_width), Unit::None)
    }

    #[test]
    fn the_half_width_sets_the_digits() {
        assert_eq!(bare(1234.4, 12.3), "1234 ±12");
        assert_eq!(bare(1234.4, 1.23), "1234.4 ±1.2");
        assert_eq!(bare(0.27912, 0.0012), "0.2791 ±0.0012");
        assert_eq!(bare(123_456.0, 1_234.0), "123500 ±1200");
        assert_eq!(bare(-5.678, 0.12), "-5.68 ±0.12");
    }

    #[test]
    fn a_half_width_that_rounds_up_to_the_next_power_of_ten_loses_a_place() {
        assert_eq!(bare(1234.4, 9.96), "1234 ±10");
        assert_eq!(bare(1234.4, 9.94), "1234.4 ±9.9");
        assert_eq!(bare(1.2345, 0.0996), "1.23 ±0.10");
        assert_eq!(bare(5_000.0, 999.0), "5000 ±1000");
    }

    #[test]
    fn an_interval_wider_than_the_mean_leaves_no_minus_zero() {
        assert_eq!(bare(-0.4, 120.0), "0 ±120");
        assert_eq!(bare(3.0, 120.0), "0 ±120");
        assert_eq!(bare(0.0, 0.0012), "0.0000 ±0.0012");
        assert_eq!(bare(0.0, 1e-12), "0.0000000000000 ±0.0000000000010");
    }

    #[test]
    fn a_half_width_of_zero_is_deterministic() {
        assert_eq!(bare(1234.0, 0.0), "1234 (deterministic)");
        assert_eq!(bare(0.25, -0.0), "0.2500 (deterministic)");
        let rate = with_interval(Some(12_345.0), Some(0.0), Unit::PerSecond);
        assert_eq!(rate, "12.35 k/s (deterministic)");
    }

    #[test]
    fn a_tiny_half_width_is_not_called_zero() {
        assert_eq!(bare(1_234.567_891_234, 1e-9), "1234.56789 ±<0.00001");
        assert_eq!(bare(1_234.567_89, 1e-4), "1234.56789 ±0.00010");
        assert_eq!(bare(1e12, 1e-3), "1000000000000 ±<10000");
    }

    #[test]
    fn what_is_not_known_is_marked() {
        let unit = Unit::Seconds;
        assert_eq!(with_interval(None, Some(1.0), unit), "-");
        assert_eq!(with_interval(Some(f64::NAN), Some(1.0), unit), "-");
        assert_eq!(with_interval(Some(0.00125), None, unit), "1.250 ±? ms");
        assert_eq!(
            with_interval(Some(1.0), Some(f64::INFINITY), unit),
            "1 ±? s"
        );
        assert_eq!(value(None, unit), "-");
        assert_eq!(value(Some(f64::INFINITY), unit), "-");
    }

    #[test]
    fn mean_and_half_width_share_the_means_scale() {
        let text = with_interval(Some(0.0123), Some(0.000_12), Unit::Seconds);
        assert_eq!(text, "12.30 ±0.12 ms");
        let text = with_interval(Some(0.279), Some(0.0012), Unit::Share);
        assert_eq!(text, "27.90 ±0.12 %");
        let text = with_interval(Some(7_654.0), Some(321.0), Unit::PerSecond);
        assert_eq!(text, "7.65 ±0.32 k/s");
        let text = with_interval(Some(3.0 * 1048576.0), Some(52_429.0), Unit::Bytes);
        assert_eq!(text, "3.000 ±0.050 MiB");
    }

    #[test]
    fn values_choose_their_scale() {
        assert_eq!(value(Some(950.0), Unit::PerSecond), "950 /s");
        assert_eq!(value(Some(54_272.0), Unit::PerSecond), "54.27 k/s");
        assert_eq!(value(Some(2.5e-6), Unit::Seconds), "2.500 us");
        assert_eq!(value(Some(0.0), Unit::Seconds), "0 s");
        assert_eq!(value(Some(2e-10), Unit::Seconds), "0.2000 ns");
        assert_eq!(value(Some(90.0), Unit::Seconds), "90 s");
        assert_eq!(value(Some(0.127_06), Unit::Share), "12.71 %");
        assert_eq!(value(Some(512.0), Unit::Bytes), "512 B");
        assert_eq!(value(Some(54_588_037.0), Unit::Bytes), "52.06 MiB");
    }

    #[test]
    fn a_value_that_rounds_up_to_the_next_scale_moves_there() {
        assert_eq!(value(Some(999.94), Unit::PerSecond), "999.9 /s");
        assert_eq!(value(Some(999.96), Unit::PerSecond), "1.000 k/s");
    }

    #[test]
    fn digits_before_the_point_are_kept() {
        assert_eq!(value(Some(123_456.7), Unit::None), "123457");
        assert_eq!(value(Some(199_692.0), Unit::None), "199692");
        assert_eq!(value(Some(0.001_234_56), Unit::None), "0.001235");
        assert_eq!(value(Some(-12.3456), Unit::None), "-12.35");
    }
}
