//! The points along one axis, for each combination of the other axes' values.

use super::point::Finished;
use super::quantity::{Measure, readable};

/// Points that differ in one axis only.
pub(super) struct Slice<'a> {
    /// The other axes' keys and values.
    pub(super) others: Vec<(String, String)>,
    /// The values of the axis in ascending order, and the points there.
    pub(super) points: Vec<(f64, &'a Finished)>,
    /// The axis's index among the points' values.
    axis: usize,
}

impl Slice<'_> {
    /// The other axes' values for readers; nothing if there are no others.
    pub(super) fn conditions(&self) -> String {
        let pair = |(key, value): &(String, String)| format!("{key} = {}", readable(value));
        let pairs: Vec<String> = self.others.iter().map(pair).collect();
        pairs.join(", ")
    }

    /// The axis's value at the point `index` of the slice, for readers.
    pub(super) fn value(&self, index: usize) -> String {
        readable(&self.points[index].1.values[self.axis].1)
    }
}

/// The slices of `points` along the axis with this index, in the points' order.
pub(super) fn along<'a>(points: &'a [Finished], axis: usize, measure: &Measure) -> Vec<Slice<'a>> {
    let mut slices: Vec<Slice<'a>> = Vec::new();
    for point in points {
        let mut others = point.values.clone();
        let (_, text) = others.remove(axis);
        let placed = (measure.read(&text), point);
        match slices.iter_mut().find(|slice| slice.others == others) {
            Some(slice) => slice.points.push(placed),
            None => slices.push(Slice {
                others,
                points: vec![placed],
                axis,
            }),
        }
    }
    for slice in &mut slices {
        slice.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    slices
}
