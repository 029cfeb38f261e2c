//! Automatic warm-up removal for steady runs: MSER-5.
//!
//! White, "An effective truncation heuristic for bias reduction in simulation output", Simulation
//! 69(6), 1997; White, Cobb and Spratt, "A comparison of five steady-state truncation heuristics
//! for simulation", Winter Simulation Conference 2000. The series is averaged in batches of five.
//! Of n batch means y, the truncation is the d that minimises
//!
//! MSER(d) = sum over i > d of (y_i - mean of y_d+1 .. y_n)^2 / (n - d)^2,
//!
//! the squared standard error that the rest would have if it were independent: cutting more of
//! the transient lowers the sum, cutting good observations lowers n - d. A minimum in the second
//! half of the series says that the run is too short: [`Truncation::NotReached`]. Hoad, Robinson
//! and Davies ("Automating warm-up length estimation", Journal of the Operational Research
//! Society, 2010) chose MSER-5 from the methods of the literature for automation.
//!
//! Why it suffices here, although intervals from methods for a single long run, such as N-Skart,
//! are better than those built on MSER-5: our intervals come from independent replications, whose
//! truncated means are independent whatever the correlation within a run. All that is asked of the
//! truncation is that little bias is left in these means.
//!
//! The quantity is the mean response time in equal bins of simulated time, and a batch is the mean
//! over all its requests. Batches without a request take no part. Leading ones are cut.
//!
//! Replications and servers ([`common`]): the bins are summed over a server's replications
//! (Welch's averaging: a single replication's noise hides the transient), these give its
//! truncation, and servers that are compared all use *twice the largest*, so that they report the
//! same span of time and paired replications stay paired. The largest, because what is steady
//! stays so. Twice (ours), because MSER weighs the squared bias against the variance and so leaves
//! a bias of up to about the standard error, good for a point estimate and bad for an interval:
//! cutting as much again squares what is left of an exponential transient. How often intervals of
//! ten replications then cover, in 500 experiments each (the standard error is 1 point) on the
//! autoregressive series of the tests:
//!
//! | start, in standard deviations | decay per bin | bins | MSER-5 alone | twice | bins cut, median |
//! |---|---|---|---|---|---|
//! | none | | 1000 | 94.4 % | 95.0 % | 0 |
//! | +2 | 2 % | 1000 | 89.4 % | 93.6 % | 210 |
//! | +20 | 2 % | 2000 | 95.8 % | 96.6 % | 440 |
//! | -3 | 1 % | 4000 | 91.2 % | 96.2 % | 510 |
//! | -100 | 1 % | 6000 | 93.0 % | 95.2 % | 1210 |
//!
//! More replications shorten the interval and need a smaller bias; so determine the truncation
//! from all of them, not from a first round. It makes replications slightly dependent on each
//! other; that is neglected.
//!
//! Left out: a quantity that settles later than the response time; a transient that is slower than
//! the run (a cache that fills in hours looks steady for minutes). Compare runs of twice the
//! length.
//!
//! Checked on autoregressive series, with and without a decaying start, and a trend (tests below).

/// Batch size (White, Cobb and Spratt).
const BATCH_BINS: usize = 5;
/// Fewest batches to judge a series by (ours).
const LEAST_BATCHES: usize = 20;
/// Batches at the end that are never cut: a tenth, and five at least (ours). The sum over a few
/// values is small by chance, and the minimum would be there: with five kept of 200 batches, one
/// steady series in 200 was misjudged as not steady.
const TAIL_SHARE: usize = 10;
const LEAST_TAIL: usize = 5;

/// Responses in one bin of simulated time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bin {
    /// Their number.
    pub count: u64,
    /// Sum of their response times in nanoseconds.
    pub total_ns: u128,
}

/// Where the steady part of a series begins. The later one is the larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truncation {
    /// After so many bins.
    Bins(usize),
    /// Not in the first half, or there are fewer than 100 bins (20 batches) to judge by: a longer
    /// run is needed.
    NotReached,
}

/// The truncation of one series.
pub fn truncation(bins: &[Bin]) -> Truncation {
    let batches: Vec<(usize, f64)> = bins
        .chunks_exact(BATCH_BINS)
        .enumerate()
        .filter_map(|(index, bins)| Some((index * BATCH_BINS, sum(bins).mean()?)))
        .collect();
    if batches.len() < LEAST_BATCHES {
        return Truncation::NotReached;
    }
    let means: Vec<f64> = batches.iter().map(|&(_, mean)| mean).collect();
    let (start, _) = batches[least_marginal_error(&means)];
    if start * 2 > bins.len() {
        return Truncation::NotReached;
    }
    Truncation::Bins(start)
}

