//! Files as pages on disk blocks, with the directory and inode blocks that name them.
//!
//! The synthetic placement is modelled on ext4's: directories are spread over the span, a
//! directory's inode blocks stand before its files, and its files follow each other with gaps, in
//! an order of their own. Which directory lies where, and in what order its files lie, differs
//! from replication to replication. A real placement read from a file system can be given instead.
//!
//! Leaves out: fragmented files in the synthetic placement, and journals.

use std::sync::Arc;

use super::PAGE_BYTES;
use super::cache::NO_OWNER;
use crate::engine::random::{Stream, shuffle, uniform_below};

/// Files per directory, in the synthetic placement and in the images of `validate`. Ours.
pub const FILES_PER_DIRECTORY: u32 = 128;

/// Inodes in a 4 KiB block: ext4's default inode of 256 bytes.
const INODES_PER_BLOCK: u32 = 16;

/// Disk addresses of one file or directory, in 4 KiB blocks.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// Block of each page, in file order.
    pub blocks: Vec<u32>,
    /// Block of its inode.
    pub inode_block: u32,
}

/// Where everything lies.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// By object.
    pub files: Vec<Placed>,
    /// By directory; object `i` is in directory `i / FILES_PER_DIRECTORY`. A directory's pages
    /// are its entries.
    pub directories: Vec<Placed>,
    /// Blocks of the file system.
    pub span_blocks: u32,
}

/// Files, directories and their metadata blocks as dense page numbers.
pub struct Files {
    sizes: Vec<u64>,
    /// First page of each file; one more at the end.
    first_page: Vec<u32>,
    /// Disk block of each page.
    blocks: Vec<u32>,
    /// Owning name of each page: files first, then directories. The cache shares it.
    owners: Arc<[u32]>,
    inode_page: Vec<u32>,
    directory_page: Vec<u32>,
}

impl Files {
    /// Lays `sizes` out as `placement` says.
    ///
    /// # Panics
    /// If the placement has fewer blocks for a file than its size needs.
    pub fn new(sizes: &[u64], placement: &Placement) -> Self {
        let mut files = Self {
            sizes: sizes.to_vec(),
            first_page: Vec::with_capacity(sizes.len() + 1),
            blocks: Vec::new(),
            owners: Arc::default(),
            inode_page: Vec::new(),
            directory_page: Vec::new(),
        };
        let mut owners = Vec::new();
        for (object, &size) in sizes.iter().enumerate() {
            let pages = size.div_ceil(PAGE_BYTES) as usize;
            files.first_page.push(files.blocks.len() as u32);
            files
                .blocks
                .extend_from_slice(&placement.files[object].blocks[..pages]);
            owners.resize(files.blocks.len(), object as u32);
        }
        files.first_page.push(files.blocks.len() as u32);
        files.add_metadata(placement);
        files.blocks.shrink_to_fit();
        owners.resize(files.blocks.len(), NO_OWNER);
        files.owners = owners.into();
        files
    }

    fn add_metadata(&mut self, placement: &Placement) {
        let mut known = std::collections::BTreeMap::new();
        let names = placement.files.iter().chain(&placement.directories);
        for name in names {
            let page = *known.entry(name.inode_block).or_insert_with(|| {
                self.blocks.push(name.inode_block);
                self.blocks.len() as u32 - 1
            });
            self.inode_page.push(page);
        }
        for directory in &placement.directories {
            self.directory_page.push(self.blocks.len() as u32);
            self.blocks.push(directory.blocks[0]);
        }
    }

