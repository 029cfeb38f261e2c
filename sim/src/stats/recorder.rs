//! Records millions of response times in bounded memory, for their quantiles.
//!
//! The buckets are those of HdrHistogram (Tene, hdrhistogram.org): every octave of nanoseconds is
//! cut into 1024 equal buckets, and below 2048 ns each nanosecond has its own. Beside its count,
//! each bucket keeps the largest time recorded in it, and that is what a quantile reports. So a
//! quantile is always a time that was observed, is never below the exact order statistic, exceeds
//! it by less than 1/1024 (0.098 %) of it, and equals it where its bucket holds one distinct time,
//! as it does when all times are equal. Everything is integer arithmetic on counts, sums and
//! maxima: merging in any order gives the same state.
//!
//! Own code because the crate `hdrhistogram` keeps no maximum per bucket (its quantiles are bucket
//! bounds, times that need not have occurred) and ranks by floating point; what would be left of
//! it is the three lines that find a bucket.
//!
//! Memory: 16 bytes a bucket up to the octave of the longest time: 336 KiB to the second, 496 KiB
//! to the quarter of an hour, 880 KiB at most.

use super::quantile::Level;
use crate::engine::Nanos;

/// Buckets per octave are two to this power.
const OCTAVE_BITS: u32 = 10;

/// A set of response times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorder {
    /// Whole octaves, up to the one of the longest time.
    buckets: Vec<Bucket>,
    count: u64,
    total_ns: u128,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    count: u64,
    longest: Nanos,
}

impl Recorder {
    /// Adds one time.
    pub fn record(&mut self, time: Nanos) {
        let index = bucket(time);
        self.reserve(index + 1);
        self.buckets[index].add(Bucket {
            count: 1,
            longest: time,
        });
        self.count += 1;
        self.total_ns += u128::from(time.0);
    }

    /// Adds all times of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.reserve(other.buckets.len());
        for (bucket, added) in self.buckets.iter_mut().zip(&other.buckets) {
            bucket.add(*added);
        }
        self.count += other.count;
        self.total_ns += other.total_ns;
    }

    /// Number of times.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Exact sum in nanoseconds.
    pub fn total_ns(&self) -> u128 {
        self.total_ns
    }

    /// Mean in nanoseconds, of the exact sum; `None` without times.
    pub fn mean_ns(&self) -> Option<f64> {
        (self.count > 0).then(|| self.total_ns as f64 / self.count as f64)
    }

    /// The longest time, exact; `None` without times.
    pub fn max(&self) -> Option<Nanos> {
        let longest = self.buckets.iter().rev().find(|bucket| bucket.count > 0);
        longest.map(|bucket| bucket.longest)
    }

    /// The smallest recorded time that at least the share `level` of the times do not exceed, or
    /// one less than 1/1024 longer (see the module); `None` without times.
    pub fn quantile(&self, level: Level) -> Option<Nanos> {
        let rank = level.rank(self.count);
        let mut below = 0;
        self.buckets
            .iter()
            .find(|bucket| {
                below += bucket.count;
                bucket.count > 0 && below >= rank
            })
            .map(|bucket| bucket.longest)
    }

    /// Times beyond the quantile on the side of it that has fewer: above a high one, below a low.
    pub fn beyond(&self, level: Level) -> u64 {
        level.beyond(self.count)
    }

    /// The recorded times, rising, each with the share of all times that do not exceed it; one
    /// for each bucket (see the module), the last with the share 1.
    pub fn cumulative(&self) -> impl Iterator<Item = (Nanos, f64)> {
        let mut below = 0;
        let buckets = self.buckets.iter().filter(|bucket| bucket.count > 0);
        buckets.map(move |bucket| {
            below += bucket.count;
            (bucket.longest, below as f64 / self.count as f64)
        })
    }

    fn reserve(&mut self, buckets: usize) {
        if buckets > self.buckets.len() {
            let octaves = buckets.next_multiple_of(1 << OCTAVE_BITS);
            self.buckets.reserve_exact(octaves - self.buckets.len());
            self.buckets.resize(octaves, Bucket::default());
        }
    }
}

impl Bucket {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.longest = self.longest.max(other.longest);
    }
}

