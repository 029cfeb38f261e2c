//! What the simulated pages take of the simulator's own memory.

use sim::engine::random::stream;
use sim::machine::PAGE_BYTES;
use sim::machine::cache::{Cache, Policy};
use sim::machine::files::{Files, least_span_blocks, spread};

use crate::bench::refer;

/// The tables of the cache and of the files (a disk block for each page) together.
#[test]
fn a_page_takes_twelve_bytes_and_a_cached_one_twelve_more() {
    const CACHED: u64 = 1_000;
    let sizes = vec![10 * PAGE_BYTES; 1_000];
    let span = least_span_blocks(&sizes) + 1_000;
    let files = Files::new(
        &sizes,
        &spread(&sizes, span, &mut stream(1, "placement", 0, 0)),
    );
    let owners = files.owners();
    let pages = owners.len() as u32;
    for policy in [Policy::Lru, Policy::Fifo, Policy::Random, Policy::Linux] {
        let victims = stream(1, "victims", 0, 0);
        let owners = std::sync::Arc::clone(owners);
        let capacity = CACHED * PAGE_BYTES;
        let mut cache = Cache::new(policy, capacity, owners, files.names(), 0, victims);
        (0..pages).for_each(|page| {
            refer(&mut cache, page);
        });
        let blocks = u64::from(pages) * size_of_val(&files.block(0)) as u64;
        // One page is in flight while room is made for it.
        let bound = 12 * u64::from(pages) + 12 * (CACHED + 1);
        assert_eq!(cache.footprint_bytes() + blocks, bound, "{policy:?}");
    }
}

#[test]
fn pages_in_flight_beyond_the_memory_have_slots_too() {
    let mut cache = crate::bench::cache(Policy::Lru, 500, 100);
    let empty = cache.footprint_bytes();
    (0..400).for_each(|page| {
        cache.begin_fill(page, 0);
    });
    assert_eq!(cache.footprint_bytes(), empty + 12 * 400);
    (0..400).for_each(|page| cache.end_fill(page));
    cache.reserve(0);
    // Slots are used again.
    (400..500).for_each(|page| {
        refer(&mut cache, page);
    });
    assert_eq!(cache.footprint_bytes(), empty + 12 * 400);
}
