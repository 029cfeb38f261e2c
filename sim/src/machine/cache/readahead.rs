//! Read-ahead of one open file, as Linux decides it on demand.
//!
//! A window is read at once where a page is missing; one of its pages is marked, in the cache, and
//! whoever touches the marked page first has the next window read while there still are pages
//! left. The mark belongs to the page (`PG_readahead`), the state to the open file, so the toucher
//! need not be the one whose window it was: then it goes on behind what is cached.
//!
//! Source: mm/readahead.c of Linux 6.18 (`page_cache_sync_ra`, `page_cache_async_ra`,
//! `get_init_ra_size`, `get_next_ra_size`) and, for mappings, mm/filemap.c
//! (`do_sync_mmap_readahead`, `do_async_mmap_readahead`). Checked against windows derived from
//! these by hand.
//!
//! Leaves out: large folios (every page is an order-0 folio, as on a file system without them; on
//! others windows end on coarser boundaries); requests beyond the read-ahead that a disk's
//! `io_pages` allows (they are cut to the read-ahead); advice of processes; fault-around, which
//! forgives misses of a mapping. Ours: without read-ahead, what a call wants is read in one piece,
//! where Linux reads page by page.

use crate::machine::PAGE_BYTES;

/// Misses of a mapping, less its hits, from which on reading around a fault is given up: Linux's
/// `MMAP_LOTSAMISS`; and how many are remembered at most.
const LOTS_OF_MISSES: u32 = 100;
const MOST_MISSES: u32 = LOTS_OF_MISSES * 10;

/// Windows read ahead of need end on a multiple of 2^2 pages, or of as much of it as divides the
/// read-ahead: `ra->order` is 0 for order-0 folios, and 2 is added to it for each such window.
const BOUNDARY_ORDER: u32 = 2;

/// The pages to read: `start..start + pages`, and which of them, once touched, triggers the next
/// window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First page, counted in the file.
    pub start: u32,
    /// How many pages, not yet clipped to the file's end.
    pub pages: u32,
    /// The page to mark, if the window itself brings it into the cache: it is not marked if it
    /// has been there before.
    pub marked: Option<u32>,
}

impl Window {
    /// Just these pages.
    fn plain(start: u32, pages: u32) -> Self {
        Self {
            start,
            pages,
            marked: None,
        }
    }
}

/// The read-ahead state of one open file: the kernel's `file_ra_state`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadAhead {
    /// The last window: its first page, length, and how many pages follow the mark, it included.
    start: u32,
    pages: u32,
    trailing: u32,
    /// The page in which the previous call ended, or which it would have read next.
    previous: Option<u32>,
    /// Faults on a mapping that found their page absent, less those that found it.
    mapping_misses: u32,
}

/// `get_init_ra_size`: the first window for a read of `request` pages.
fn initial_window(request: u32, max: u32) -> u32 {
    let rounded = request.next_power_of_two();
    if rounded <= max / 32 {
        rounded * 4
    } else if rounded <= max / 4 {
        rounded * 2
    } else {
        max
    }
}

/// `get_next_ra_size`: the window after one of `current` pages.
fn next_window(current: u32, max: u32) -> u32 {
    if current < max / 16 {
        current * 4
    } else if current <= max / 2 {
        current * 2
    } else {
        max
    }
}

impl ReadAhead {
    /// The window to read when page `index` is absent and `request` pages are still wanted from
    /// it. `cached_before` counts the cached pages directly before it (looked up at most `max`
    /// pages back). `max` is the device's read-ahead in pages.
    pub fn on_miss(&mut self, index: u32, request: u32, max: u32, cached_before: u32) -> Window {
        if max == 0 {
            return Window::plain(index, request);
        }
        let sequential = |previous| index == previous || index == previous + 1;
        if index == 0 || request > max || self.previous.is_some_and(sequential) {
            let pages = initial_window(request, max);
            let trailing = match pages.saturating_sub(request) {
                0 => pages / 2,
                ahead => ahead,
            };
            return self.window(index, pages, trailing);
        }
        if cached_before <= request {
            return Window::plain(index, request);
        }
        let history = if cached_before == index {
            cached_before * 2
        } else {
            cached_before
        };
        self.window(index, (history + request).min(max), 1)
    }

