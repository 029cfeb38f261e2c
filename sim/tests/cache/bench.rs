//! A cache of whole pages without names, and references to it.

use sim::engine::random::stream;
use sim::machine::PAGE_BYTES;
use sim::machine::cache::{Cache, NO_OWNER, PageState, Policy};

/// A cache of `capacity` pages out of `pages`.
pub(crate) fn cache(policy: Policy, pages: usize, capacity: u64) -> Cache {
    cache_seeded(policy, pages, capacity, 1)
}

/// The same with victims of its own.
pub(crate) fn cache_seeded(policy: Policy, pages: usize, capacity: u64, seed: u64) -> Cache {
    let victims = stream(seed, "victims", 0, 0);
    let owners = vec![NO_OWNER; pages];
    Cache::new(policy, capacity * PAGE_BYTES, owners, 0, 0, victims)
}

/// Uses a page, reading it at once if it is absent. Returns whether it was there.
pub(crate) fn refer(cache: &mut Cache, page: u32) -> bool {
    let hit = cache.look_up(page) == PageState::Present;
    if !hit {
        cache.begin_fill(page, 0);
        cache.end_fill(page);
    }
    hit
}

/// Uses one page after the other; returns how many were absent.
pub(crate) fn misses(cache: &mut Cache, pages: &[u32]) -> u64 {
    pages
        .iter()
        .map(|&page| u64::from(!refer(cache, page)))
        .sum()
}
