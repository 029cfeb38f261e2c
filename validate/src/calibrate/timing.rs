//! Timing many small things: rounds of batches, medians, intervals of medians.

use sim::engine::Nanos;
use sim::machine::profile::Sourced;
use sim::scenario::units::Bytes;
use sim::stats::Estimate;

/// A figure per round.
#[derive(Clone, Debug)]
pub(super) struct Rounds(Vec<f64>);

impl Rounds {
    /// The figures of `rounds` calls of `round`.
    pub(super) fn of(rounds: usize, mut round: impl FnMut() -> f64) -> Self {
        Self((0..rounds).map(|_| round()).collect())
    }

    /// These figures, one a round.
    pub(super) fn from_values(values: Vec<f64>) -> Self {
        Self(values)
    }

    /// These figures but the first, of a round that only warmed.
    pub(super) fn after_the_first(mut values: Vec<f64>) -> Self {
        values.remove(0);
        Self(values)
    }

    /// The columns of rows of `N` figures a round.
    pub(super) fn columns<const N: usize>(rows: &[f64]) -> [Self; N] {
        std::array::from_fn(|column| Self(rows.iter().skip(column).step_by(N).copied().collect()))
    }

    /// Round by round, `combine` of this figure and `other`.
    pub(super) fn with(&self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        Self(
            self.0
                .iter()
                .zip(&other.0)
                .map(|(&a, &b)| combine(a, b))
                .collect(),
        )
    }

    /// Round by round, `change` of this figure.
    pub(super) fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        Self(self.0.iter().map(|&a| change(a)).collect())
    }

    /// The mean: what many of them take in all, each. Of two states that take turns, such as that of
    /// a processor that has slept lightly or deeply, the median knows only the commoner.
    ///
    /// # Panics
    /// If there are none.
    pub(super) fn mean(&self) -> f64 {
        Estimate::of(&self.0).expect("there are rounds").mean
    }

    /// The median.
    pub(super) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        }
    }

    /// The distribution-free 95 % interval of the median: the order statistics that a binomial
    /// count with p = 1/2 stays between (Hahn and Meeker, Statistical Intervals, 5.2); with fewer
    /// than six rounds, the extremes.
    fn interval(&self) -> (f64, f64) {
        let sorted = self.sorted();
        let n = sorted.len() as f64;
        let below = ((n - 1.96 * n.sqrt()) / 2.0).floor().max(0.0) as usize;
        (sorted[below], sorted[sorted.len() - 1 - below])
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// As a time of the profile. A difference of two measurements that came out negative is no
    /// time: it becomes zero, and `source` says so.
    pub(super) fn time(&self, source: &str) -> Sourced<Nanos> {
        let nanos = |value: f64| Nanos(value.max(0.0).round() as u64);
        let (low, high) = self.interval();
        Sourced {
            value: nanos(self.median()),
            low: Some(nanos(low)),
            high: Some(nanos(high)),
            source: self.source(source),
        }
    }

    /// As a time of the profile, by the mean and Student's t: for what other tenants change by
    /// factors between one round and the next.
    pub(super) fn mean_time(&self, source: &str) -> Sourced<Nanos> {
        let nanos = |value: f64| Nanos(value.max(0.0).round() as u64);
        let Estimate { mean, half_width } = Estimate::of(&self.0).expect("there are rounds");
        Sourced {
            value: nanos(mean),
            low: half_width.map(|half| nanos(mean - half)),
            high: half_width.map(|half| nanos(mean + half)),
            source: format!(
                "{source}; mean of {} rounds{}",
                self.0.len(),
                came_out_as(mean)
            ),
        }
    }

    /// As a time of the profile: that between two events, of which these are rates per nanosecond. By
    /// the mean rate and Student's t: most rounds may see few of what comes in bursts. Zero if there
    /// was none.
    pub(super) fn time_between(&self, source: &str) -> Sourced<Nanos> {
        let between = |rate: f64| (rate > 0.0).then(|| Nanos((1.0 / rate).round() as u64));
        let Estimate { mean, half_width } = Estimate::of(&self.0).expect("there are rounds");
        Sourced {
            value: between(mean).unwrap_or_default(),
            low: half_width.and_then(|half| between(mean + half)),
            high: half_width.and_then(|half| between(mean - half)),
            source: format!("{source}; mean rate of {} rounds", self.0.len()),
        }
    }

    /// As a size of the profile.
    pub(super) fn size(&self, source: &str) -> Sourced<Bytes> {
        let bytes = |value: f64| Bytes(value.max(0.0).round() as u64);
        let (low, high) = self.interval();
        Sourced {
            value: bytes(self.median()),
            low: Some(bytes(low)),
            high: Some(bytes(high)),
            source: self.source(source),
        }
    }

    fn source(&self, source: &str) -> String {
        let negative = came_out_as(self.median());
        format!("{source}; median of {}{negative}", self.0.len())
    }
}

