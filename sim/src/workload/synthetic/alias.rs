//! Draws indices with given probabilities in constant time: an alias table.
//!
//! Walker's method ("An efficient method for generating discrete random variables with general
//! distributions", ACM TOMS 3(3), 1977), filled as Vose has it ("A linear algorithm for generating
//! random numbers with a given distribution", IEEE TSE 17(9), 1991): n slots of equal probability,
//! each shared by at most two indices. Weights are first rounded to multiples of 2^-32 of their
//! mean; from there on the arithmetic is in integers, so that the table has exactly the rounded
//! probabilities and is the same on every platform. (Vose's floating point can leave a slot over
//! that belongs to nobody.) A slot takes 8 bytes, a draw one 64-bit random number.

use rand::Rng;

/// A full slot, in the unit of weights.
const FULL: u64 = 1 << 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    /// How much of the slot is its own index's, in 2^-32; the rest is the alias's.
    own: u32,
    /// The other index; the slot's own where it has the slot for itself.
    alias: u32,
}

/// Draws an index from 0 to n - 1 with a probability that is proportional to its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasTable {
    slots: Vec<Slot>,
}

impl AliasTable {
    /// A table for these weights. An index with less than half a 2^-32th of the mean weight is
    /// never drawn; the heaviest index makes up for what rounding adds or takes.
    ///
    /// # Panics
    ///
    /// If there are no weights or 2^30 or more, if one is negative or not finite, or if all are 0.
    pub fn new(weights: &[f64]) -> Self {
        Self::of_exact(rounded(weights))
    }

    /// A table for integer weights whose sum is `FULL` times their number.
    fn of_exact(mut left: Vec<u64>) -> Self {
        let mut slots: Vec<Slot> = (0..left.len() as u32)
            .map(|alias| Slot { own: 0, alias })
            .collect();
        let (mut light, mut heavy): (Vec<u32>, Vec<u32>) =
            (0..left.len() as u32).partition(|&index| left[index as usize] < FULL);
        while let Some(index) = light.pop() {
            let donor = *heavy
                .last()
                .expect("what is missing in one is over in others");
            let own = left[index as usize];
            slots[index as usize] = Slot {
                own: own as u32,
                alias: donor,
            };
            left[donor as usize] -= FULL - own;
            if left[donor as usize] < FULL {
                heavy.pop();
                light.push(donor);
            }
        }
        debug_assert!(heavy.iter().all(|&index| left[index as usize] == FULL));
        Self { slots }
    }

    /// Draws an index.
    ///
    /// One 64-bit number gives slot and place in it. A slot's probability is off by at most n in
    /// 2^64 of it, which is nothing beside the rounding of the weights.
    pub fn draw(&self, rng: &mut impl Rng) -> u32 {
        let product = u128::from(rng.next_u64()) * self.slots.len() as u128;
        let index = (product >> 64) as u32;
        let place = (product as u64 >> 32) as u32;
        let slot = self.slots[index as usize];
        if place < slot.own { index } else { slot.alias }
    }
}

/// The weights as integers whose sum is `FULL` times their number.
fn rounded(weights: &[f64]) -> Vec<u64> {
    assert!((1..1 << 30).contains(&weights.len()), "1 to 2^30 weights");
    assert!(
        weights.iter().all(|w| *w >= 0.0 && w.is_finite()),
        "weights are finite and not negative"
    );
    let sum: f64 = weights.iter().sum();
    assert!(sum > 0.0 && sum.is_finite(), "some weight is above 0");
    let whole = FULL * weights.len() as u64;
    let scale = whole as f64 / sum;
    let mut parts: Vec<u64> = weights.iter().map(|w| (w * scale).round() as u64).collect();
    let missing = whole.wrapping_sub(parts.iter().sum());
    let heaviest = parts.iter_mut().max().expect("there is one");
    *heaviest = heaviest.wrapping_add(missing);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{stream, uniform_below};

    /// What a table gives each index, in 2^-32 of a slot.
    fn probabilities(table: &AliasTable) -> Vec<u64> {
        let mut parts = vec![0; table.slots.len()];
        for (index, slot) in table.slots.iter().enumerate() {
            parts[index] += u64::from(slot.own);
            parts[slot.alias as usize] += FULL - u64::from(slot.own);
        }
        parts
    }

    fn zipf(n: u32, exponent: f64) -> Vec<f64> {
        (1..=n).map(|r| libm::pow(r.into(), -exponent)).collect()
    }

    #[test]
    fn the_table_has_exactly_the_rounded_probabilities() {
        let rng = &mut stream(1, "alias test", 0, 0);
        let random = (0..10_007).map(|_| uniform_below(rng, 1 << 40) as f64);
        let cases = [
            vec![3.5],
            vec![0.0, 0.0, 1.0],
            vec![1.0, 2.0, 3.0, 4.0],
            zipf(1 << 16, 0.0),
            zipf(100_000, 0.8),
            zipf(100_000, 3.0),
            random.collect(),
        ];
        for weights in cases {
            let exact = rounded(&weights);
            assert_eq!(exact.iter().sum::<u64>(), FULL * weights.len() as u64);
            assert_eq!(probabilities(&AliasTable::new(&weights)), exact);
        }
    }

    #[test]
    fn rounding_moves_no_weight_by_more_than_its_unit_but_the_heaviest() {
        let weights = zipf(100_000, 0.8);
        let scale = (FULL * 100_000) as f64 / weights.iter().sum::<f64>();
        let exact = rounded(&weights);
        for (weight, part) in weights.iter().zip(&exact).skip(1) {
            assert!((weight * scale - *part as f64).abs() <= 0.51);
        }
        let heaviest = exact[0] as f64 / (weights[0] * scale) - 1.0;
        assert!(heaviest.abs() < 1e-9, "{heaviest}");
    }

    #[test]
    fn what_has_no_weight_is_never_drawn() {
        let table = AliasTable::new(&[0.0, 1.0, 0.0, 2.0]);
        let rng = &mut stream(1, "alias test", 0, 1);
        let mut counts = [0u32; 4];
        (0..30_000).for_each(|_| counts[table.draw(rng) as usize] += 1);
        assert_eq!((counts[0], counts[2]), (0, 0));
        // 10,000 expected, a standard deviation of 82.
        assert!(counts[1].abs_diff(10_000) < 4 * 82, "{counts:?}");
    }

    #[test]
    #[should_panic(expected = "above 0")]
    fn some_weight_is_needed() {
        AliasTable::new(&[0.0, 0.0]);
    }
}
