//! How long the arm takes.

use crate::engine::Nanos;

/// A measured seek curve.
#[derive(Clone, Debug)]
pub(super) struct SeekCurve {
    /// Distance in cylinders, ascending from 0, and time in nanoseconds.
    points: Vec<(f64, f64)>,
}

impl SeekCurve {
    /// From measured `(distance, time)` points, of which there is at least one
    /// and whose distances ascend from 1; no distance takes no time.
    pub(super) fn new(measured: impl Iterator<Item = (u32, Nanos)>) -> Self {
        let points = measured.map(|(cylinders, time)| (f64::from(cylinders), time.0 as f64));
        Self {
            points: std::iter::once((0.0, 0.0)).chain(points).collect(),
        }
    }

    /// Time for a seek over `cylinders`, in nanoseconds: linear between the
    /// measured points, and beyond the last as between the last two.
    pub(super) fn time_ns(&self, cylinders: u32) -> f64 {
        let distance = f64::from(cylinders);
        let after = self.points.partition_point(|point| point.0 < distance);
        let right = after.clamp(1, self.points.len() - 1);
        let ((d0, t0), (d1, t1)) = (self.points[right - 1], self.points[right]);
        t0 + (distance - d0) / (d1 - d0) * (t1 - t0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve() -> SeekCurve {
        let us = Nanos::from_micros;
        SeekCurve::new([(1, us(800)), (2, us(1_000)), (10, us(1_800))].into_iter())
    }

    #[test]
    fn passes_through_every_measured_point() {
        let measured = [(0, 0.0), (1, 8e5), (2, 1e6), (10, 1.8e6)];
        for (cylinders, ns) in measured {
            assert_eq!(curve().time_ns(cylinders), ns);
        }
    }

    #[test]
    fn is_linear_between_and_beyond_the_points() {
        assert_eq!(curve().time_ns(6), 1.4e6);
        assert_eq!(curve().time_ns(12), 2e6);
    }
}