    /// The window to read, if any, when the marked page `index`, cached or in flight, is touched
    /// and `request` pages are still wanted from it. `next_missing` tells the first page after it
    /// that is absent (at most `max` pages on; the file's end counts), if there is one; it is
    /// asked only where the last window of this open file is another one.
    pub fn on_mark(
        &mut self,
        index: u32,
        request: u32,
        max: u32,
        next_missing: impl FnOnce() -> Option<u32>,
    ) -> Option<Window> {
        let (start, pages) = if index == self.start + self.pages - self.trailing {
            (self.start + self.pages, next_window(self.pages, max))
        } else {
            let start = next_missing()?;
            // What is cached from the mark on is taken for the last window.
            (start, next_window(start - index + request, max))
        };
        let pages = end_on_boundary(start, pages, max);
        Some(self.window(start, pages, pages))
    }

    /// The window to read when a fault on a mapping finds page `index` absent: around it, or it
    /// alone if so many faults have that reading around them is in vain.
    pub fn on_fault(&mut self, index: u32, max: u32) -> Window {
        if max == 0 {
            return Window::plain(index, 1);
        }
        self.mapping_misses = (self.mapping_misses + 1).min(MOST_MISSES);
        if self.mapping_misses > LOTS_OF_MISSES {
            return Window::plain(index, 1);
        }
        self.window(index.saturating_sub(max / 2), max, max / 4)
    }

    /// A fault on a mapping finds its page cached or in flight. If that page is marked, the
    /// caller takes the mark and goes on with [`Self::on_mark`], with `max` as the request.
    pub fn on_fault_found(&mut self) {
        self.mapping_misses = self.mapping_misses.saturating_sub(1);
    }

    /// A call has read up to `end` (not included), in bytes of the file.
    pub fn read_up_to(&mut self, end: u64) {
        self.previous = Some((end / PAGE_BYTES) as u32);
    }

    /// Remembers the window. No page is marked where none is to follow the mark.
    fn window(&mut self, start: u32, pages: u32, trailing: u32) -> Window {
        (self.start, self.pages, self.trailing) = (start, pages, trailing);
        Window {
            start,
            pages,
            marked: (trailing > 0).then_some(start + pages - trailing),
        }
    }
}

