//! Distributions of several series, as of response times, on a logarithmic axis.

use super::axis::{Axis, Scale};
use super::lines::sample;
use super::marks::Area;
use super::page::{self, Entry, Plot};
use super::shape::{Shape, path};
use super::style::{colour, dash, marker};
use super::{Captions, PlotError, Quantity, missing_note, ticks};
use crate::number::Unit;
use svg::node::element::{Definitions, Group};

/// The plot area in pixels: ours.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 340.0;
/// Corners of a curve that are nearer than this, in pixels, are drawn as one.
const FINEST: f64 = 0.5;
/// Markers along a curve: ours.
const MARKERS: usize = 7;

/// Which side of a distribution is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// The share of values up to x, on a linear axis from 0 to 100 %.
    Cumulative,
    /// The share of values above x, on a logarithmic axis: shows the tail.
    Complementary,
}

/// The distribution of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct CurveSeries {
    /// Its name in the legend.
    pub name: String,
    /// Values, rising, each with the share (0 to 1) of all that are not above it. From one to the
    /// next the share stays: the curve is a step function.
    pub points: Vec<(f64, f64)>,
}

/// A figure of distributions; the x axis is logarithmic, with ticks at powers of ten.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// The text around it.
    pub captions: Captions,
    /// What is distributed.
    pub x: Quantity,
    /// What the values are of, in the plural: `requests`.
    pub of: String,
    /// Which side is shown.
    pub curve: Curve,
    /// The distributions.
    pub series: Vec<CurveSeries>,
}

impl Distribution {
    /// The figure as an SVG document.
    ///
    /// # Errors
    ///
    /// No series has a value above zero, or one is out of order.
    pub fn render(&self) -> Result<String, PlotError> {
        self.check_order()?;
        let points = || self.series.iter().flat_map(|series| &series.points);
        let shown = || points().filter(|(value, _)| Scale::Log10.shows(*value));
        if shown().next().is_none() {
            let title = self.captions.title.clone();
            return Err(PlotError::Empty { title });
        }
        let area = Area {
            x: Axis::around(&self.x, Scale::Log10, shown().map(|(value, _)| *value)),
            y: self.y_axis(shown().map(|(_, share)| *share)),
            width: WIDTH,
            height: HEIGHT,
        };
        let mut captions = self.captions.clone();
        let why = "not above zero on the logarithmic axis (their share is counted)";
        let missing = points().count() - shown().count();
        captions.notes.extend(missing_note(missing, "value", why));
        let plot = Plot {
            marks: self.marks(&area),
            definitions: Definitions::new(),
            legend: self.legend(),
            area,
        };
        Ok(page::render(&captions, plot))
    }

    fn check_order(&self) -> Result<(), PlotError> {
        for CurveSeries { name, points } in &self.series {
            let mut before = (f64::NEG_INFINITY, 0.0);
            for (index, (value, share)) in points.iter().copied().enumerate() {
                let rises = value.is_finite() && value >= before.0 && share >= before.1;
                if !rises || share > 1.0 {
                    let series = name.clone();
                    return Err(PlotError::Unordered { series, index });
                }
                before = (value, share);
            }
        }
        Ok(())
    }

    fn y_axis(&self, shares: impl Iterator<Item = f64>) -> Axis {
        let quantity = |title: &str| Quantity {
            title: format!("share of {} {title}", self.of),
            unit: Unit::Share,
        };
        if self.curve == Curve::Cumulative {
            return Axis::from_zero(&quantity("not above x"), [1.0].into_iter());
        }
        let above = shares.map(|share| 1.0 - share).filter(|above| *above > 0.0);
        let least = above.fold(0.1, f64::min);
        // Down to the power of ten below the rarest that is known, or at it: 1 - 0.99 is a little
        // more or less than 0.01.
        let floor = ticks::power(10, (libm::log10(least) + 1e-9).floor() as i32);
        Axis::logarithmic(&quantity("above x"), Scale::Log10, floor, 1.0)
    }

    fn marks(&self, area: &Area) -> Group {
        let mut group = Group::new();
        for (index, series) in self.series.iter().enumerate() {
            let corners = self.corners(area, series);
            let line = path(&Shape::polyline(thinned(&corners)), colour(index), 1.6);
            group = group.add(line.set("stroke-dasharray", dash(index)));
            for (left, top) in spread(&corners, index, self.series.len()) {
                group = group.add(marker(index, left, top));
            }
        }
        group
    }

    /// The corners of the series' steps, in pixels, from the left end of the axis to its largest
    /// value.
    fn corners(&self, area: &Area, series: &CurveSeries) -> Vec<(f64, f64)> {
        let top = |share: f64| match self.curve {
            Curve::Cumulative => area.top(share),
            Curve::Complementary if share >= 1.0 => area.height,
            Curve::Complementary => area.top(1.0 - share),
        };
        let (below, shown): (Vec<_>, Vec<_>) =
            series.points.iter().partition(|(value, _)| *value <= 0.0);
        if shown.is_empty() {
            return Vec::new();
        }
        let mut level = top(below.last().map_or(0.0, |(_, share)| *share));
        let mut corners = vec![(0.0, level)];
        for (value, share) in shown {
            let left = area.left(value);
            corners.push((left, level));
            level = top(share);
            corners.push((left, level));
        }
        corners
    }

    fn legend(&self) -> Vec<Entry> {
        let entry = |(index, series): (usize, &CurveSeries)| Entry {
            name: series.name.clone(),
            sample: sample(index).add(marker(index, 0.0, 0.0)),
        };
        self.series.iter().enumerate().map(entry).collect()
    }
}

/// `corners` without those that cannot be told from the one before; the last one stays.
fn thinned(corners: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (index, corner) in corners.iter().enumerate() {
        let far = kept.last().is_none_or(|last| {
            (corner.0 - last.0).abs() >= FINEST || (corner.1 - last.1).abs() >= FINEST
        });
        if far || index + 1 == corners.len() {
            kept.push(*corner);
        }
    }
    kept
}

/// Where the markers of series `index` of `count` stand: evenly along the curve's way, shifted from
/// series to series, so that curves that coincide show all their markers.
fn spread(corners: &[(f64, f64)], index: usize, count: usize) -> Vec<(f64, f64)> {
    let length =
        |pair: &[(f64, f64)]| (pair[1].0 - pair[0].0).abs() + (pair[1].1 - pair[0].1).abs();
    let whole: f64 = corners.windows(2).map(length).sum();
    let phase = (index as f64 + 0.5) / count as f64;
    let mut marks = Vec::new();
    let mut gone = 0.0;
    for pair in corners.windows(2) {
        let step = length(pair);
        while marks.len() < MARKERS {
            let next = (marks.len() as f64 + phase) / MARKERS as f64 * whole;
            if next > gone + step || step == 0.0 {
                break;
            }
            let share = (next - gone) / step;
            let between = |from: f64, to: f64| from + (to - from) * share;
            marks.push((between(pair[0].0, pair[1].0), between(pair[0].1, pair[1].1)));
        }
        gone += step;
    }
    marks
}