/// The bucket of `time`: its leading eleven bits, after those of all shorter octaves.
fn bucket(time: Nanos) -> usize {
    let bits = u64::BITS - time.0.leading_zeros();
    let octave = bits.saturating_sub(OCTAVE_BITS + 1);
    ((octave as usize) << OCTAVE_BITS) + (time.0 >> octave) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{exponential, stream, uniform_below};
    use proptest::prelude::*;

    fn recorded(times: &[u64]) -> Recorder {
        let mut recorder = Recorder::default();
        times.iter().for_each(|&ns| recorder.record(Nanos(ns)));
        recorder
    }

    fn exact(sorted: &[u64], level: Level) -> u64 {
        sorted[level.rank(sorted.len() as u64) as usize - 1]
    }

    #[test]
    fn buckets_are_contiguous_and_monotonic() {
        assert_eq!(bucket(Nanos(0)), 0);
        for octave in 11..64 {
            let first = 1u64 << octave;
            assert_eq!(bucket(Nanos(first - 1)) + 1, bucket(Nanos(first)));
        }
        let last = bucket(Nanos::MAX);
        assert_eq!(last + 1, 55 << OCTAVE_BITS);
        assert!((last + 1) * size_of::<Bucket>() <= 880 << 10);
    }

    #[test]
    fn memory_is_as_documented() {
        let bytes = |ns| recorded(&[ns]).buckets.capacity() * size_of::<Bucket>();
        assert!(
            bytes(1_000_000_000) <= 336 << 10,
            "{}",
            bytes(1_000_000_000)
        );
        assert!(bytes(900_000_000_000) <= 496 << 10);
        assert!(bytes(u64::MAX) <= 880 << 10);
    }

    #[test]
    fn equal_times_have_that_time_for_every_quantile() {
        let recorder = recorded(&[123_456_789; 1000]);
        for percent in [1, 50, 99] {
            let quantile = recorder.quantile(Level::percent(percent));
            assert_eq!(quantile, Some(Nanos(123_456_789)));
        }
        assert_eq!(recorder.max(), Some(Nanos(123_456_789)));
        assert_eq!(recorder.mean_ns(), Some(123_456_789.0));
    }

    #[test]
    fn nothing_recorded_has_no_statistics() {
        let empty = Recorder::default();
        assert_eq!(empty.quantile(Level::percent(50)), None);
        assert_eq!(
            (empty.mean_ns(), empty.max(), empty.count()),
            (None, None, 0)
        );
    }

    #[test]
    fn the_cumulative_distribution_rises_to_one_and_agrees_with_the_quantiles() {
        let recorder = recorded(&[5, 3, 3, 9_000_000]);
        let shares: Vec<(Nanos, f64)> = recorder.cumulative().collect();
        let expected = [(3, 0.5), (5, 0.75), (9_000_000, 1.0)];
        assert_eq!(shares, expected.map(|(ns, share)| (Nanos(ns), share)));
        assert_eq!(recorder.quantile(Level::percent(75)), Some(Nanos(5)));
        assert_eq!(Recorder::default().cumulative().count(), 0);
    }

    #[test]
    fn short_times_are_exact() {
        let times: Vec<u64> = (1..=2000).collect();
        let recorder = recorded(&times);
        for percent in 1..100 {
            let level = Level::percent(percent);
            assert_eq!(recorder.quantile(level), Some(Nanos(exact(&times, level))));
        }
    }

    #[test]
    fn exponential_quantiles_are_within_the_bound() {
        let rng = &mut stream(1, "recorder", 0, 0);
        let mut times: Vec<u64> = (0..20_000).map(|_| exponential(rng, 5e6).0).collect();
        let recorder = recorded(&times);
        times.sort_unstable();
        for percent in 1..100 {
            let level = Level::percent(percent);
            let reported = recorder.quantile(level).expect("not empty").0;
            let exact = exact(&times, level);
            assert!(reported >= exact && (reported - exact) * 1024 < exact);
        }
    }

    proptest! {
        #[test]
        fn quantiles_are_observed_and_within_the_bound(
            mut times in prop::collection::vec((0u32..64).prop_flat_map(|bits| 0..=u64::MAX >> bits), 1..200),
            ppm in 1u32..1_000_000,
        ) {
            let level = Level::from_ppm(ppm).expect("between 0 and 1");
            let reported = recorded(&times).quantile(level).expect("not empty").0;
            prop_assert!(times.contains(&reported));
            times.sort_unstable();
            let exact = exact(&times, level);
            prop_assert!(reported >= exact);
            prop_assert!(u128::from(reported - exact) * 1024 < u128::from(exact.max(1)));
        }

        #[test]
        fn merging_in_any_order_is_recording_everything(seed: u64) {
            let rng = &mut stream(seed, "recorder", 1, 0);
            let parts: [Vec<u64>; 3] = [100, 1, 70].map(|n: u64| {
                (0..n).map(|_| uniform_below(rng, 1 << 40)).collect()
            });
            let whole = recorded(&parts.concat());
            for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
                let [a, b, c] = order.map(|part| recorded(&parts[part]));
                let mut left = a.clone();
                left.merge(&b);
                left.merge(&c);
                let mut right = b;
                right.merge(&c);
                let mut nested = a;
                nested.merge(&right);
                prop_assert_eq!(&left, &whole);
                prop_assert_eq!(&nested, &whole);
            }
        }
    }
}
