//! How far a prediction is off, and what may be concluded from it.

use sim::stats::Estimate;

/// What is held against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Would-block per potentially blocking disk operation.
    BlockRate,
    /// Disk requests per request.
    DiskRequests,
    /// CPU time of the server and its helpers per request, in microseconds.
    CpuPerRequest,
    /// Requests per second.
    Throughput,
    /// Median response time in milliseconds.
    ResponseP50,
    /// Utilization of the disk.
    DiskUtilization,
}

/// How much a prediction may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// So many units of the quantity itself.
    Absolute(f64),
    /// So large a part of the measured value.
    Relative(f64),
}

impl Quantity {
    /// Every quantity, in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::BlockRate,
        Self::DiskRequests,
        Self::CpuPerRequest,
        Self::Throughput,
        Self::ResponseP50,
        Self::DiskUtilization,
    ];

    /// The name in tables, with its unit.
    pub fn name(self) -> &'static str {
        match self {
            Self::BlockRate => "block rate (disk)",
            Self::DiskRequests => "disk I/Os per request",
            Self::CpuPerRequest => "CPU per request (us)",
            Self::Throughput => "throughput (1/s)",
            Self::ResponseP50 => "response p50 (ms)",
            Self::DiskUtilization => "disk utilization",
        }
    }

    /// The project's goals. Those of CPU, median and utilization are ours; they are as wide as
    /// the drift of a shared virtual machine asks for.
    pub fn tolerance(self) -> Tolerance {
        match self {
            Self::BlockRate => Tolerance::Absolute(0.04),
            Self::DiskRequests => Tolerance::Relative(0.10),
            Self::CpuPerRequest => Tolerance::Relative(0.25),
            Self::Throughput => Tolerance::Relative(0.15),
            Self::ResponseP50 => Tolerance::Relative(0.25),
            Self::DiskUtilization => Tolerance::Absolute(0.05),
        }
    }
}

/// What the interval of the error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The whole interval is inside the tolerance.
    Pass,
    /// The whole interval is outside.
    Fail,
    /// Neither, or there is no interval.
    Undecided,
}

impl Verdict {
    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Undecided => "UNDECIDED",
        }
    }
}

/// One quantity of one server, measured and predicted in the same replications.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What.
    pub quantity: Quantity,
    /// The measured mean and its interval.
    pub measured: Estimate,
    /// The predicted one.
    pub predicted: Estimate,
    /// Predicted less measured, paired by replication; relative to the measured mean where the
    /// tolerance is.
    pub error: Estimate,
    /// The conclusion.
    pub verdict: Verdict,
}

/// Judges the replications of one quantity; `None` without any.
///
/// # Panics
/// If there are not as many predictions as measurements.
pub fn judge(quantity: Quantity, measured: &[f64], predicted: &[f64]) -> Option<Judged> {
    let mean = Estimate::of(measured)?;
    let difference = Estimate::of_paired(predicted, measured)?;
    let (scale, bound) = match quantity.tolerance() {
        Tolerance::Absolute(bound) => (1.0, bound),
        Tolerance::Relative(bound) => (mean.mean.abs(), bound),
    };
    let error = Estimate {
        mean: difference.mean / scale,
        half_width: difference.half_width.map(|half| half / scale),
    };
    Some(Judged {
        quantity,
        measured: mean,
        predicted: Estimate::of(predicted)?,
        verdict: verdict(error, bound),
        error,
    })
}

fn verdict(error: Estimate, bound: f64) -> Verdict {
    let Some(half) = error.half_width else {
        return Verdict::Undecided;
    };
    let (low, high) = (error.mean - half, error.mean + half);
    if low >= -bound && high <= bound {
        Verdict::Pass
    } else if low > bound || high < -bound {
        Verdict::Fail
    } else {
        Verdict::Undecided
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_of(measured: &[f64], predicted: &[f64]) -> Verdict {
        let judged = judge(Quantity::Throughput, measured, predicted);
        judged.expect("not empty").verdict
    }

    #[test]
    fn an_interval_inside_passes_and_one_outside_fails() {
        let measured = [100.0, 101.0, 99.0];
        assert_eq!(verdict_of(&measured, &[104.0, 105.0, 103.0]), Verdict::Pass);
        assert_eq!(verdict_of(&measured, &[150.0, 151.0, 149.0]), Verdict::Fail);
    }

    #[test]
    fn an_interval_across_the_bound_or_none_at_all_is_undecided() {
        let measured = [100.0, 101.0, 99.0];
        let wild = [100.0, 140.0, 90.0];
        assert_eq!(verdict_of(&measured, &wild), Verdict::Undecided);
        assert_eq!(verdict_of(&[100.0], &[100.0]), Verdict::Undecided);
    }
}
