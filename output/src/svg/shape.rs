//! Lines, outlines and text as SVG elements, with coordinates rounded to hundredths of a pixel.

use super::text::clean;
use std::fmt::{self, Display};
use svg::node::element::{Element, Line, Path};
use svg::node::{Node, Text};

/// `pixels` as a coordinate.
pub(super) fn number(pixels: f64) -> f64 {
    // Adding zero makes zero of minus zero.
    (pixels * 100.0).round() / 100.0 + 0.0
}

/// The data of a path.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape(String);

impl Shape {
    /// Lines from point to point.
    pub(super) fn polyline(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let steps = points.into_iter().enumerate().map(|(index, (x, y))| {
            let command = if index == 0 { 'M' } else { 'L' };
            format!("{command}{},{}", number(x), number(y))
        });
        Self(steps.collect::<Vec<_>>().join(" "))
    }

    /// A closed polyline.
    pub(super) fn polygon(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self(Self::polyline(points).0 + " Z")
    }

    /// A circle around (`x`, `y`).
    pub(super) fn circle(x: f64, y: f64, radius: f64) -> Self {
        let (left, top, r, d) = (x - radius, number(y), number(radius), number(2.0 * radius));
        let left = number(left);
        Self(format!(
            "M{left},{top} a{r},{r} 0 1 0 {d},0 a{r},{r} 0 1 0 -{d},0 Z"
        ))
    }

    /// Lines that do not meet.
    pub(super) fn segments(lines: impl IntoIterator<Item = [(f64, f64); 2]>) -> Self {
        let lines = lines.into_iter().map(|ends| Self::polyline(ends).0);
        Self(lines.collect::<Vec<_>>().join(" "))
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `shape` drawn with a line of this colour and width.
pub(super) fn path(shape: &Shape, colour: &str, width: f64) -> Path {
    Path::new()
        .set("d", shape.to_string())
        .set("fill", "none")
        .set("stroke", colour)
        .set("stroke-width", number(width))
}

/// A line between two points.
pub(super) fn line(from: (f64, f64), to: (f64, f64), colour: &str) -> Line {
    Line::new()
        .set("x1", number(from.0))
        .set("y1", number(from.1))
        .set("x2", number(to.0))
        .set("y2", number(to.1))
        .set("stroke", colour)
}

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// To its right.
    Start,
    /// Centred on it.
    Middle,
    /// To its left.
    End,
}

/// `content` on a baseline through (`x`, `y`).
pub(super) fn words(content: &str, (x, y): (f64, f64), size: f64, anchor: Anchor) -> Element {
    let anchor = match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    // The crate's own text element puts line breaks around its content.
    let mut text = Element::new("text");
    text.append(Text::new(clean(content)));
    text.assign("x", number(x));
    text.assign("y", number(y));
    text.assign("font-size", number(size));
    text.assign("text-anchor", anchor);
    text
}

/// Text turned by `degrees` (clockwise) around its point.
pub(super) fn turned(
    content: &str,
    at: (f64, f64),
    degrees: f64,
    size: f64,
    anchor: Anchor,
) -> Element {
    let turn = format!("rotate({degrees} {} {})", number(at.0), number(at.1));
    let mut text = words(content, at, size, anchor);
    text.assign("transform", turn);
    text
}
