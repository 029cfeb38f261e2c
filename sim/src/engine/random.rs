//! Named random streams, and the variates whose bits are the same everywhere.
//!
//! Every use of chance draws from a stream of its own, found by name,
//! replication and index rather than by drawing order: a server that needs one
//! number more cannot shift anyone else's, so compared servers meet the same
//! workload.
//!
//! The generator is Xoshiro256++ (Blackman and Vigna, "Scrambled linear
//! pseudorandom number generators", ACM TOMS 47(4), 2021). Its state is drawn
//! by SplitMix64 from a 64-bit hash of the stream's parts, so the chance that
//! any two of n streams coincide is about n^2 / 2^65: 0.03 % for 10^8 streams.
//! The variates use integer arithmetic, IEEE 754 arithmetic that rounds
//! exactly, and `libm`.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::Nanos;

/// A stream of random numbers.
pub type Stream = Xoshiro256PlusPlus;

/// The stream `name` of an experiment's `replication`. `index` tells the
/// streams of one name apart: one per client, say, or per object.
///
/// The hash starts with the seed and takes in the name's length in bytes, its
/// bytes (little-endian words of eight, the last filled with zeros), the
/// replication and the index, each as one word.
pub fn stream(seed: u64, name: &str, replication: u64, index: u64) -> Stream {
    let named =
        name.as_bytes()
            .chunks(8)
            .fold(take_in(mix(seed), name.len() as u64), |hash, bytes| {
                let mut word = [0; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                take_in(hash, u64::from_le_bytes(word))
            });
    Stream::seed_from_u64(take_in(take_in(named, replication), index))
}

/// One step of SplitMix64 with `word` in it; no two words lead from one hash
/// to the same.
fn take_in(hash: u64, word: u64) -> u64 {
    mix(hash.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ word)
}

/// The output function of SplitMix64 (Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014; this variant is Stafford's
/// Mix13): a bijection.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A uniform number in (0, 1], a multiple of 2^-53: never 0, so that it has a
/// logarithm.
pub fn unit(rng: &mut impl Rng) -> f64 {
    const STEP: f64 = 1.0 / (1u64 << 53) as f64;
    ((rng.next_u64() >> 11) + 1) as f64 * STEP
}

/// An exponential span of `mean_ns` nanoseconds on average, by inversion: one
/// draw, at most 36.7 means.
pub fn exponential(rng: &mut impl Rng, mean_ns: f64) -> Nanos {
    Nanos((-mean_ns * libm::log(unit(rng)) + 0.5) as u64)
}

/// A uniform integer below `bound`, without bias (Lemire, "Fast random integer
/// generation in an interval", ACM TOMACS 29(1), 2019).
///
/// # Panics
///
/// If `bound` is 0.
pub fn uniform_below(rng: &mut impl Rng, bound: u64) -> u64 {
    assert!(bound > 0, "no integer is below 0");
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        let fraction = product as u64;
        // Of the 2^64 fractions, `2^64 mod bound` are too many; they are below
        // `bound`, which spares most draws the division.
        if fraction >= bound || fraction >= bound.wrapping_neg() % bound {
            return (product >> 64) as u64;
        }
    }
}

