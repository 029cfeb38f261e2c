//! The cache's replacement against exact results and against independent programs.

use proptest::collection::vec;
use proptest::prelude::*;
use sim::engine::random::{Stream, stream, unit};
use sim::machine::cache::{Cache, NO_OWNER, PageState, Policy};

use crate::bench::PAGE;
use crate::queueing::closed_form;

/// A cache of `capacity` pages out of `pages`.
fn cache(pages: usize, capacity: u64) -> Cache {
    Cache::new(Policy::Lru, capacity * PAGE, vec![NO_OWNER; pages], 0, 0)
}

/// Uses a page, reading it at once if it is absent. Returns whether it was there.
fn refer(cache: &mut Cache, page: u32) -> bool {
    let hit = cache.look_up(page) == PageState::Present;
    if !hit {
        cache.begin_fill(page, 0);
        cache.end_fill(page);
    }
    hit
}

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
fn hit_ratio(n: usize, alpha: f64, capacity: u64, references: u32) -> f64 {
    let mut zipf = Zipf::new(n, alpha);
    let mut cache = cache(n, capacity);
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

#[test]
fn hit_ratios_are_kings_exact_ones() {
    const REFERENCES: u32 = 1_000_000;
    for capacity in [2, 4] {
        let parameters = format!("Zipf n=8 alpha=1 C={capacity} (IRM)");
        let expected = closed_form("exact LRU (King 1971)", &parameters, "hit_ratio");
        let measured = hit_ratio(8, 1.0, capacity, REFERENCES);
        println!("C={capacity}: {measured:.5} / {expected:.5}");
        // Four standard errors of a million draws: hits that follow each other are correlated, but
        // in a cache this small over a few references only.
        assert!(
            (measured - expected).abs() < 0.002,
            "{measured}, {expected}"
        );
    }
}

#[test]
fn hit_ratios_are_within_a_per_cent_of_ches_approximation() {
    let cases = [
        (1_000, "0.8", 10),
        (1_000, "0.8", 100),
        (1_000, "0.8", 300),
        (10_000, "1.0", 100),
        (10_000, "1.0", 1_000),
    ];
    for (n, alpha, capacity) in cases {
        let parameters = format!("Zipf n={n} alpha={alpha} C={capacity} (IRM)");
        let expected = closed_form("Che LRU", &parameters, "hit_ratio");
        let alpha = alpha.parse().expect("a number");
        let measured = hit_ratio(n, alpha, capacity, 800_000);
        println!("{parameters}: {measured:.5} / {expected:.5}");
        // The approximation's own error, and three standard errors of the draws.
        let error = 3.0 * (expected * (1.0 - expected) / 800_000.0).sqrt();
        assert!(
            (measured - expected).abs() < 0.01 * expected + error,
            "{parameters}"
        );
    }
}

/// A list in order of use, searched from the start: as plain as can be.
#[derive(Default)]
struct NaiveLru(Vec<u32>);

impl NaiveLru {
    fn refer(&mut self, page: u32, capacity: usize) -> bool {
        let place = self.0.iter().position(|&other| other == page);
        if let Some(place) = place {
            self.0.remove(place);
        }
        self.0.insert(0, page);
        self.0.truncate(capacity);
        place.is_some()
    }
}

proptest! {
    #[test]
    fn every_reference_hits_exactly_where_a_naive_lru_hits(
        pages in vec(0u32..40, 1..400),
        capacity in 1usize..45,
    ) {
        let mut cache = cache(40, capacity as u64);
        let mut naive = NaiveLru::default();
        for page in pages {
            prop_assert_eq!(refer(&mut cache, page), naive.refer(page, capacity));
            prop_assert_eq!(cache.used_bytes(), naive.0.len() as u64 * PAGE);
        }
    }

    #[test]
    fn more_memory_never_misses_more(
        pages in vec(0u32..60, 1..500),
        capacity in 1u64..60,
        more in 1u64..20,
    ) {
        let (mut small, mut large) = (cache(60, capacity), cache(60, capacity + more));
        for page in pages {
            let hit = refer(&mut small, page);
            // Not only in sum: what the small cache holds, the large one holds.
            prop_assert!(refer(&mut large, page) >= hit);
        }
    }

    #[test]
    fn reserved_memory_is_taken_from_the_pages_and_given_back(
        pages in vec(0u32..30, 1..200),
        reserved in 1u64..10,
    ) {
        let mut cache = cache(30, 20);
        let mut naive = NaiveLru::default();
        let half = pages.len() / 2;
        cache.reserve(reserved * PAGE);
        for &page in &pages[..half] {
            let capacity = 20 - reserved as usize;
            prop_assert_eq!(refer(&mut cache, page), naive.refer(page, capacity));
        }
        cache.release(reserved * PAGE);
        for &page in &pages[half..] {
            prop_assert_eq!(refer(&mut cache, page), naive.refer(page, 20));
        }
    }
}

#[test]
fn names_outlive_their_pages_but_not_the_memory() {
    // Two pages of name 0, two of name 1; a name takes a page too; four entries fit.
    let mut cache = Cache::new(Policy::Lru, 4 * PAGE, vec![0, 0, 1, 1], 2, PAGE);
    let names = [cache.inode(0), cache.inode(1)];
    cache.insert_inode(names[0]);
    refer(&mut cache, 0);
    refer(&mut cache, 1);
    cache.insert_inode(names[1]);
    refer(&mut cache, 2);
    refer(&mut cache, 3);
    assert_eq!([0, 1].map(|page| cache.peek(page)), [PageState::Absent; 2]);
    assert!(names.iter().all(|&name| cache.has_inode(name)));
    cache.reserve(4 * PAGE);
    assert_eq!(cache.used_bytes(), 0);
}

/// The folder of reference data: `LAIOSIM_DATA`, or `../shared/data` beside the workspace.
fn reference_data() -> std::path::PathBuf {
    std::env::var_os("LAIOSIM_DATA").map_or_else(
        || {
            let package = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            package.join("../../shared/data")
        },
        Into::into,
    )
}

/// A block trace with the exact miss counts of an independent cache simulator; each block number
/// is one object, whatever the request's size.
#[test]
fn miss_counts_on_a_block_trace_are_the_reference_simulators() {
    let folder = reference_data().join("cache");
    let (trace, reference) = (
        folder.join("cloudPhysicsIO.csv.gz"),
        folder.join("reference.csv"),
    );
    if !trace.exists() || !reference.exists() {
        println!("SKIPPED: no reference data in {}", folder.display());
        return;
    }
    let unzipped = std::process::Command::new("gzip")
        .arg("-dc")
        .arg(&trace)
        .output();
    let Ok(unzipped) = unzipped else {
        println!("SKIPPED: no gzip to read {}", trace.display());
        return;
    };
    let pages = dense_pages(&unzipped.stdout);
    let distinct = pages.iter().max().map_or(0, |&page| page as usize + 1);
    let mut rows = csv::Reader::from_path(reference).expect("readable");
    let mut compared = 0;
    for row in rows.records().map(|row| row.expect("a row")) {
        if &row[1] != "LRU" || &row[2] != "unit" {
            continue;
        }
        let capacity = row[3].parse().expect("a size");
        let misses: u64 = row[5].parse().expect("a count");
        let mut cache = cache(distinct, capacity);
        pages.iter().for_each(|&page| {
            refer(&mut cache, page);
        });
        assert_eq!(cache.stats().misses, misses, "{capacity} pages");
        compared += 1;
    }
    assert_eq!(compared, 6);
}

/// The trace's block numbers, numbered in order of appearance.
fn dense_pages(trace: &[u8]) -> Vec<u32> {
    let mut numbers = std::collections::HashMap::new();
    csv::Reader::from_reader(trace)
        .records()
        .map(|row| {
            let block: u64 = row.expect("a row")[4].parse().expect("a block");
            let next = numbers.len() as u32;
            *numbers.entry(block).or_insert(next)
        })
        .collect()
}
