//! The policies against definitions of themselves, as plain as can be, and LRU's stack property.

use proptest::collection::vec;
use proptest::prelude::*;
use sim::engine::random::{stream, uniform_below};
use sim::machine::PAGE_BYTES;
use sim::machine::cache::Policy;

use crate::bench::{cache, misses, refer};

/// A list searched from the start: in order of use, or of entry.
struct Naive {
    pages: Vec<u32>,
    by_use: bool,
}

impl Naive {
    fn new(by_use: bool) -> Self {
        let pages = Vec::new();
        Self { pages, by_use }
    }

    fn refer(&mut self, page: u32, capacity: usize) -> bool {
        let place = self.pages.iter().position(|&other| other == page);
        match place {
            Some(place) if self.by_use => {
                self.pages.remove(place);
                self.pages.insert(0, page);
            }
            Some(_) => {}
            None => self.pages.insert(0, page),
        }
        self.pages.truncate(capacity);
        place.is_some()
    }
}

proptest! {
    #[test]
    fn every_reference_hits_exactly_where_a_naive_list_hits(
        pages in vec(0u32..40, 1..400),
        capacity in 1usize..45,
        by_use: bool,
    ) {
        let policy = if by_use { Policy::Lru } else { Policy::Fifo };
        let mut cache = cache(policy, 40, capacity as u64);
        let mut naive = Naive::new(by_use);
        for page in pages {
            prop_assert_eq!(refer(&mut cache, page), naive.refer(page, capacity));
            prop_assert_eq!(cache.used_bytes(), naive.pages.len() as u64 * PAGE_BYTES);
        }
    }

    #[test]
    fn under_lru_more_memory_never_misses_more(
        pages in vec(0u32..60, 1..500),
        capacity in 1u64..60,
        more in 1u64..20,
    ) {
        let (mut small, mut large) = (
            cache(Policy::Lru, 60, capacity),
            cache(Policy::Lru, 60, capacity + more),
        );
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
        let mut cache = cache(Policy::Lru, 30, 20);
        let mut naive = Naive::new(true);
        let half = pages.len() / 2;
        cache.reserve(reserved * PAGE_BYTES);
        for &page in &pages[..half] {
            let capacity = 20 - reserved as usize;
            prop_assert_eq!(refer(&mut cache, page), naive.refer(page, capacity));
        }
        cache.release(reserved * PAGE_BYTES);
        for &page in &pages[half..] {
            prop_assert_eq!(refer(&mut cache, page), naive.refer(page, 20));
        }
    }
}

/// How many different pages were referenced since each reference's page was last, it included;
/// `None` the first time (Mattson et al., "Evaluation techniques for storage hierarchies", IBM
/// Systems Journal 9(2), 1970). LRU hits exactly where this is no more than the capacity.
fn stack_distances(pages: &[u32]) -> Vec<Option<usize>> {
    (0..pages.len())
        .map(|at| {
            let last = pages[..at].iter().rposition(|&page| page == pages[at])?;
            let mut since = pages[last..at].to_vec();
            since.sort_unstable();
            since.dedup();
            Some(since.len())
        })
        .collect()
}

#[test]
fn miss_counts_of_lru_are_those_of_the_stack_distances_at_every_capacity() {
    // A mixture of what traces have: a popular few, a scan of many, and a loop.
    let mut rng = stream(1, "mixture", 0, 0);
    let pages: Vec<u32> = (0..4_000)
        .map(|at| match uniform_below(&mut rng, 3) {
            0 => uniform_below(&mut rng, 30) as u32,
            1 => 30 + at % 150,
            _ => 200 + at,
        })
        .collect();
    let distances = stack_distances(&pages);
    for capacity in 1..=250 {
        let missed = |distance: &&Option<usize>| distance.is_none_or(|depth| depth > capacity);
        let expected = distances.iter().filter(missed).count() as u64;
        let mut cache = cache(Policy::Lru, 4_200, capacity as u64);
        assert_eq!(misses(&mut cache, &pages), expected, "{capacity} pages");
    }
}

/// Belady, Nelson and Shedler, "An anomaly in space-time characteristics of certain programs
/// running in a paging machine", CACM 12(6), 1969.
#[test]
fn fifo_has_beladys_anomaly_and_lru_has_not() {
    let pages = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5];
    let counts = |policy| [3, 4].map(|frames| misses(&mut cache(policy, 6, frames), &pages));
    assert_eq!(counts(Policy::Fifo), [9, 10]);
    assert_eq!(counts(Policy::Lru), [10, 8]);
}