/// The bins of one server's replications, summed.
///
/// # Panics
/// If the series differ in length: steady runs last equally long.
pub fn summed(replications: &[Vec<Bin>]) -> Vec<Bin> {
    let length = replications.first().map_or(0, Vec::len);
    assert!(
        replications.iter().all(|series| series.len() == length),
        "replications of equal length"
    );
    (0..length)
        .map(|bin| sum(replications.iter().map(|series| &series[bin])))
        .collect()
}

/// The bins to cut from all of the compared servers, given each one's replications: twice the
/// largest of their truncations (see the module). Not reached if that is more than half of the
/// run, if one server has not reached it, or without servers.
///
/// # Panics
/// If the series differ in length.
pub fn common(servers: &[Vec<Vec<Bin>>]) -> Truncation {
    let series: Vec<Vec<Bin>> = servers.iter().map(|server| summed(server)).collect();
    let length = series.first().map_or(0, Vec::len);
    assert!(
        series.iter().all(|bins| bins.len() == length),
        "servers run equally long"
    );
    match series.iter().map(|bins| truncation(bins)).max() {
        Some(Truncation::Bins(bins)) if bins * 4 <= length => Truncation::Bins(bins * 2),
        _ => Truncation::NotReached,
    }
}

impl Bin {
    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.total_ns as f64 / self.count as f64)
    }
}

fn sum<'a>(bins: impl IntoIterator<Item = &'a Bin>) -> Bin {
    bins.into_iter().fold(Bin::default(), |sum, bin| Bin {
        count: sum.count + bin.count,
        total_ns: sum.total_ns + bin.total_ns,
    })
}

