//! Figures in SVG: [`Lines`] with error bars, grouped [`Bars`], response-time [`Distribution`]s.
//!
//! A figure is rendered to a `String`; [`OutputDir::text`](crate::files::OutputDir::text) makes a
//! file of it. The same figure is the same bytes everywhere: coordinates are rounded to hundredths
//! of a pixel, logarithms are `libm`'s. Text stays text, in whatever sans-serif font the viewer
//! has: its width is estimated on the wide side, so that nothing overlaps, and no font is needed to
//! draw. The background is white, for pages that are dark. Series differ in colour (safe for
//! colour-blind readers) and in dash, marker or hatching (for print in black and white).
//!
//! What cannot be drawn (no value, or not above zero on a logarithmic axis) is counted in a note
//! below the figure; a figure without anything to draw is a [`PlotError`].
//!
//! Left out: several panels, a second y axis, curves fitted or smoothed: points are joined by
//! straight lines, distributions are steps.

mod axis;
mod bars;
mod captions;
mod distribution;
mod lines;
mod marks;
mod page;
mod shape;
mod style;
mod text;
mod ticks;

pub use axis::Scale;
pub use bars::{BarSeries, Bars};
pub use distribution::{Curve, CurveSeries, Distribution};
pub use lines::{Across, LineSeries, Lines, Point};

use crate::number::Unit;

/// The text around a figure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captions {
    /// What is shown, above the figure.
    pub title: String,
    /// Lines below the title: the conditions.
    pub subtitles: Vec<String>,
    /// Lines below the figure: what a reader must know to trust it.
    pub notes: Vec<String>,
}

impl Captions {
    /// A title and no more.
    pub fn titled(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }
}

/// What an axis measures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// Its name, with the unit where `unit` is [`Unit::None`]: `throughput [requests/s]`.
    pub title: String,
    /// The unit that stands at the ticks: `64 MiB`, `10 ms`.
    pub unit: Unit,
}

/// A value and what is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The value; none or not finite: nothing is drawn, and a note says so.
    pub value: Option<f64>,
    /// The half width of its confidence interval; none or not finite: no error bar.
    pub half_width: Option<f64>,
}

impl Estimate {
    fn value(self) -> Option<f64> {
        self.value.filter(|value| value.is_finite())
    }

    /// The ends of the interval around `value`, if there is one.
    fn interval(self) -> Option<(f64, f64)> {
        let half_width = self.half_width.filter(|width| width.is_finite())?.abs();
        let value = self.value()?;
        (half_width > 0.0).then_some((value - half_width, value + half_width))
    }
}

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// No series has a value that can be drawn.
    #[error("nothing to draw in \"{title}\": no series has a value")]
    Empty {
        /// The figure's title.
        title: String,
    },
    /// A series has another number of values than there are groups of bars.
    #[error("\"{series}\" has {found} values for {expected} groups of bars")]
    Groups {
        /// The series' name.
        series: String,
        /// Groups.
        expected: usize,
        /// Values.
        found: usize,
    },
    /// A point's x is not the index of a name on the axis.
    #[error("\"{series}\" has a point at {x}, and the axis has {names} names")]
    Name {
        /// The series' name.
        series: String,
        /// The point's x.
        x: String,
        /// Names on the axis.
        names: usize,
    },
    /// The points of a distribution do not rise.
    #[error("the distribution of \"{series}\" is out of order at point {index} (from 0)")]
    Unordered {
        /// The series' name.
        series: String,
        /// The first point whose value is less than the one before, or not finite, or whose share
        /// is less than the one before or outside 0 to 1.
        index: usize,
    },
}

/// The note on `missing` of something that cannot be drawn.
fn missing_note(missing: usize, what: &str, why: &str) -> Option<String> {
    let plural = if missing == 1 { "" } else { "s" };
    (missing > 0).then(|| format!("Not drawn: {missing} {what}{plural} {why}."))
}

#[cfg(test)]
mod tests;
