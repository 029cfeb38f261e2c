//! Read-ahead of one open file, as Linux decides it on demand.
//!
//! Source: mm/readahead.c of Linux 6.18, `page_cache_sync_ra`, `page_cache_async_ra`,
//! `get_init_ra_size`, `get_next_ra_size`; order-0 folios.

/// The pages to read: `start..start + pages`, and which of them, once touched, triggers the next
/// window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First page, counted in the file.
    pub start: u32,
    /// How many pages, not yet clipped to the file's end.
    pub pages: u32,
}

/// The read-ahead state of one open file.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadAhead {
    start: u32,
    pages: u32,
    trailing: u32,
    /// The page marked to trigger the next window, if it has not been touched yet.
    marked: Option<u32>,
    /// The last page read by the previous call, plus one.
    next_expected: Option<u32>,
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
        // io_pages is taken as equal to the read-ahead: a larger request is cut to it.
        let sequential = self
            .next_expected
            .is_some_and(|next| index == next || index + 1 == next);
        if max == 0 {
            return Window {
                start: index,
                pages: request,
            };
        }
        if index == 0 || request > max || sequential {
            self.start = index;
            self.pages = initial_window(request, max);
            self.trailing = match self.pages.checked_sub(request) {
                Some(ahead) if ahead > 0 => ahead,
                _ => self.pages / 2,
            };
        } else if cached_before <= request {
            return Window {
                start: index,
                pages: request,
            };
        } else {
            let history = if cached_before == index {
                cached_before * 2
            } else {
                cached_before
            };
            self.start = index;
            self.pages = (history + request).min(max);
            self.trailing = 1;
        }
        self.mark();
        Window {
            start: self.start,
            pages: self.pages,
        }
    }

    /// The next window, if touching the cached page `index` triggers one.
    pub fn on_hit(&mut self, index: u32, max: u32) -> Option<Window> {
        if self.marked != Some(index) {
            return None;
        }
        self.start += self.pages;
        self.pages = next_window(self.pages, max);
        self.trailing = self.pages;
        self.mark();
        Some(Window {
            start: self.start,
            pages: self.pages,
        })
    }

    /// A call has read up to page `end` (not included).
    pub fn read_up_to(&mut self, end: u32) {
        self.next_expected = Some(end);
    }

    fn mark(&mut self) {
        self.marked = Some(self.start + self.pages - self.trailing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_windows_are_those_of_get_init_ra_size() {
        // 128 KiB of read-ahead are 32 pages.
        let windows = [1, 2, 4, 8, 9, 16, 32].map(|request| initial_window(request, 32));
        assert_eq!(windows, [4, 4, 8, 16, 32, 32, 32]);
    }

    #[test]
    fn a_sequential_reader_gets_growing_windows_ahead_of_itself() {
        let mut state = ReadAhead::default();
        let first = state.on_miss(0, 1, 32, 0);
        assert_eq!(first, Window { start: 0, pages: 4 });
        assert_eq!(state.on_hit(0, 32), None);
        let second = state.on_hit(1, 32).expect("the marked page triggers");
        assert_eq!(second, Window { start: 4, pages: 8 });
        let third = state.on_hit(4, 32).expect("the next mark triggers");
        assert_eq!((third.start, third.pages), (12, 16));
    }

    #[test]
    fn a_lone_miss_inside_a_file_reads_just_what_is_wanted() {
        let mut state = ReadAhead::default();
        let window = state.on_miss(10, 3, 32, 0);
        assert_eq!((window.start, window.pages), (10, 3));
    }

    #[test]
    fn a_trace_of_cached_pages_is_taken_for_a_stream() {
        let mut state = ReadAhead::default();
        let window = state.on_miss(10, 2, 32, 5);
        assert_eq!((window.start, window.pages), (10, 7));
    }
}
