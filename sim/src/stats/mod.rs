//! Statistics: the metrics of a run, intervals over replications, warm-up removal, quantiles, and
//! when there are replications enough.

#[cfg(test)]
mod coverage;
pub mod interval;
pub mod metrics;
pub mod quantile;
pub mod recorder;
pub mod stopping;
pub mod warmup;
mod welch;

pub use interval::Estimate;
pub use metrics::{METRICS, Metric, metrics_of};
pub use quantile::{Level, TooFew, pooled_ms};
pub use recorder::Recorder;
pub use stopping::{Precision, Stopping};
pub use warmup::{Bin, Truncation};
