//! Random replacement's victims.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use sim::machine::PAGE_BYTES;
use sim::machine::cache::{PageState, Policy};

use crate::bench::{cache, cache_seeded, refer};

/// The page of `0..pages` that a full cache gives up for one more.
fn victim(pages: u32, seed: u64) -> u32 {
    let total = pages as usize + 1;
    let mut cache = cache_seeded(Policy::Random, total, pages.into(), seed);
    (0..=pages).for_each(|page| {
        refer(&mut cache, page);
    });
    let absent = (0..=pages).find(|&page| cache.peek(page) == PageState::Absent);
    absent.expect("one page too many")
}

#[test]
fn every_present_page_is_as_likely_a_victim() {
    const PAGES: usize = 7;
    const DRAWS: u64 = 7_000;
    let mut counts = [0_u32; PAGES];
    (0..DRAWS).for_each(|seed| counts[victim(PAGES as u32, seed) as usize] += 1);
    let expected = DRAWS as f64 / PAGES as f64;
    let square = |count: u32| (f64::from(count) - expected).powi(2) / expected;
    let chi_square: f64 = counts.into_iter().map(square).sum();
    // The 99.9 % quantile for 6 degrees of freedom.
    assert!(chi_square < 22.5, "{counts:?}");
}

#[test]
fn the_stream_decides() {
    let victims = |seed| {
        let mut cache = cache_seeded(Policy::Random, 500, 100, seed);
        (0..500).for_each(|page| {
            refer(&mut cache, page);
        });
        (0..500).filter(move |&page| cache.peek(page) == PageState::Absent)
    };
    assert!(victims(1).eq(victims(1)));
    assert!(victims(1).ne(victims(2)));
}

#[test]
fn pages_in_flight_are_never_taken() {
    let mut cache = cache(Policy::Random, 100, 10);
    (0..10).for_each(|page| {
        refer(&mut cache, page);
    });
    (10..30).for_each(|page| {
        cache.begin_fill(page, page);
    });
    assert!((0..10).all(|page| cache.peek(page) == PageState::Absent));
    assert!((10..30).all(|page| cache.peek(page) == PageState::InFlight(page)));
    assert_eq!(cache.used_bytes(), 20 * PAGE_BYTES);
}

proptest! {
    /// Whatever the order in which pages begin and end to be read, are paged out, and make room,
    /// the cache holds what was not reclaimed.
    #[test]
    fn the_books_balance_under_every_policy(
        actions in vec((0u32..40, 0u8..4), 1..600),
        policy in prop::sample::select(vec![
            Policy::Lru, Policy::Fifo, Policy::Random, Policy::Linux,
        ]),
    ) {
        let mut cache = cache(policy, 40, 20);
        let mut in_flight = BTreeSet::new();
        let mut filled = 0;
        for (page, action) in actions {
            match (action, cache.look_up(page)) {
                (0, PageState::Present) => cache.page_out(page),
                (1, _) => if let Some(ended) = in_flight.pop_first() {
                    cache.end_fill(ended);
                },
                (_, PageState::Absent) => {
                    cache.begin_fill(page, page);
                    in_flight.insert(page);
                    filled += 1;
                    let most = in_flight.len().max(20) as u64;
                    prop_assert!(cache.used_bytes() <= most * PAGE_BYTES);
                }
                (_, PageState::InFlight(request)) => prop_assert_eq!(request, page),
                _ => {}
            }
            let held: Vec<u32> = (0..40).filter(|&page| cache.peek(page) != PageState::Absent).collect();
            prop_assert_eq!(held.len() as u64, filled - cache.stats().reclaimed);
            prop_assert_eq!(cache.used_bytes(), held.len() as u64 * PAGE_BYTES);
            for &page in &in_flight {
                prop_assert_eq!(cache.peek(page), PageState::InFlight(page));
            }
        }
    }
}
