//! The plot area and what is drawn in it alike in every kind of figure.

use super::Estimate;
use super::axis::Axis;
use super::shape::{Shape, path};
use svg::node::element::Path;

/// Half the width of an error bar's cap, in pixels.
const CAP: f64 = 3.0;

/// The plot area: two axes and its size in pixels. Its origin is the upper left corner.
#[derive(Clone, Debug)]
pub(super) struct Area {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    /// Pixels from the left.
    pub(super) fn left(&self, x: f64) -> f64 {
        self.x.place(x) * self.width
    }

    /// Pixels from the top.
    pub(super) fn top(&self, y: f64) -> f64 {
        (1.0 - self.y.place(y)) * self.height
    }

    /// The interval of `estimate` as an error bar `left` pixels from the left. An end outside the
    /// area is cut off and has no cap.
    pub(super) fn error_bar(
        &self,
        left: f64,
        estimate: Estimate,
        (colour, stroke): (&str, f64),
    ) -> Option<Path> {
        let (low, high) = estimate.interval()?;
        let (bottom, top) = (self.top(low), self.top(high));
        let inside = |y: f64| (-0.005..=self.height + 0.005).contains(&y);
        let cut = |y: f64| y.clamp(0.0, self.height);
        let caps = [bottom, top].into_iter().filter(|y| inside(*y));
        let lines = [[(left, cut(bottom)), (left, cut(top))]]
            .into_iter()
            .chain(caps.map(|y| [(left - CAP, y), (left + CAP, y)]));
        Some(path(&Shape::segments(lines), colour, stroke))
    }
}
