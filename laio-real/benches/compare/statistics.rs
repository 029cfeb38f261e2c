//! Medians, and how sure they are.

use std::fmt;

/// A median with an interval that holds the true one with a probability of at least 95 %.
#[derive(Clone, Copy)]
pub(crate) struct Estimate {
    pub(crate) median: f64,
    low: f64,
    high: f64,
}

impl Estimate {
    /// Of independent values of any distribution; `None` of none. With fewer than six the interval
    /// is their whole range, and means less.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let outer = outside(values.len());
        Some(Self {
            median: *values.get(values.len() / 2)?,
            low: *values.get(outer)?,
            high: *values.get(values.len() - 1 - outer)?,
        })
    }

    /// Of the ratios of values from the same rounds.
    pub(crate) fn of_ratios(values: &[f64], to: &[f64]) -> Option<Self> {
        Self::of(values.iter().zip(to).map(|(value, to)| value / to))
    }

    /// Of the differences of values from the same rounds.
    pub(crate) fn of_differences(values: &[f64], from: &[f64]) -> Option<Self> {
        Self::of(values.iter().zip(from).map(|(value, from)| value - from))
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let Self { median, low, high } = self;
        write!(f, "{median:.digits$} [{low:.digits$}, {high:.digits$}]")
    }
}

/// How many ordered values lie outside the interval at each end: the most whose binomial tail is
/// at most 2.5 %, since each value is below the true median with probability one half.
fn outside(values: usize) -> usize {
    let mut term = 0.5f64.powi(values as i32);
    let mut tail = 0.0;
    let mut outer = 0;
    while outer < values {
        tail += term;
        if tail > 0.025 {
            break;
        }
        term *= (values - outer) as f64 / (outer + 1) as f64;
        outer += 1;
    }
    // `outer` terms fit: the interval starts at the value before the first that does not.
    outer.saturating_sub(1)
}

/// A cell of a table.
pub(crate) fn cell(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}
