//! Read-ahead with the cache it works on: what several readers of one file have read for each
//! other, derived by hand from mm/readahead.c of Linux 6.18.

use sim::machine::PAGE_BYTES;
use sim::machine::cache::readahead::{ReadAhead, Window};
use sim::machine::cache::{Cache, PageState, Policy};

use crate::bench;

/// 128 KiB of read-ahead.
const MAX: u32 = 32;

/// First page and end of what was read.
type Span = (u32, u32);

/// One file of which every page is read at once; what is read is written down.
struct File {
    cache: Cache,
    pages: u32,
    read: Vec<Span>,
}

impl File {
    fn new(pages: u32) -> Self {
        Self {
            cache: bench::cache(Policy::Lru, pages as usize, pages.into()),
            pages,
            read: Vec::new(),
        }
    }

    /// An open file reads `pages` pages from `first` on. Returns the windows that it caused.
    fn read(&mut self, reader: &mut ReadAhead, first: u32, pages: u32) -> Vec<Span> {
        let end = first + pages;
        for page in first..end {
            if self.cache.look_up(page) == PageState::Absent {
                let window = reader.on_miss(page, end - page, MAX, self.cached_before(page));
                self.fill(window);
            }
            if self.cache.take_mark(page) {
                let missing = self.next_missing(page);
                if let Some(window) = reader.on_mark(page, end - page, MAX, || missing) {
                    self.fill(window);
                }
            }
        }
        reader.read_up_to(u64::from(end) * PAGE_BYTES);
        std::mem::take(&mut self.read)
    }

    fn is_absent(&self, page: u32) -> bool {
        page >= self.pages || self.cache.peek(page) == PageState::Absent
    }

    fn cached_before(&self, page: u32) -> u32 {
        let before = (page.saturating_sub(MAX)..page).rev();
        before.take_while(|&page| !self.is_absent(page)).count() as u32
    }

    fn next_missing(&self, page: u32) -> Option<u32> {
        (page + 1..=page + MAX).find(|&next| self.is_absent(next))
    }

    fn fill(&mut self, window: Window) {
        let end = (window.start + window.pages).min(self.pages);
        let marked = window
            .marked
            .filter(|&page| page < end && self.is_absent(page));
        for page in (window.start..end)
            .filter(|&page| self.is_absent(page))
            .collect::<Vec<_>>()
        {
            self.cache.begin_fill(page, 0);
            self.cache.end_fill(page);
        }
        if let Some(page) = marked {
            self.cache.mark_readahead(page);
        }
        self.read.push((window.start, end));
    }
}

#[test]
fn a_sequential_reader_never_misses_after_its_first_page() {
    let mut file = File::new(200);
    let mut reader = ReadAhead::default();
    let windows = (0..200).flat_map(|page| file.read(&mut reader, page, 1));
    let windows: Vec<_> = windows.collect();
    // Marks on 1, 4, 12, 28, 60, 92, ...: the start of the window before, from the third on.
    let expected = [
        (0, 4),
        (4, 12),
        (12, 28),
        (28, 60),
        (60, 92),
        (92, 124),
        (124, 156),
        (156, 188),
        (188, 200),
    ];
    assert_eq!(windows[..9], expected);
    assert_eq!(file.cache.stats().misses, 1);
}

#[test]
fn the_reader_behind_goes_on_from_the_marks_of_the_reader_ahead() {
    let mut file = File::new(400);
    let (mut ahead, mut behind) = (ReadAhead::default(), ReadAhead::default());
    assert_eq!(file.read(&mut ahead, 0, 1), [(0, 4)]);
    // The other one finds page 0 cached, and page 1 marked. Its own state is empty: pages 2 and 3
    // are cached, so the window starts at 4, with (4 - 1 + 1) * 2 pages.
    assert_eq!(file.read(&mut behind, 0, 1), []);
    assert_eq!(file.read(&mut behind, 1, 1), [(4, 12)]);
    // The first one finds page 1's mark taken, goes on without a window, and at 4 finds a mark
    // that its own state does not explain (1 was its own): 5 to 11 are cached, (12 - 4 + 1) * 2
    // pages, cut to a multiple of four.
    assert_eq!(file.read(&mut ahead, 1, 3), []);
    assert_eq!(file.read(&mut ahead, 4, 1), [(12, 28)]);
    // Neither does the second one's state explain page 12's: 16 + 1 are more than half of the
    // greatest window, so the greatest it is.
    assert_eq!(file.read(&mut behind, 2, 10), []);
    assert_eq!(file.read(&mut behind, 12, 1), [(28, 60)]);
    // From here on it is the one ahead, and explains its own marks.
    assert_eq!(file.read(&mut behind, 13, 16), [(60, 92)]);
    // What the other one reads is all there, and it finds no mark.
    assert_eq!(file.read(&mut ahead, 5, 55), []);
    assert_eq!(file.read(&mut ahead, 60, 1), [(92, 124)]);
    assert_eq!(file.cache.stats().misses, 1);
}