fn came_out_as(value: f64) -> String {
    if value < 0.0 {
        format!("; came out as {value:.0}, taken as zero")
    } else {
        String::new()
    }
}

/// Nanoseconds by the monotonic clock.
pub(super) fn clock() -> u64 {
    read_clock(libc::CLOCK_MONOTONIC)
}

/// CPU nanoseconds of the calling thread.
pub(super) fn thread_clock() -> u64 {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU nanoseconds of the process.
pub(super) fn process_clock() -> u64 {
    read_clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// The clock of another process's CPU time.
///
/// # Errors
/// If there is no such process.
pub(super) fn cpu_clock_of(pid: u32) -> std::io::Result<libc::clockid_t> {
    let mut id = 0;
    // SAFETY: `id` lives through the call.
    match unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &raw mut id) } {
        0 => Ok(id),
        error => Err(std::io::Error::from_raw_os_error(error)),
    }
}

/// Nanoseconds by the clock `id`.
///
/// # Panics
/// If there is no such clock: of another process, if that has ended.
pub(super) fn read_clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a timespec that lives through the call.
    let result = unsafe { libc::clock_gettime(id, &raw mut time) };
    assert_eq!(result, 0, "clocks of this process, or of one that lives");
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Mean nanoseconds of `action` over `batch` calls, by the monotonic clock.
pub(super) fn mean_of(batch: u64, mut action: impl FnMut(u64)) -> f64 {
    let start = clock();
    for index in 0..batch {
        action(index);
    }
    (clock() - start) as f64 / batch as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_of_the_median_lies_at_order_statistics() {
        let rounds = Rounds((1..=25).map(f64::from).collect());
        let time = rounds.time("test");
        // n = 25: (25 - 9.8) / 2 = 7.6, so the 8th from either end.
        assert_eq!(time.value, Nanos(13));
        assert_eq!((time.low, time.high), (Some(Nanos(8)), Some(Nanos(18))));
    }

    #[test]
    fn rows_of_figures_fall_into_their_columns() {
        let [first, second] = Rounds::columns::<2>(&[1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
        assert_eq!(first.0, [1.0, 2.0, 3.0]);
        assert_eq!(second.0, [10.0, 20.0, 30.0]);
        assert_eq!(Rounds::after_the_first(second.0).0, [20.0, 30.0]);
    }

    #[test]
    fn the_clock_of_another_process_is_that_of_its_cpu_time() {
        let clock = cpu_clock_of(std::process::id()).expect("this process lives");
        let before = process_clock();
        let between = read_clock(clock);
        assert!((before..=process_clock()).contains(&between));
        // PID_MAX_LIMIT: no process has that number.
        assert!(cpu_clock_of(1 << 22).is_err());
    }

    #[test]
    fn the_time_between_events_is_that_of_their_mean_rate() {
        let ten_in_all = Rounds(vec![0.0, 0.0, 0.0, 10.0 / 1e9]);
        assert_eq!(ten_in_all.time_between("events").value, Nanos(400_000_000));
        let none = Rounds(vec![0.0; 4]).time_between("events");
        assert_eq!((none.value, none.high), (Nanos::ZERO, None));
    }

    #[test]
    fn a_negative_difference_is_zero_and_says_so() {
        let time = Rounds(vec![-3.0, -2.0, -1.0]).time("difference");
        assert_eq!(time.value, Nanos::ZERO);
        assert!(time.source.contains("came out as -2"));
    }
}
