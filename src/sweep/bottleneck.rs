//! What limits a server at a point.

use sim::stats::Metric;

use super::point::Figures;

/// From this utilization on a resource is called saturated: ours.
const SATURATED: f64 = 0.9;

/// The busiest resource if it is saturated, in words.
pub(super) fn of(figures: &Figures) -> &'static str {
    let resources = [
        ("disk-bound", Metric::DiskUtilization),
        ("CPU-bound", Metric::CpuUtilization),
        ("link-bound", Metric::LinkUtilization),
        ("generator-bound", Metric::ClientUtilization),
    ];
    resources
        .into_iter()
        .filter_map(|(word, metric)| Some((word, figures.mean(metric)?)))
        .filter(|(_, utilization)| *utilization > SATURATED)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or("latency-bound", |(word, _)| word)
}
