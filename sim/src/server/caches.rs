//! What a server process keeps between requests: names with their headers, and open or mapped
//! files. Flash's caches (USENIX ATC 1999): path name translations, response headers, mapped files.
//!
//! Least recently used first out. Leaves out: that a kept open file pins its inode in the kernel,
//! and the search time of the caches themselves, which is part of the profile's `call.parse`.

use lru::LruCache;

/// What a server knows of an object without asking the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// Its name's translation and its header.
    Name,
    /// Its file is open.
    File {
        /// Its size in bytes.
        size: u64,
    },
}

/// The caches of one server process.
#[derive(Debug)]
pub struct Caches {
    /// Kept names.
    names: LruCache<u32, ()>,
    names_at_most: usize,
    /// Kept open files with their sizes.
    files: LruCache<u32, u64>,
    file_bytes: u64,
    file_bytes_at_most: u64,
}

impl Caches {
    /// Caches for so many names, and for open files of so many bytes together.
    pub fn new(names: u32, file_bytes: u64) -> Self {
        Self {
            names: LruCache::unbounded(),
            names_at_most: names as usize,
            files: LruCache::unbounded(),
            file_bytes: 0,
            file_bytes_at_most: file_bytes,
        }
    }

    /// Caches that keep nothing.
    pub fn none() -> Self {
        Self::new(0, 0)
    }

    /// What is known of `object`; makes it the most recently used.
    pub fn look_up(&mut self, object: u32) -> Known {
        if let Some(&size) = self.files.get(&object) {
            return Known::File { size };
        }
        match self.names.get(&object) {
            Some(()) => Known::Name,
            None => Known::Nothing,
        }
    }

    /// Keeps a name.
    pub fn keep_name(&mut self, object: u32) {
        if self.names_at_most == 0 {
            return;
        }
        self.names.put(object, ());
        if self.names.len() > self.names_at_most {
            self.names.pop_lru();
        }
    }

    /// Keeps an open file of `size` bytes if it can. Returns how many files are to be closed now:
    /// this one if it cannot be kept or is kept already, and those that give way to it.
    pub fn keep_file(&mut self, object: u32, size: u64) -> u32 {
        if size > self.file_bytes_at_most || self.file_bytes_at_most == 0 {
            return 1;
        }
        if self.files.put(object, size).is_some() {
            return 1;
        }
        self.file_bytes += size;
        let mut closed = 0;
        while self.file_bytes > self.file_bytes_at_most {
            let (_, size) = self.files.pop_lru().expect("they have bytes");
            self.file_bytes -= size;
            closed += 1;
        }
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_files_give_way_by_size() {
        let mut caches = Caches::new(0, 100);
        assert_eq!(caches.keep_file(1, 40), 0);
        assert_eq!(caches.keep_file(2, 40), 0);
        assert_eq!(caches.look_up(1), Known::File { size: 40 });
        assert_eq!(caches.keep_file(3, 60), 1);
        assert_eq!(caches.look_up(2), Known::Nothing);
        assert_eq!(caches.look_up(1), Known::File { size: 40 });
        assert_eq!(caches.keep_file(4, 100), 2);
    }

    #[test]
    fn a_file_opened_twice_at_once_is_kept_once() {
        let mut caches = Caches::new(0, 100);
        assert_eq!(caches.keep_file(1, 40), 0);
        assert_eq!(caches.keep_file(1, 40), 1);
        assert_eq!(caches.file_bytes, 40);
    }

    #[test]
    fn names_are_bounded_in_number() {
        let mut caches = Caches::new(2, 0);
        (0..3).for_each(|object| caches.keep_name(object));
        let known = [0, 1, 2].map(|object| caches.look_up(object));
        assert_eq!(known, [Known::Nothing, Known::Name, Known::Name]);
    }
}
