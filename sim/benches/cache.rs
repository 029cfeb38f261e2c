//! One reference to a page: the page cache under each policy, against the LRU caches that users of
//! Rust would pick.
//!
//! `cargo bench -p sim --bench cache`. Independent references, Zipf 0.9, over four times as many
//! pages as the cache holds; every cache is full when the clock starts. Divan's items are
//! references, so a median divided by [`REFERENCES`] is the time of one.

use std::hint::black_box;
use std::num::NonZeroUsize;

use divan::Bencher;
use divan::counter::ItemsCount;
use rand_distr::{Distribution, Zipf};
use sim::engine::random::{shuffle, stream};
use sim::machine::PAGE_BYTES;
use sim::machine::cache::{Cache, NO_OWNER, PageState, Policy};

/// Pages cached; four times as many are referenced.
const SIZES: [u32; 2] = [10_000, 1_000_000];
const PAGES_PER_CACHED: u32 = 4;
/// References of a sample. Each sample takes the next ones of the trace, which is long enough for
/// the pages to be new again when it begins anew.
const REFERENCES: usize = 500_000;
const SAMPLES: usize = 16;

fn main() {
    divan::main();
}

/// A cache for pages of which `cached` fit.
trait Subject {
    fn new(cached: u32) -> Self;

    /// Uses a page, and caches it if it is absent.
    fn refer(&mut self, page: u32);
}

/// Popularity has nothing to do with a page's number.
fn references(cached: u32) -> Vec<u32> {
    let pages = cached * PAGES_PER_CACHED;
    let zipf = Zipf::new(f64::from(pages), 0.9).expect("a valid exponent");
    let mut rng = stream(1, "references", 0, 0);
    let mut page_of: Vec<u32> = (0..pages).collect();
    shuffle(&mut rng, &mut page_of);
    let ranks = (0..REFERENCES * SAMPLES).map(|_| zipf.sample(&mut rng) as usize - 1);
    ranks.map(|rank| page_of[rank]).collect()
}

fn measure<S: Subject>(bencher: Bencher, cached: u32) {
    let references = references(cached);
    let mut subject = S::new(cached);
    references.iter().for_each(|&page| subject.refer(page));
    let mut samples = references.chunks(REFERENCES).cycle();
    bencher
        .counter(ItemsCount::new(REFERENCES))
        .bench_local(|| {
            let sample = samples.next().expect("a cycle has no end");
            black_box(sample)
                .iter()
                .for_each(|&page| subject.refer(page));
        });
}

/// The simulator's own, under policy number `POLICY` of [`POLICIES`].
struct Own<const POLICY: usize>(Cache);

const POLICIES: [Policy; 4] = [Policy::Lru, Policy::Fifo, Policy::Random, Policy::Linux];

impl<const POLICY: usize> Subject for Own<POLICY> {
    fn new(cached: u32) -> Self {
        Self(Cache::new(
            POLICIES[POLICY],
            u64::from(cached) * PAGE_BYTES,
            vec![NO_OWNER; (cached * PAGES_PER_CACHED) as usize],
            0,
            0,
            stream(1, "victims", 0, 0),
        ))
    }

    fn refer(&mut self, page: u32) {
        if self.0.look_up(page) == PageState::Absent {
            self.0.begin_fill(page, 0);
            self.0.end_fill(page);
        }
    }
}

struct LruCrate(lru::LruCache<u32, ()>);

impl Subject for LruCrate {
    fn new(cached: u32) -> Self {
        let capacity = NonZeroUsize::new(cached as usize).expect("not empty");
        Self(lru::LruCache::new(capacity))
    }

    fn refer(&mut self, page: u32) {
        self.0.get_or_insert(page, || ());
    }
}

struct Schnellru(schnellru::LruMap<u32, ()>);

impl Subject for Schnellru {
    fn new(cached: u32) -> Self {
        Self(schnellru::LruMap::new(schnellru::ByLength::new(cached)))
    }

    fn refer(&mut self, page: u32) {
        self.0.get_or_insert(page, || ());
    }
}

#[divan::bench(args = SIZES, sample_count = SAMPLES as u32, sample_size = 1)]
fn own_lru(bencher: Bencher, cached: u32) {
    measure::<Own<0>>(bencher, cached);
}

#[divan::bench(args = SIZES, sample_count = SAMPLES as u32, sample_size = 1)]
fn own_fifo(bencher: Bencher, cached: u32) {
    measure::<Own<1>>(bencher, cached);
}

#[divan::bench(args = SIZES, sample_count = SAMPLES as u32, sample_size = 1)]
fn own_random(bencher: Bencher, cached: u32) {
    measure::<Own<2>>(bencher, cached);
}

#[divan::bench(args = SIZES, sample_count = SAMPLES as u32, sample_size = 1)]
fn own_linux(bencher: Bencher, cached: u32) {
    measure::<Own<3>>(bencher, cached);
}

#[divan::bench(args = SIZES, sample_count = SAMPLES as u32, sample_size = 1)]
fn lru_crate(bencher: Bencher, cached: u32) {
    measure::<LruCrate>(bencher, cached);
}

#[divan::bench(args = SIZES, sample_count = SAMPLES as u32, sample_size = 1)]
fn schnellru(bencher: Bencher, cached: u32) {
    measure::<Schnellru>(bencher, cached);
}