/// Shortens a window to end on a boundary, unless nothing would be left.
fn end_on_boundary(start: u32, pages: u32, max: u32) -> u32 {
    let boundary = 1 << BOUNDARY_ORDER.min(max.trailing_zeros());
    let end = start + pages;
    let aligned = end - end % boundary;
    if aligned > start {
        aligned - start
    } else {
        pages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u32 = 32;

    fn window(start: u32, pages: u32, marked: u32) -> Window {
        Window {
            start,
            pages,
            marked: Some(marked),
        }
    }

    /// For marks that the open file's own state must explain.
    fn not_asked() -> Option<u32> {
        panic!("the state fits the mark")
    }

    #[test]
    fn first_windows_are_those_of_get_init_ra_size() {
        // 128 KiB of read-ahead are 32 pages.
        let windows = [1, 2, 4, 8, 9, 16, 32].map(|request| initial_window(request, MAX));
        assert_eq!(windows, [4, 4, 8, 16, 32, 32, 32]);
    }

    #[test]
    fn a_sequential_reader_gets_growing_windows_ahead_of_itself() {
        let mut state = ReadAhead::default();
        assert_eq!(state.on_miss(0, 1, MAX, 0), window(0, 4, 1));
        let mut next = |mark| state.on_mark(mark, 1, MAX, not_asked);
        assert_eq!(next(1), Some(window(4, 8, 4)));
        assert_eq!(next(4), Some(window(12, 16, 12)));
        assert_eq!(next(12), Some(window(28, 32, 28)));
        assert_eq!(next(28), Some(window(60, 32, 60)));
    }

    #[test]
    fn a_request_as_long_as_its_window_has_the_second_half_marked() {
        let mut state = ReadAhead::default();
        assert_eq!(state.on_miss(0, 32, MAX, 0), window(0, 32, 16));
        assert_eq!(state.on_miss(0, 100, MAX, 0), window(0, 32, 16));
    }

    #[test]
    fn a_mark_of_another_window_goes_on_behind_what_is_cached() {
        // Page 40 is marked, 41..48 are cached: eight pages, as if they were the last window.
        let mut state = ReadAhead::default();
        state.on_miss(0, 1, MAX, 0);
        let next = state.on_mark(40, 4, MAX, || Some(48));
        // 8 + 4 are doubled; 48 + 24 is a multiple of four.
        assert_eq!(next, Some(window(48, 24, 48)));
        assert_eq!(
            state.on_mark(48, 1, MAX, not_asked),
            Some(window(72, 32, 72))
        );
    }

    #[test]
    fn windows_ahead_of_need_end_on_a_multiple_of_four_pages() {
        let mut state = ReadAhead::default();
        let next = state.on_mark(41, 1, MAX, || Some(46));
        // 5 + 1 are doubled, 46 + 12 is cut to 56.
        assert_eq!(next, Some(window(46, 10, 46)));
        // Not if nothing would be left.
        assert_eq!(end_on_boundary(45, 2, MAX), 2);
        assert_eq!(end_on_boundary(45, 4, 6), 3);
    }

    #[test]
    fn a_mark_with_all_cached_behind_it_reads_nothing() {
        let mut state = ReadAhead::default();
        assert_eq!(state.on_mark(7, 1, MAX, || None), None);
    }

    #[test]
    fn a_lone_miss_inside_a_file_reads_just_what_is_wanted() {
        let mut state = ReadAhead::default();
        assert_eq!(state.on_miss(10, 3, MAX, 0), Window::plain(10, 3));
    }

    #[test]
    fn a_miss_where_the_previous_call_ended_or_just_behind_is_sequential() {
        let mut state = ReadAhead::default();
        let page = |page: u64| page * PAGE_BYTES;
        // Ended within page 9; at the end of page 9; elsewhere.
        for (end, index, sequential) in [
            (page(9) + 1, 9, true),
            (page(9) + 1, 10, true),
            (page(10), 10, true),
            (page(10), 9, false),
            (page(10), 12, false),
        ] {
            state.read_up_to(end);
            let miss = state.on_miss(index, 1, MAX, 0);
            assert_eq!(
                miss.marked.is_some(),
                sequential,
                "{end} bytes, page {index}"
            );
        }
    }

    #[test]
    fn a_trace_of_cached_pages_is_taken_for_a_stream() {
        let mut state = ReadAhead::default();
        assert_eq!(state.on_miss(10, 2, MAX, 5), window(10, 7, 16));
        // Cached from the file's start, the trace counts twice.
        assert_eq!(state.on_miss(5, 2, MAX, 5), window(5, 12, 16));
    }

    #[test]
    fn faults_are_read_around() {
        let mut state = ReadAhead::default();
        assert_eq!(state.on_fault(100, MAX), window(84, 32, 108));
        assert_eq!(
            state.on_mark(108, MAX, MAX, not_asked),
            Some(window(116, 32, 116))
        );
        assert_eq!(state.on_fault(5, MAX), window(0, 32, 24));
    }

    #[test]
    fn faults_that_miss_much_more_than_they_hit_are_not() {
        let mut state = ReadAhead::default();
        for _ in 0..LOTS_OF_MISSES {
            assert_eq!(state.on_fault(100, MAX).pages, MAX);
        }
        assert_eq!(state.on_fault(100, MAX), Window::plain(100, 1));
        (0..2).for_each(|_| state.on_fault_found());
        assert_eq!(state.on_fault(100, MAX).pages, MAX);
    }
}
