//! Values of several series against a quantity or over names, with error bars.

use super::axis::{Axis, Scale};
use super::marks::Area;
use super::page::{self, Entry, Plot, SAMPLE};
use super::shape::{Shape, path};
use super::style::{colour, dash, marker};
use super::{Captions, Estimate, PlotError, Quantity, missing_note};
use svg::node::element::{Definitions, Group};

/// The plot area in pixels: ours, a column of a page when printed.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 320.0;
/// The most different x that get a tick each on a logarithmic axis: ours.
const OWN_TICKS: usize = 12;

/// What the x axis shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Across {
    /// A quantity.
    Measured {
        /// What it is.
        quantity: Quantity,
        /// How it is spread.
        scale: Scale,
    },
    /// Names without order or distance; a point's x is the index of its name.
    Named {
        /// What they are names of.
        title: String,
        /// The names, from left to right.
        names: Vec<String>,
    },
}

/// A point of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where on the x axis.
    pub x: f64,
    /// The value there and its interval.
    pub y: Estimate,
}

/// A line through points.
#[derive(Clone, Debug, PartialEq)]
pub struct LineSeries {
    /// Its name in the legend.
    pub name: String,
    /// Its points, in the order in which the line goes. A point without a value breaks the line.
    pub points: Vec<Point>,
}

/// A figure of lines. The y axis is linear and starts at zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines {
    /// The text around it.
    pub captions: Captions,
    /// The x axis.
    pub x: Across,
    /// The y axis.
    pub y: Quantity,
    /// The lines; any number, though more than about a dozen are hard to tell apart.
    pub series: Vec<LineSeries>,
}

impl Lines {
    /// The figure as an SVG document.
    ///
    /// # Errors
    ///
    /// No point can be drawn, or one stands at no name of the x axis.
    pub fn render(&self) -> Result<String, PlotError> {
        self.check_names()?;
        let shown: Vec<_> = self
            .all_points()
            .filter_map(|point| self.shown(point))
            .collect();
        if shown.is_empty() {
            let title = self.captions.title.clone();
            return Err(PlotError::Empty { title });
        }
        let y = self
            .all_points()
            .filter(|point| self.shown(point).is_some());
        let y = y.flat_map(|point| reach(point.y));
        let area = Area {
            x: self.x_axis(shown.iter().map(|(x, _)| *x).collect()),
            y: Axis::from_zero(&self.y, y),
            width: self.width(),
            height: HEIGHT,
        };
        let missing = self.all_points().count() - shown.len();
        let mut captions = self.captions.clone();
        captions
            .notes
            .extend(missing_note(missing, "point", self.reason()));
        let plot = Plot {
            marks: self.marks(&area),
            definitions: Definitions::new(),
            legend: self.legend(),
            area,
        };
        Ok(page::render(&captions, plot))
    }

    fn all_points(&self) -> impl Iterator<Item = &Point> {
        self.series.iter().flat_map(|series| &series.points)
    }

    /// The point's x and y, if both can be drawn.
    fn shown(&self, point: &Point) -> Option<(f64, f64)> {
        let scale = match self.x {
            Across::Measured { scale, .. } => scale,
            Across::Named { .. } => Scale::Linear,
        };
        let y = point.y.value()?;
        scale.shows(point.x).then_some((point.x, y))
    }

    fn reason(&self) -> &'static str {
        match self.x {
            Across::Measured { scale, .. } if scale != Scale::Linear => {
                "without a value, or not above zero on the logarithmic axis"
            }
            _ => "without a value",
        }
    }

    fn check_names(&self) -> Result<(), PlotError> {
        let Across::Named { names, .. } = &self.x else {
            return Ok(());
        };
        let stray = |x: f64| !(0.0..names.len() as f64).contains(&x) || x.fract() != 0.0;
        for series in &self.series {
            if let Some(point) = series.points.iter().find(|point| stray(point.x)) {
                return Err(PlotError::Name {
                    series: series.name.clone(),
                    x: point.x.to_string(),
                    names: names.len(),
                });
            }
        }
        Ok(())
    }

    fn width(&self) -> f64 {
        match &self.x {
            Across::Named { names, .. } => WIDTH.max(names.len() as f64 * page::NAME),
            Across::Measured { .. } => WIDTH,
        }
    }

    /// The x axis around the values `shown`, with a tick at each if they are few and it is
    /// logarithmic.
    fn x_axis(&self, mut shown: Vec<f64>) -> Axis {
        let (quantity, scale) = match &self.x {
            Across::Named { title, names } => return Axis::named(title, names),
            Across::Measured { quantity, scale } => (quantity, *scale),
        };
        shown.sort_by(f64::total_cmp);
        shown.dedup();
        let axis = Axis::around(quantity, scale, shown.iter().copied());
        match scale {
            Scale::Log2 | Scale::Log10 if shown.len() <= OWN_TICKS => {
                axis.with_ticks(quantity, &shown)
            }
            _ => axis,
        }
    }

    /// Lines below error bars below markers, so that none hides a value.
    fn marks(&self, area: &Area) -> Group {
        let [mut joined, mut bars, mut markers] = [Group::new(), Group::new(), Group::new()];
        for (index, series) in self.series.iter().enumerate() {
            for run in self.runs(area, series) {
                let line = path(&Shape::polyline(run), colour(index), 1.6);
                joined = joined.add(line.set("stroke-dasharray", dash(index)));
            }
            for point in &series.points {
                let Some((x, y)) = self.shown(point) else {
                    continue;
                };
                let left = area.left(x);
                if let Some(bar) = area.error_bar(left, point.y, (colour(index), 1.2)) {
                    bars = bars.add(bar);
                }
                markers = markers.add(marker(index, left, area.top(y)));
            }
        }
        Group::new().add(joined).add(bars).add(markers)
    }

    /// The unbroken parts of a line, of two points or more, in pixels.
    fn runs(&self, area: &Area, series: &LineSeries) -> Vec<Vec<(f64, f64)>> {
        let points: Vec<_> = series.points.iter().map(|p| self.shown(p)).collect();
        let runs = points.split(Option::is_none).filter(|run| run.len() > 1);
        let place = |(x, y)| (area.left(x), area.top(y));
        runs.map(|run| run.iter().flatten().copied().map(place).collect())
            .collect()
    }

    fn legend(&self) -> Vec<Entry> {
        let entry = |(index, series): (usize, &LineSeries)| Entry {
            name: series.name.clone(),
            sample: sample(index).add(marker(index, 0.0, 0.0)),
        };
        self.series.iter().enumerate().map(entry).collect()
    }
}

/// A piece of the line of series `index`, around the origin.
pub(super) fn sample(index: usize) -> Group {
    let ends = Shape::polyline([(-SAMPLE / 2.0, 0.0), (SAMPLE / 2.0, 0.0)]);
    let line = path(&ends, colour(index), 1.6).set("stroke-dasharray", dash(index));
    Group::new().add(line)
}

/// What an axis that starts at zero must reach to show `y`: its value and its interval's end away
/// from zero.
pub(super) fn reach(y: Estimate) -> impl Iterator<Item = f64> {
    let value = y.value();
    let far = value
        .zip(y.interval())
        .map(|(value, (low, high))| match value < 0.0 {
            true => low,
            false => high,
        });
    value.into_iter().chain(far)
}
