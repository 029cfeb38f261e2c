//! Arrivals against their laws. Tolerances are 4 standard errors.

use super::*;
use crate::workload::chi_square::chi_square_fits;

fn poisson(rate: f64) -> ArrivalLaw {
    ArrivalLaw::Poisson(rate)
}

fn bursts(rate: f64, periods: PeriodLaw) -> ArrivalLaw {
    ArrivalLaw::OnOff(OnOff {
        rate,
        on: Nanos::from_millis(300),
        off: Nanos::from_millis(700),
        periods,
    })
}

fn points(points: &[(u64, f64)]) -> Vec<(Nanos, f64)> {
    points
        .iter()
        .map(|&(seconds, rate)| (Nanos::from_millis(seconds * 1_000), rate))
        .collect()
}

/// Up a slope, along, down a step, along, down to nothing, nothing.
fn hill() -> Curve {
    let shape = [
        (0, 0.0),
        (10, 1000.0),
        (20, 1000.0),
        (20, 100.0),
        (30, 100.0),
        (35, 0.0),
        (40, 0.0),
    ];
    Curve::new(points(&shape)).unwrap()
}

/// Arrivals in each of `count` windows of `window`.
fn counts(law: &ArrivalLaw, window: Nanos, count: usize) -> Vec<u32> {
    let mut counts = vec![0; count];
    for instant in law.arrivals(7, 0) {
        match counts.get_mut((instant.0 / window.0) as usize) {
            Some(count) => *count += 1,
            None => return counts,
        }
    }
    unreachable!("arrivals never end")
}

#[test]
fn poisson_gaps_are_exponential() {
    let (rate, n, cells) = (1000.0, 200_000, 20);
    let mut found = vec![0; cells];
    let mut last = Nanos::ZERO;
    for instant in poisson(rate).arrivals(1, 0).take(n) {
        // The law's own distribution function makes the gaps uniform.
        let below = 1.0 - (-rate * (instant - last).as_secs_f64()).exp();
        found[(below * cells as f64) as usize] += 1;
        last = instant;
    }
    chi_square_fits(&found, &vec![n as f64 / cells as f64; cells]);
}

#[test]
fn poisson_counts_have_mean_and_variance_of_the_poisson_law() {
    let (rate, windows) = (50.0, 20_000);
    let counts = counts(&poisson(rate), Nanos::from_millis(1_000), windows);
    let n = windows as f64;
    let mean = counts.iter().map(|&c| f64::from(c)).sum::<f64>() / n;
    let squares = counts.iter().map(|&c| (f64::from(c) - mean).powi(2));
    let variance = squares.sum::<f64>() / (n - 1.0);
    assert!((mean - rate).abs() < 4.0 * (rate / n).sqrt(), "{mean}");
    // The sample variance of a Poisson law has the variance (rate + 2 rate^2) / n.
    let error = ((rate + 2.0 * rate * rate) / n).sqrt();
    assert!((variance - rate).abs() < 4.0 * error, "{variance}");
}

