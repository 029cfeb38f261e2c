//! Names beside their pages.

use sim::engine::random::stream;
use sim::machine::PAGE_BYTES;
use sim::machine::cache::{Cache, PageState, Policy};

use crate::bench::refer;

#[test]
fn names_outlive_their_pages_but_not_the_memory() {
    for policy in [Policy::Lru, Policy::Fifo] {
        // Two pages of name 0, two of name 1; a name takes a page too; four entries fit.
        let victims = stream(1, "victims", 0, 0);
        let owners = vec![0, 0, 1, 1];
        let mut cache = Cache::new(policy, 4 * PAGE_BYTES, owners, 2, PAGE_BYTES, victims);
        let names = [cache.inode(0), cache.inode(1)];
        cache.insert_inode(names[0]);
        refer(&mut cache, 0);
        refer(&mut cache, 1);
        cache.insert_inode(names[1]);
        refer(&mut cache, 2);
        refer(&mut cache, 3);
        assert_eq!([0, 1].map(|page| cache.peek(page)), [PageState::Absent; 2]);
        assert!(names.iter().all(|&name| cache.has_inode(name)));
        cache.reserve(4 * PAGE_BYTES);
        assert_eq!(cache.used_bytes(), 0);
    }
}

#[test]
fn a_name_with_cached_pages_is_passed_over() {
    // 33 pages of name 0; one more makes a pass's worth of reclaimed pages, after which all three
    // names are scanned.
    let victims = stream(1, "victims", 0, 0);
    let mut owners = vec![0; 33];
    owners.resize(100, 1);
    let mut cache = Cache::new(Policy::Lru, 33 * PAGE_BYTES, owners, 3, 0, victims);
    let names = [0, 1, 2].map(|index| cache.inode(index));
    for name in names {
        cache.insert_inode(name);
    }
    (0..65).for_each(|page| {
        refer(&mut cache, page);
    });
    // Page 32 is name 0's last; name 1 has the others; name 2 has none.
    assert_eq!(cache.peek(32), PageState::Present);
    assert_eq!(names.map(|name| cache.has_inode(name)), [true, true, false]);
}