#[test]
fn two_interleaved_streams_far_apart_both_get_ahead_through_one_open_file() {
    // Two threads on one descriptor: each step of one invalidates the other's state, but not its
    // marks.
    let mut file = File::new(2_000);
    let mut shared = ReadAhead::default();
    assert_eq!(file.read(&mut shared, 0, 2), [(0, 4)]);
    // Page 1000 is no sequel: read as is. Nor is 1002 where the previous call ended, which is 2;
    // but two pages before it are cached, no more than asked for.
    assert_eq!(file.read(&mut shared, 1_000, 2), [(1_000, 1_002)]);
    // The first stream's mark is on page 2; the state still explains it.
    assert_eq!(file.read(&mut shared, 2, 2), [(4, 12)]);
    assert_eq!(file.read(&mut shared, 1_002, 2), [(1_002, 1_004)]);
    // Four cached before, two wanted: taken for a stream; the last page of the six is marked.
    assert_eq!(file.read(&mut shared, 4, 1), [(12, 28)]);
    assert_eq!(file.read(&mut shared, 1_004, 2), [(1_004, 1_010)]);
    // The first stream's mark on 12 is not in the state any more: 13 to 27 are cached.
    assert_eq!(file.read(&mut shared, 5, 7), []);
    assert_eq!(file.read(&mut shared, 12, 1), [(28, 60)]);
    // Nor the second's on 1009: nothing is cached after it, (1010 - 1009 + 1) * 2 pages, which
    // end on 1014 and are cut to 1012.
    assert_eq!(file.read(&mut shared, 1_006, 4), [(1_010, 1_012)]);
    let misses = file.cache.stats().misses;
    assert_eq!(file.read(&mut shared, 13, 15), []);
    assert_eq!(file.read(&mut shared, 28, 1), [(60, 92)]);
    assert_eq!(file.read(&mut shared, 1_010, 2), [(1_012, 1_020)]);
    assert_eq!(file.cache.stats().misses, misses);
}

#[test]
fn a_page_cached_before_its_window_is_not_marked() {
    let mut file = File::new(100);
    let mut other = ReadAhead::default();
    file.read(&mut other, 4, 1);
    let mut reader = ReadAhead::default();
    assert_eq!(file.read(&mut reader, 0, 2), [(0, 4)]);
    // The window 4..12 would have its first page marked, but that is cached already.
    assert_eq!(file.read(&mut reader, 2, 1), [(4, 12)]);
    assert_eq!(file.read(&mut reader, 3, 9), []);
    // So the stream runs into the end of what is cached; the call before ended there.
    assert_eq!(file.read(&mut reader, 12, 1), [(12, 16)]);
}

#[test]
fn reclaim_forgets_a_mark() {
    let mut cache = bench::cache(Policy::Lru, 10, 1);
    bench::refer(&mut cache, 0);
    cache.mark_readahead(0);
    bench::refer(&mut cache, 1);
    bench::refer(&mut cache, 0);
    assert!(!cache.take_mark(0));
    cache.mark_readahead(5);
    assert!(!cache.take_mark(5), "an absent page");
    cache.begin_fill(2, 0);
    cache.mark_readahead(2);
    cache.end_fill(2);
    assert!(cache.take_mark(2), "marked while in flight");
    assert!(!cache.take_mark(2), "taken");
}