    /// Number of files.
    pub fn len(&self) -> u32 {
        self.sizes.len() as u32
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// Number of pages of files, which come before those of metadata.
    pub fn data_pages(&self) -> u32 {
        self.first_page[self.sizes.len()]
    }

    /// Number of names: files and directories.
    pub fn names(&self) -> u32 {
        self.inode_page.len() as u32
    }

    /// The owning name of each page, to be shared with the cache.
    pub fn owners(&self) -> &Arc<[u32]> {
        &self.owners
    }

    /// Size of an object in bytes.
    pub fn size(&self, object: u32) -> u64 {
        self.sizes[object as usize]
    }

    /// Pages of an object: first, and one past the last.
    pub fn pages(&self, object: u32) -> (u32, u32) {
        let index = object as usize;
        (self.first_page[index], self.first_page[index + 1])
    }

    /// Disk block of a page.
    pub fn block(&self, page: u32) -> u32 {
        self.blocks[page as usize]
    }

    /// The page that holds the inode of the `name`-th name.
    pub fn inode_page(&self, name: u32) -> u32 {
        self.inode_page[name as usize]
    }

    /// The name of the directory that holds an object.
    pub fn directory_of(&self, object: u32) -> u32 {
        self.len() + object / FILES_PER_DIRECTORY
    }

    /// The page that holds the entries of the directory of an object.
    pub fn directory_page(&self, object: u32) -> u32 {
        self.directory_page[(object / FILES_PER_DIRECTORY) as usize]
    }
}

/// Blocks that [`spread`] needs at least for files of these sizes.
pub fn least_span_blocks(sizes: &[u64]) -> u64 {
    let data: u64 = sizes.iter().map(|size| size.div_ceil(PAGE_BYTES)).sum();
    let directories = sizes.len().div_ceil(FILES_PER_DIRECTORY as usize) as u64;
    data + directories * metadata_blocks()
}

fn metadata_blocks() -> u64 {
    // The directory's own entries, its inode's block, its files' inodes.
    2 + u64::from(FILES_PER_DIRECTORY / INODES_PER_BLOCK)
}

/// A synthetic placement over `span_blocks` blocks; see the module's page.
///
/// # Panics
/// If the span is less than [`least_span_blocks`].
pub fn spread(sizes: &[u64], span_blocks: u64, rng: &mut Stream) -> Placement {
    let directories = sizes.len().div_ceil(FILES_PER_DIRECTORY as usize);
    let spare = span_blocks
        .checked_sub(least_span_blocks(sizes))
        .expect("the span holds the files");
    let mut gaps = Gaps {
        spare,
        left: sizes.len() as u64,
    };
    let mut placement = Placement {
        files: vec![Placed::default(); sizes.len()],
        directories: vec![Placed::default(); directories],
        span_blocks: span_blocks as u32,
    };
    let mut next = 0_u64;
    for directory in shuffled(0..directories as u32, rng) {
        let placed = &mut placement.directories[directory as usize];
        placed.inode_block = next as u32;
        placed.blocks = vec![next as u32 + 1];
        let first = directory * FILES_PER_DIRECTORY;
        let last = (first + FILES_PER_DIRECTORY).min(sizes.len() as u32);
        let inodes = next as u32 + 2;
        next += metadata_blocks();
        for object in shuffled(first..last, rng) {
            next += gaps.next(rng);
            let pages = sizes[object as usize].div_ceil(PAGE_BYTES);
            let placed = &mut placement.files[object as usize];
            placed.blocks = (next..next + pages).map(|block| block as u32).collect();
            placed.inode_block = inodes + (object - first) / INODES_PER_BLOCK;
            next += pages;
        }
    }
    placement
}

/// Spare blocks dealt out before each file.
struct Gaps {
    spare: u64,
    left: u64,
}

impl Gaps {
    /// Uniform between nothing and twice the fair share, so that the spare blocks last.
    fn next(&mut self, rng: &mut Stream) -> u64 {
        let fair = self.spare / self.left;
        let gap = uniform_below(rng, 2 * fair + 1).min(self.spare);
        self.spare -= gap;
        self.left -= 1;
        gap
    }
}

fn shuffled(range: std::ops::Range<u32>, rng: &mut Stream) -> Vec<u32> {
    let mut items: Vec<u32> = range.collect();
    shuffle(rng, &mut items);
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::stream;

    #[test]
    fn no_block_is_used_twice_and_all_lie_within_the_span() {
        let sizes: Vec<u64> = (0..1000_u64).map(|i| i * 37 % 20_000).collect();
        let span = least_span_blocks(&sizes) + 5000;
        let placement = spread(&sizes, span, &mut stream(1, "placement", 0, 0));
        let mut used: Vec<u32> = placement
            .files
            .iter()
            .flat_map(|f| f.blocks.clone())
            .collect();
        used.extend(
            placement
                .directories
                .iter()
                .flat_map(|d| [d.blocks[0], d.inode_block]),
        );
        let mut inode_blocks: Vec<u32> = placement.files.iter().map(|f| f.inode_block).collect();
        inode_blocks.sort_unstable();
        inode_blocks.dedup();
        used.extend(inode_blocks);
        let count = used.len();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), count);
        assert!(u64::from(*used.last().expect("files were placed")) < span);
    }

    #[test]
    fn placement_differs_with_the_stream() {
        let sizes = vec![4096; 300];
        let place = |seed| spread(&sizes, 2000, &mut stream(seed, "placement", 0, 0));
        assert_ne!(place(1).files[0].blocks, place(2).files[0].blocks);
    }
}