#[test]
fn instants_strictly_increase_at_the_highest_rates() {
    let flat = Curve::new(points(&[(0, 1e6), (1, 1e6)])).unwrap();
    let laws = [
        poisson(1e6),
        bursts(1e6, PeriodLaw::Exponential),
        ArrivalLaw::Curve(flat),
    ];
    for law in laws {
        let instants: Vec<Nanos> = law.arrivals(1, 0).take(1_000_000).collect();
        assert!(instants[0] > Nanos::ZERO);
        assert!(instants.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

/// Of a process that is on and off for exponential spans with rates a and b of ending them, the
/// time on in T has the variance 2 p (1 - p) T / (a + b), p being the share of time on; that it
/// starts on adds (1 - p) / (a + b) to its mean.
#[test]
fn exponential_bursts_have_their_mean_rate() {
    let (rate, p, windows) = (200.0, 0.3, 20_000);
    let law = bursts(rate, PeriodLaw::Exponential);
    assert!((law.mean_rate() - rate * p).abs() < 1e-9);
    let counts = counts(&law, Nanos::from_millis(1_000), windows);
    let time = windows as f64;
    let ends = 1.0 / 0.3 + 1.0 / 0.7;
    let mean = rate * (p * time + (1.0 - p) / ends);
    let variance = rate * p * time + rate * rate * 2.0 * p * (1.0 - p) * time / ends;
    let found: f64 = counts.iter().map(|&c| f64::from(c)).sum();
    assert!(
        (found - mean).abs() < 4.0 * variance.sqrt(),
        "{found}, not {mean}"
    );
}

#[test]
fn fixed_bursts_come_when_they_are_due() {
    let (rate, periods) = (500.0, 2_000);
    let law = bursts(rate, PeriodLaw::Fixed);
    let mut found = 0;
    for instant in law.arrivals(1, 0) {
        if instant >= Nanos::from_millis(1_000 * periods) {
            break;
        }
        assert!(instant.0 % 1_000_000_000 <= 300_000_000, "{instant}");
        found += 1;
    }
    let mean = rate * 0.3 * periods as f64;
    assert!(
        (f64::from(found) - mean).abs() < 4.0 * mean.sqrt(),
        "{found}"
    );
}

#[test]
fn another_rate_meets_the_same_bursts() {
    let ends_of_pauses = |rate| -> Vec<u64> {
        let instants: Vec<Nanos> = bursts(rate, PeriodLaw::Exponential)
            .arrivals(3, 0)
            .take(200_000)
            .collect();
        let pauses = instants.windows(2).filter(|p| (p[1] - p[0]).0 > 10_000_000);
        // To a millisecond, as the first arrival after it tells.
        pauses.map(|p| p[1].0 / 1_000_000).take(10).collect()
    };
    let (slow, fast) = (ends_of_pauses(20_000.0), ends_of_pauses(100_000.0));
    assert_eq!(slow.len(), 10);
    assert!(
        slow.iter().zip(&fast).all(|(a, b)| a.abs_diff(*b) <= 1),
        "{slow:?} {fast:?}"
    );
}

#[test]
fn a_curve_brings_its_integral_in_every_stretch_and_repeats() {
    let repetitions = 20;
    let law = ArrivalLaw::Curve(hill());
    let all = counts(&law, Nanos::from_millis(1_000), 40 * repetitions);
    let mut found = vec![0; 35];
    for (second, count) in all.into_iter().enumerate() {
        match found.get_mut(second % 40) {
            Some(sum) => *sum += count,
            None => assert_eq!(count, 0, "in the second {second}"),
        }
    }
    let expected: Vec<f64> = (0..35)
        .map(|second| {
            let middle = f64::from(second) + 0.5;
            let rate = match second {
                0..10 => 100.0 * middle,
                10..20 => 1000.0,
                20..30 => 100.0,
                _ => 20.0 * (35.0 - middle),
            };
            rate * repetitions as f64
        })
        .collect();
    // The number of arrivals is random too: one degree of freedom more than with a fixed sum.
    chi_square_fits(&found, &expected);
    let per_second = (5_000.0 + 10_000.0 + 1_000.0 + 250.0) / 40.0;
    assert!((law.mean_rate() - per_second).abs() < 1e-9);
}

#[test]
fn a_flat_curve_is_a_poisson_process() {
    let flat = ArrivalLaw::Curve(Curve::new(points(&[(0, 80.0), (3, 80.0)])).unwrap());
    let pairs = flat.arrivals(5, 2).zip(poisson(80.0).arrivals(5, 2));
    for (a, b) in pairs.take(10_000) {
        // Both invert the same draws; the sums of the rounded gaps drift apart.
        assert!(a.0.abs_diff(b.0) < 1_000, "{a} {b}");
    }
}

#[test]
fn impossible_curves_are_refused_in_words() {
    let refused = |shape: &[(u64, f64)]| Curve::new(points(shape)).unwrap_err();
    assert!(refused(&[]).contains("2 points"));
    assert!(refused(&[(0, 5.0)]).contains("2 points"));
    assert!(refused(&[(1, 5.0), (2, 5.0)]).contains("0 s"));
    assert!(refused(&[(0, 5.0), (3, 5.0), (2, 5.0)]).contains("rise"));
    assert!(refused(&[(0, 5.0), (0, 6.0)]).contains("rise"));
    assert!(refused(&[(0, 5.0), (1, -1.0)]).contains("-1"));
    assert!(refused(&[(0, 5.0), (1, f64::NAN)]).contains("NaN"));
    assert!(refused(&[(0, 0.0), (9, 0.0)]).contains("one session"));
}

#[test]
fn replications_and_seeds_have_arrivals_of_their_own() {
    let first = |seed, replication| poisson(1.0).arrivals(seed, replication).next();
    assert_eq!(first(1, 0), first(1, 0));
    assert_ne!(first(1, 0), first(1, 1));
    assert_ne!(first(1, 0), first(2, 0));
}

// Computed by an independent program from the documentation.
#[test]
fn arrivals_are_pinned() {
    let laws = [
        poisson(1000.0),
        bursts(10.0, PeriodLaw::Exponential),
        ArrivalLaw::Curve(hill()),
    ];
    let pinned = laws.map(|law| {
        let mut instants = law.arrivals(42, 3).map(|instant| instant.0);
        [(); 3].map(|()| instants.next().unwrap())
    });
    let expected = [
        [3_424_900, 5_724_816, 6_473_675],
        [906_348_894, 1_136_340_479, 1_211_226_352],
        [261_721_221, 338_373_040, 359_824_248],
    ];
    assert_eq!(pinned, expected);
}
