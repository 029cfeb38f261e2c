//! Hit ratios of independent references (each page with a probability of its own) against exact
//! results and a good approximation. FIFO and random replacement have the same ones (Gelenbe, "A
//! unified approach to the evaluation of a class of replacement algorithms", IEEE ToC 22(6), 1973).

use sim::engine::random::{Stream, stream, unit};
use sim::machine::cache::Policy;

use crate::bench::{cache, refer};
use crate::closed_form::closed_form;

/// Draws page i with a probability proportional to (i + 1)^-alpha, independently each time.
struct Zipf {
    cumulative: Vec<f64>,
    rng: Stream,
}

impl Zipf {
    fn new(n: usize, alpha: f64) -> Self {
        let mut total = 0.0;
        let cumulative = (1..=n).map(|rank| {
            total += libm::pow(rank as f64, -alpha);
            total
        });
        Self {
            cumulative: cumulative.collect(),
            rng: stream(1, "zipf", 0, 0),
        }
    }

    fn next(&mut self) -> u32 {
        let total = self.cumulative[self.cumulative.len() - 1];
        let at = unit(&mut self.rng) * total;
        self.cumulative.partition_point(|&sum| sum < at) as u32
    }
}

/// Hit ratio of `references` references, after a quarter as many to fill the cache.
fn hit_ratio(policy: Policy, n: usize, alpha: f64, capacity: u64, references: u32) -> f64 {
    let mut zipf = Zipf::new(n, alpha);
    let mut cache = cache(policy, n, capacity);
    for _ in 0..references / 4 {
        refer(&mut cache, zipf.next());
    }
    cache.reset_stats();
    let hits = (0..references).filter(|_| refer(&mut cache, zipf.next()));
    let hits = hits.count();
    assert_eq!(cache.stats().hits, hits as u64);
    assert_eq!(cache.stats().misses, u64::from(references) - hits as u64);
    hits as f64 / f64::from(references)
}

fn assert_exact(policy: Policy, model: &str) {
    for capacity in [2, 4] {
        let parameters = format!("Zipf n=8 alpha=1 C={capacity} (IRM)");
        let expected = closed_form(model, &parameters, "hit_ratio");
        let measured = hit_ratio(policy, 8, 1.0, capacity, 1_000_000);
        println!("{policy:?}, C={capacity}: {measured:.5} / {expected:.5}");
        // Four standard errors of a million draws: hits that follow each other are correlated, but
        // in a cache this small over a few references only.
        assert!(
            (measured - expected).abs() < 0.002,
            "{policy:?}: {measured}, {expected}"
        );
    }
}

#[test]
fn hit_ratios_of_lru_are_kings_exact_ones() {
    assert_exact(Policy::Lru, "exact LRU (King 1971)");
}

#[test]
fn hit_ratios_of_fifo_and_random_are_gelenbes_exact_ones() {
    for policy in [Policy::Fifo, Policy::Random] {
        assert_exact(policy, "exact FIFO=RANDOM (Gelenbe 1973)");
    }
}

fn assert_near(policy: Policy, model: &str) {
    let cases = [
        (1_000, "0.8", 10),
        (1_000, "0.8", 100),
        (1_000, "0.8", 300),
        (10_000, "1.0", 100),
        (10_000, "1.0", 1_000),
    ];
    for (n, alpha, capacity) in cases {
        let parameters = format!("Zipf n={n} alpha={alpha} C={capacity} (IRM)");
        let expected = closed_form(model, &parameters, "hit_ratio");
        let alpha = alpha.parse().expect("a number");
        let measured = hit_ratio(policy, n, alpha, capacity, 800_000);
        println!("{policy:?}, {parameters}: {measured:.5} / {expected:.5}");
        // The approximation's own error, and three standard errors of the draws.
        let error = 3.0 * (expected * (1.0 - expected) / 800_000.0).sqrt();
        assert!(
            (measured - expected).abs() < 0.01 * expected + error,
            "{policy:?}, {parameters}: {measured}, {expected}"
        );
    }
}

#[test]
fn hit_ratios_of_lru_are_within_a_per_cent_of_ches_approximation() {
    assert_near(Policy::Lru, "Che LRU");
}

#[test]
fn hit_ratios_of_fifo_and_random_are_within_a_per_cent_of_its_like() {
    for policy in [Policy::Fifo, Policy::Random] {
        assert_near(policy, "Che-type FIFO/RANDOM");
    }
}
