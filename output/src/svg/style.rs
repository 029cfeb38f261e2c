//! What tells series apart: colour, dash, marker and hatching, by the series' index.
//!
//! The numbers of colours, dashes and markers have no common divisor, so that the combination
//! repeats only after 7 x 5 x 12 series, that of colour and hatching after 7 x 6.

use super::shape::{Shape, number, path};
use svg::node::element::{Path, Pattern, Rectangle};

/// The palette of Okabe and Ito, "Color Universal Design" (2008), without its yellow, which does
/// not show on white.
const COLOURS: [&str; 7] = [
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
];

/// Lengths of strokes and gaps, in pixels: ours.
const DASHES: [&str; 5] = ["none", "7 3", "2 2.5", "9 3 2 3", "5 2 1.5 2 1.5 2"];

/// Hatching, in white on the colour, as paths in a square of [`HATCH`] pixels: none, rising,
/// horizontal, falling, grid, dots.
const HATCHES: [&str; 6] = [
    "",
    "M-1,7 L7,-1 M-1,1 L1,-1 M5,7 L7,5",
    "M0,3 H6",
    "M-1,-1 L7,7 M-1,5 L1,7 M5,-1 L7,1",
    "M0,3 H6 M3,0 V6",
    "M2,3 H4",
];
const HATCH: f64 = 6.0;

/// The radius of a marker, in pixels.
const RADIUS: f64 = 3.6;
const SHAPES: usize = 12;

/// The colour of series `index`.
pub(super) fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

/// The dash pattern of series `index`, as SVG's `stroke-dasharray`.
pub(super) fn dash(index: usize) -> &'static str {
    DASHES[index % DASHES.len()]
}

/// The marker of series `index` at (`x`, `y`): five shapes filled, two crosses, the five hollow.
pub(super) fn marker(index: usize, x: f64, y: f64) -> Path {
    let kind = index % SHAPES;
    let fill = if kind < 5 { colour(index) } else { "white" };
    path(&outline(kind, x, y), colour(index), 1.4).set("fill", fill)
}

/// The outline of the marker `kind` around (`x`, `y`).
fn outline(kind: usize, x: f64, y: f64) -> Shape {
    let r = RADIUS;
    let corners: &[(f64, f64)] = match kind {
        5 => return crossed(x, y, (r * 0.8, r * 0.8), (r * 0.8, -r * 0.8)),
        6 => return crossed(x, y, (r, 0.0), (0.0, r)),
        0 | 7 => return Shape::circle(x, y, r),
        1 | 8 => &[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
        2 | 9 => &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
        3 | 10 => &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
        _ => &[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
    };
    Shape::polygon(corners.iter().map(|(dx, dy)| (x + r * dx, y + r * dy)))
}

/// Two lines through (`x`, `y`), from there in two directions and their opposites.
fn crossed(x: f64, y: f64, one: (f64, f64), other: (f64, f64)) -> Shape {
    Shape::segments([one, other].map(|(dx, dy)| [(x - dx, y - dy), (x + dx, y + dy)]))
}

/// What fills the bars of series `index`.
pub(super) fn fill(index: usize) -> String {
    format!("url(#series-{index})")
}

/// The definition that [`fill`] refers to. It depends on the index alone, so that figures on one
/// page may share it.
pub(super) fn pattern(index: usize) -> Pattern {
    let square = Rectangle::new()
        .set("width", number(HATCH))
        .set("height", number(HATCH))
        .set("fill", colour(index));
    let dots = index % HATCHES.len() == 5;
    let hatch = Path::new()
        .set("d", HATCHES[index % HATCHES.len()])
        .set("stroke", "white")
        .set("stroke-width", if dots { "2" } else { "1.1" });
    let pattern = Pattern::new()
        .set("id", format!("series-{index}"))
        .set("width", number(HATCH))
        .set("height", number(HATCH))
        .set("patternUnits", "userSpaceOnUse")
        .add(square);
    match HATCHES[index % HATCHES.len()] {
        "" => pattern,
        _ => pattern.add(hatch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn twelve_series_differ_in_marker_and_in_the_pair_of_colour_and_dash() {
        let markers: BTreeSet<_> = (0..12)
            .map(|index| (outline(index, 0.0, 0.0).to_string(), index % SHAPES < 5))
            .collect();
        assert_eq!(markers.len(), 12);
        let lines: BTreeSet<_> = (0..12).map(|i| (colour(i), dash(i))).collect();
        assert_eq!(lines.len(), 12);
        let bars: BTreeSet<_> = (0..12).map(|i| (colour(i), HATCHES[i % 6])).collect();
        assert_eq!(bars.len(), 12);
    }
}