/// The d that minimises MSER(d), the least one of several. Sums of squares by Welford's recursion
/// from the end.
fn least_marginal_error(means: &[f64]) -> usize {
    let (mut kept, mut mean, mut squares) = (0.0, 0.0, 0.0);
    let (mut least, mut at) = (f64::INFINITY, 0);
    let tail = means.len().div_ceil(TAIL_SHARE).max(LEAST_TAIL);
    for (cut, &value) in means.iter().enumerate().rev() {
        kept += 1.0;
        let distance = value - mean;
        mean += distance / kept;
        squares += distance * (value - mean);
        let error = squares / (kept * kept);
        if cut + tail <= means.len() && error <= least {
            (least, at) = (error, cut);
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::Estimate;
    use super::super::coverage::{assert_covers_95, normals};
    use super::*;
    use crate::engine::random::stream;
    use rand::Rng;

    fn bin(ns: f64) -> Bin {
        Bin {
            count: 1,
            total_ns: ns as u128,
        }
    }

    const MEAN_NS: f64 = 1e6;
    const DEVIATION_NS: f64 = 1e4;

    /// First-order autoregressive with coefficient 0.5, plus `bias` in standard deviations.
    fn series(rng: &mut dyn Rng, length: usize, bias: impl Fn(usize) -> f64) -> Vec<Bin> {
        let mut noise = 0.0;
        normals(rng, length, 0.0, 0.75f64.sqrt())
            .into_iter()
            .enumerate()
            .map(|(index, shock)| {
                noise = 0.5 * noise + shock;
                bin(MEAN_NS + DEVIATION_NS * (noise + bias(index)))
            })
            .collect()
    }

    #[test]
    fn a_small_example_by_hand() {
        let means = [9.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0];
        // d = 0: mean 2.3, squares 52.1, /100 = 0.521. d = 1: mean 14/9, squares 20/9, /81 = 0.0274.
        // d = 2: mean 1.5, squares 2, /64 = 0.0313. d = 3: 12/7 / 49 = 0.035.
        assert_eq!(least_marginal_error(&means), 1);
        // With twenty: d = 1: 90/19 / 361 = 0.0131; d = 2: 4.5 / 324 = 0.0139.
        let tail = [1.0, 2.0].repeat(5);
        let means = means.iter().chain(&tail);
        let bins: Vec<Bin> = means.flat_map(|&mean| [bin(mean); 5]).collect();
        assert_eq!(truncation(&bins), Truncation::Bins(5));
    }

    #[test]
    fn a_constant_series_is_not_cut() {
        assert_eq!(truncation(&[bin(3.0); 100]), Truncation::Bins(0));
    }

    #[test]
    fn short_and_empty_series_are_not_judged() {
        assert_eq!(truncation(&[]), Truncation::NotReached);
        assert_eq!(truncation(&[bin(3.0); 99]), Truncation::NotReached);
        assert_eq!(truncation(&[Bin::default(); 500]), Truncation::NotReached);
        assert_eq!(common(&[]), Truncation::NotReached);
    }

    #[test]
    fn empty_bins_take_no_part_and_leading_ones_are_cut() {
        let mut bins = vec![bin(3.0); 200];
        bins[..12].fill(Bin::default());
        bins[40..50].fill(Bin::default());
        assert_eq!(truncation(&bins), Truncation::Bins(10));
    }

    #[test]
    fn a_batch_weighs_requests_not_bins() {
        let heavy = Bin {
            count: 9,
            total_ns: 9,
        };
        let batch = [heavy, bin(11.0), Bin::default()];
        assert_eq!(sum(&batch).mean(), Some(2.0));
    }

    /// A start 20 standard deviations off that decays by 2 % a bin.
    fn decaying(index: usize) -> f64 {
        20.0 * libm::pow(0.98, index as f64)
    }

    fn bins_cut(bins: &[Bin]) -> usize {
        match truncation(bins) {
            Truncation::Bins(bins) => bins,
            Truncation::NotReached => usize::MAX,
        }
    }

    /// What is cut of 200 series of 1000 bins each, sorted.
    fn cuts(replications: u64, bias: impl Fn(usize) -> f64) -> Vec<usize> {
        let mut cuts: Vec<usize> = (0..200)
            .map(|experiment| {
                let runs: Vec<Vec<Bin>> = (0..replications)
                    .map(|index| series(&mut stream(2, "warmup", experiment, index), 1000, &bias))
                    .collect();
                bins_cut(&summed(&runs))
            })
            .collect();
        cuts.sort_unstable();
        cuts
    }

    /// The noise of the sum of r replications is sqrt(r) smaller, relatively; the bias where it is
    /// cut is of its order, never above three times it.
    #[test]
    fn a_decaying_start_is_cut_where_it_drowns_in_the_noise() {
        for replications in [1, 10] {
            let cuts = cuts(replications, decaying);
            let noise = 1.0 / (replications as f64).sqrt();
            assert!(decaying(cuts[0]) < 3.0 * noise, "{}", cuts[0]);
            let median = decaying(cuts[100]) / noise;
            assert!((0.25..1.0).contains(&median), "{median}");
            assert!(cuts[199] < 400, "{}", cuts[199]);
        }
    }

    #[test]
    fn a_steady_series_loses_nothing_in_half_and_a_twentieth_in_95_of_100() {
        for replications in [1, 10] {
            let cuts = cuts(replications, |_| 0.0);
            assert_eq!(cuts[100], 0);
            assert!(cuts[190] <= 50, "{}", cuts[190]);
            assert!(cuts[199] <= 250, "{}", cuts[199]);
        }
    }

    #[test]
    fn a_trend_is_never_steady() {
        let rising_by_30_deviations = |index| index as f64 * 0.03;
        assert_eq!(cuts(1, rising_by_30_deviations)[0], usize::MAX);
        let shortest: Vec<Bin> = (0..100).map(|index| bin(f64::from(index))).collect();
        assert_eq!(truncation(&shortest), Truncation::NotReached);
    }

    fn covers(runs: &[Vec<Bin>], cut: usize) -> bool {
        let means: Vec<f64> = runs
            .iter()
            .filter_map(|run| sum(&run[cut..]).mean())
            .collect();
        let estimate = Estimate::of(&means).expect("ten");
        (estimate.mean - MEAN_NS).abs() <= estimate.half_width.expect("ten")
    }

    #[test]
    fn a_biased_start_costs_no_coverage_once_cut() {
        let mut uncut = 0;
        assert_covers_95(200, |rng| {
            let runs: Vec<Vec<Bin>> = (0..10).map(|_| series(rng, 2000, decaying)).collect();
            uncut += u32::from(covers(&runs, 0));
            match common(std::slice::from_ref(&runs)) {
                Truncation::Bins(cut) => covers(&runs, cut),
                Truncation::NotReached => false,
            }
        });
        assert_eq!(uncut, 0);
    }

    /// High for 60 bins of 400, or for 15, or for 150.
    fn stepping(high: usize) -> Vec<Vec<Bin>> {
        let step = |index| bin(if index < high { 9.0 } else { 3.0 });
        vec![(0..400).map(step).collect(); 2]
    }

    #[test]
    fn compared_servers_share_twice_the_largest_truncation() {
        assert_eq!(common(&[stepping(15)]), Truncation::Bins(30));
        let both = [stepping(60), stepping(15)];
        assert_eq!(common(&both), Truncation::Bins(120));
        // 150 bins are steady enough to be found but not to be cut twice.
        assert_eq!(bins_cut(&summed(&stepping(150))), 150);
        let late = [stepping(15), stepping(150)];
        assert_eq!(common(&late), Truncation::NotReached);
    }

    #[test]
    #[should_panic(expected = "equal length")]
    fn replications_of_unequal_length_are_refused() {
        summed(&[vec![bin(1.0); 60], vec![bin(1.0); 61]]);
    }
}