/// Puts `items` into a uniformly random order (Fisher and Yates).
pub fn shuffle<T>(rng: &mut impl Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, uniform_below(rng, last as u64 + 1) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn test_stream() -> Stream {
        stream(1, "test", 0, 0)
    }

    // The pinned values were computed by an independent program from the
    // documentation above.

    #[test]
    fn streams_are_pinned() {
        let mut rng = stream(42, "placement", 3, 7);
        let drawn = [rng.next_u64(), rng.next_u64(), rng.next_u64()];
        let expected = [
            9_792_856_048_480_699_451,
            15_251_234_822_229_152_221,
            2_654_352_607_113_892_385,
        ];
        assert_eq!(drawn, expected);
        let mut rng = stream(0, "", 0, 0);
        assert_eq!(rng.next_u64(), 13_455_478_169_099_370_058);
    }

    #[test]
    fn variates_are_pinned() {
        let rng = &mut test_stream();
        let spans = [(); 4].map(|()| exponential(rng, 1e6).0);
        assert_eq!(spans, [899_015, 1_419_978, 1_071_162, 741_642]);
        let below = [(); 4].map(|()| uniform_below(rng, 1000));
        assert_eq!(below, [225, 708, 735, 602]);
        let mut items: Vec<u32> = (0..8).collect();
        shuffle(rng, &mut items);
        assert_eq!(items, [5, 2, 4, 7, 6, 1, 0, 3]);
    }

    #[test]
    fn every_part_makes_another_stream() {
        let parts = [
            (0, "", 0, 0),
            (1, "", 0, 0),
            (0, "a", 0, 0),
            (0, "a\0", 0, 0),
            (0, "12345678", 0, 0),
            (0, "123456789", 0, 0),
            (0, "", 1, 0),
            (0, "", 0, 1),
        ];
        let first: HashSet<u64> = parts
            .iter()
            .map(|&(seed, name, replication, index)| {
                stream(seed, name, replication, index).next_u64()
            })
            .collect();
        assert_eq!(first.len(), parts.len());
    }

    /// Neighbouring streams must look independent: the first bits of 64,000 of
    /// them are fair within 4 standard deviations, each of the 64 bits.
    #[test]
    fn neighbouring_streams_are_unlike() {
        let n = 64_000;
        let mut ones = [0u32; 64];
        for index in 0..n {
            let differs = stream(1, "clients", 0, index).next_u64()
                ^ stream(1, "clients", 0, index + 1).next_u64();
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += (differs >> bit & 1) as u32;
            }
        }
        let deviation = (n as f64 / 4.0).sqrt();
        for count in ones {
            let distance = (f64::from(count) - n as f64 / 2.0).abs();
            assert!(distance < 4.0 * deviation, "{count} of {n}");
        }
    }

    #[test]
    fn the_unit_interval_leaves_out_zero_and_includes_one() {
        struct Constant(u64);
        impl rand::TryRng for Constant {
            type Error = std::convert::Infallible;
            fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
                Ok(self.0 as u32)
            }
            fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
                Ok(self.0)
            }
            fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
                bytes.fill(self.0 as u8);
                Ok(())
            }
        }
        assert_eq!(unit(&mut Constant(u64::MAX)), 1.0);
        assert!(unit(&mut Constant(0)) > 0.0);
        assert_eq!(exponential(&mut Constant(u64::MAX), 1e9), Nanos::ZERO);
        let longest = exponential(&mut Constant(0), 1e9).as_secs_f64();
        assert!((36.7..36.8).contains(&longest), "{longest}");
    }

    /// Mean and variance within 4 standard errors; of the sample variance of an
    /// exponential the standard error is sqrt(8 / n) of it.
    #[test]
    fn exponential_has_its_mean_and_variance() {
        let rng = &mut test_stream();
        let (n, mean) = (1_000_000, 1e6);
        let spans: Vec<f64> = (0..n).map(|_| exponential(rng, mean).0 as f64).collect();
        let n = f64::from(n);
        let average = spans.iter().sum::<f64>() / n;
        let variance = spans.iter().map(|x| (x - average).powi(2)).sum::<f64>() / n;
        assert!((average / mean - 1.0).abs() < 4.0 / n.sqrt(), "{average}");
        let relative = variance / (mean * mean);
        assert!(
            (relative - 1.0).abs() < 4.0 * (8.0 / n).sqrt(),
            "{relative}"
        );
    }

    /// Pearson's chi-square over 7 values: 6 degrees of freedom, 22.5 is its
    /// 99.9 % quantile.
    fn assert_uniform(counts: [u32; 7]) {
        let expected = f64::from(counts.iter().sum::<u32>()) / 7.0;
        let chi_square: f64 = counts
            .iter()
            .map(|&count| (f64::from(count) - expected).powi(2) / expected)
            .sum();
        assert!(chi_square < 22.5, "{counts:?}");
    }

    #[test]
    fn uniform_below_is_uniform() {
        let rng = &mut test_stream();
        let mut counts = [0; 7];
        (0..70_000).for_each(|_| counts[uniform_below(rng, 7) as usize] += 1);
        assert_uniform(counts);
        // Without the rejection every third of these would be twice as likely
        // as the others.
        let bound = 3 << 62;
        let thirds = (0..30_000).filter(|_| uniform_below(rng, bound) % 3 == 0);
        let thirds = thirds.count() as f64;
        assert!((thirds - 10_000.0).abs() < 4.0 * (30_000.0 * 2.0 / 9.0_f64).sqrt());
    }

    #[test]
    #[should_panic(expected = "below 0")]
    fn nothing_is_below_zero() {
        uniform_below(&mut test_stream(), 0);
    }

    #[test]
    fn shuffle_puts_everything_everywhere() {
        let rng = &mut test_stream();
        let mut places = [[0; 7]; 7];
        for _ in 0..70_000 {
            let mut items = [0, 1, 2, 3, 4, 5, 6];
            shuffle(rng, &mut items);
            for (place, &item) in items.iter().enumerate() {
                places[item][place] += 1;
            }
        }
        places.into_iter().for_each(assert_uniform);
    }
}
