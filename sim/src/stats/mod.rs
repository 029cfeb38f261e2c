//! Statistics: the metrics of a run, and intervals over replications.

pub mod interval;
pub mod metrics;

pub use interval::Estimate;
pub use metrics::{METRICS, Metric, metrics_of};
