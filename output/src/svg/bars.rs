//! Groups of bars with error bars: a group per point, in it a bar per series.

use super::axis::Axis;
use super::lines::reach;
use super::marks::Area;
use super::page::{self, Entry, Plot, SAMPLE};
use super::shape::{Anchor, number, words};
use super::style::{fill, pattern};
use super::text::SMALL;
use super::{Captions, Estimate, PlotError, Quantity, missing_note};
use crate::number::ABSENT;
use svg::node::element::{Definitions, Group, Rectangle};

/// The plot area in pixels, at least; it grows with the number of bars. Ours, as all here.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 320.0;
/// The least width of a bar, in pixels.
const BAR: f64 = 9.0;
/// The greatest.
const WIDEST: f64 = 60.0;
/// The share of a group's width that its bars fill.
const FILLED: f64 = 0.8;

/// The bars of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct BarSeries {
    /// Its name in the legend.
    pub name: String,
    /// A value per group.
    pub values: Vec<Estimate>,
}

/// A figure of grouped bars. The y axis is linear and starts at zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    /// The text around it.
    pub captions: Captions,
    /// What the groups are.
    pub x_title: String,
    /// The groups' names, from left to right.
    pub groups: Vec<String>,
    /// The y axis.
    pub y: Quantity,
    /// The series; in each group their bars stand in this order.
    pub series: Vec<BarSeries>,
}

impl Bars {
    /// The figure as an SVG document. A bar that has no value is marked [`ABSENT`].
    ///
    /// # Errors
    ///
    /// No bar has a value, or a series has not one value per group.
    pub fn render(&self) -> Result<String, PlotError> {
        self.check_groups()?;
        let values = || self.series.iter().flat_map(|series| &series.values);
        let shown = values().filter(|estimate| estimate.value().is_some());
        let missing = values().count() - shown.count();
        if missing == values().count() {
            let title = self.captions.title.clone();
            return Err(PlotError::Empty { title });
        }
        let bars = (self.groups.len() * self.series.len()) as f64;
        let area = Area {
            x: Axis::named(&self.x_title, &self.groups),
            y: Axis::from_zero(&self.y, values().flat_map(|value| reach(*value))),
            width: WIDTH
                .max(bars * BAR / FILLED)
                .max(self.groups.len() as f64 * page::NAME),
            height: HEIGHT,
        };
        let mut captions = self.captions.clone();
        let why = format!("without a value (\"{ABSENT}\")");
        captions.notes.extend(missing_note(missing, "bar", &why));
        let plot = Plot {
            marks: self.marks(&area),
            definitions: self.patterns(),
            legend: self.legend(),
            area,
        };
        Ok(page::render(&captions, plot))
    }

    fn check_groups(&self) -> Result<(), PlotError> {
        let expected = self.groups.len();
        let wrong = |series: &&BarSeries| series.values.len() != expected;
        match self.series.iter().find(wrong) {
            None => Ok(()),
            Some(series) => Err(PlotError::Groups {
                series: series.name.clone(),
                expected,
                found: series.values.len(),
            }),
        }
    }

    fn marks(&self, area: &Area) -> Group {
        let bar = area.width / self.groups.len() as f64 * FILLED / self.series.len() as f64;
        let bar = bar.min(WIDEST);
        let mut group = Group::new();
        for (index, series) in self.series.iter().enumerate() {
            let offset = (index as f64 - self.series.len() as f64 / 2.0) * bar;
            for (at, estimate) in series.values.iter().enumerate() {
                let left = area.left(at as f64) + offset;
                group = group.add(drawn(area, index, *estimate, left, bar));
            }
        }
        group
    }

    fn patterns(&self) -> Definitions {
        (0..self.series.len()).fold(Definitions::new(), |all, index| all.add(pattern(index)))
    }

    fn legend(&self) -> Vec<Entry> {
        let entry = |(index, series): (usize, &BarSeries)| Entry {
            name: series.name.clone(),
            sample: Group::new().add(filled(index, -SAMPLE / 2.0, -6.0, SAMPLE, 12.0)),
        };
        self.series.iter().enumerate().map(entry).collect()
    }
}

/// The bar of series `index` from `left` on, with its error bar.
fn drawn(area: &Area, index: usize, estimate: Estimate, left: f64, width: f64) -> Group {
    let middle = left + width / 2.0;
    let zero = area.top(0.0);
    let Some(value) = estimate.value() else {
        let place = (middle, zero - 3.0);
        return Group::new().add(words(ABSENT, place, SMALL, Anchor::Middle));
    };
    let (top, height) = (area.top(value).min(zero), (area.top(value) - zero).abs());
    let group = Group::new().add(filled(index, left, top, width, height));
    // A white edge keeps the error bar visible on dark bars.
    let strokes = [("white", 3.2), ("black", 1.2)];
    let bars = strokes.into_iter();
    let bars = bars.filter_map(|stroke| area.error_bar(middle, estimate, stroke));
    bars.fold(group, Group::add)
}

fn filled(index: usize, left: f64, top: f64, width: f64, height: f64) -> Rectangle {
    Rectangle::new()
        .set("x", number(left))
        .set("y", number(top))
        .set("width", number(width))
        .set("height", number(height))
        .set("fill", fill(index))
        .set("stroke", "white")
        .set("stroke-width", 0.6)
}
