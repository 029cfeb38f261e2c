//! A file system to put on the emulated disk: an ext4 image in memory.
//!
//! The files are `obj/<directory>/<object>`, at most
//! [`OBJECTS_PER_DIRECTORY`] to a directory, so that a directory is one block
//! and looking up a name reads at most that block and one inode-table block.
//! Their content is a pattern without zeroes: `mke2fs` would turn zeroes into
//! holes, and a hole is never read from the disk.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;
use std::process::Command;
use std::{ptr, slice};

use super::error::{Attempting, EmulateError, check};

/// Size of a file system block (bytes); the page size too.
pub const BLOCK_BYTES: u64 = 4096;
/// How many objects share a directory. Their entries take 16 bytes each, so
/// 128 of them fit a 4 KiB directory block.
pub const OBJECTS_PER_DIRECTORY: u32 = 128;
/// ext4's own inodes (ten reserved ones, lost+found), the root's and `obj`'s,
/// and a few to spare; our choice.
const EXTRA_INODES: u64 = 32;
/// Size of an inode as `mke2fs` makes it by default (bytes).
const INODE_BYTES: u64 = 256;
/// Free share of the image: block groups need bitmaps and descriptors. Our
/// choice; the free blocks are holes of the memory file and cost nothing.
const SLACK_BLOCKS: u64 = 1024;
/// The source tree and the image are built in memory, never on a disk.
const MEMORY_FILE_SYSTEM: &str = "/dev/shm";

/// Where an object is, relative to the mount point: `obj/01/000200` for 200.
pub fn path_of(object: u32) -> String {
    format!("obj/{:02}/{object:06}", object / OBJECTS_PER_DIRECTORY)
}

/// The 64-bit little-endian word that fills block `block` of `object`. Never
/// zero, and different for every block of every object.
pub fn content_word(object: u32, block: u32) -> u64 {
    1 << 63 | u64::from(object) << 31 | u64::from(block)
}

/// An ext4 file system in memory, ready to be served by the emulated disk.
#[derive(Debug)]
pub struct Image {
    start: *const u8,
    bytes: usize,
    sizes_bytes: Vec<u64>,
}

// SAFETY: the mapping belongs to this value alone and is never written to.
unsafe impl Send for Image {}
// SAFETY: as above; reading it from several threads is fine.
unsafe impl Sync for Image {}

impl Image {
    /// Builds a file system in which object `i` has `sizes_bytes[i]` bytes.
    /// For a moment this takes twice the memory of the objects.
    ///
    /// # Errors
    /// If `mke2fs` is missing or fails, or the memory does not suffice.
    pub fn build(sizes_bytes: &[u64]) -> Result<Self, EmulateError> {
        let tree = tempfile::tempdir_in(MEMORY_FILE_SYSTEM)
            .attempting(|| format!("make a folder in {MEMORY_FILE_SYSTEM}"))?;
        for (object, &size) in sizes_bytes.iter().enumerate() {
            write_object(tree.path(), object as u32, size)
                .attempting(|| format!("write {} of the image", path_of(object as u32)))?;
        }
        let memory = memory_file(image_blocks(sizes_bytes) * BLOCK_BYTES)
            .attempting(|| "allocate the image".into())?;
        make_file_system(&memory, tree.path(), inodes(sizes_bytes))?;
        Self::map(&memory, sizes_bytes.to_vec()).attempting(|| "map the image".into())
    }

    fn map(memory: &File, sizes_bytes: Vec<u64>) -> io::Result<Self> {
        let bytes = memory.metadata()?.len() as usize;
        // SAFETY: a new shared read-only mapping of a file that nothing else
        // can write to once `mke2fs` is done. Populated, so that serving a
        // request never faults.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                memory.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            start: start.cast(),
            bytes,
            sizes_bytes,
        })
    }

    /// The whole file system.
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: the mapping is `bytes` long and lives as long as `self`.
        unsafe { slice::from_raw_parts(self.start, self.bytes) }
    }

    /// The sizes of the objects (bytes), by object number.
    pub fn sizes_bytes(&self) -> &[u64] {
        &self.sizes_bytes
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: the mapping made by `map`, of which no reference is left.
        unsafe { libc::munmap(self.start.cast_mut().cast(), self.bytes) };
    }
}

fn directories(objects: usize) -> u64 {
    (objects as u64).div_ceil(OBJECTS_PER_DIRECTORY.into())
}

fn inodes(sizes_bytes: &[u64]) -> u64 {
    sizes_bytes.len() as u64 + directories(sizes_bytes.len()) + EXTRA_INODES
}

fn image_blocks(sizes_bytes: &[u64]) -> u64 {
    let data: u64 = sizes_bytes.iter().map(|s| s.div_ceil(BLOCK_BYTES)).sum();
    let metadata =
        directories(sizes_bytes.len()) + (inodes(sizes_bytes) * INODE_BYTES).div_ceil(BLOCK_BYTES);
    let used = data + metadata;
    used + used / 64 + SLACK_BLOCKS
}

fn write_object(tree: &Path, object: u32, size_bytes: u64) -> io::Result<()> {
    let path = tree.join(path_of(object));
    if object.is_multiple_of(OBJECTS_PER_DIRECTORY) {
        fs::create_dir_all(path.parent().unwrap_or(tree))?;
    }
    let mut file = io::BufWriter::with_capacity(64 << 10, File::create(path)?);
    let mut left = size_bytes;
    for block in 0.. {
        if left == 0 {
            break;
        }
        let length = left.min(BLOCK_BYTES);
        file.write_all(&block_content(object, block)[..length as usize])?;
        left -= length;
    }
    file.flush()
}

fn block_content(object: u32, block: u32) -> [u8; BLOCK_BYTES as usize] {
    let word = content_word(object, block).to_le_bytes();
    std::array::from_fn(|i| word[i % word.len()])
}

fn memory_file(bytes: u64) -> io::Result<File> {
    // SAFETY: the name is a valid C string; the descriptor returned is new and
    // owned by nobody else.
    let file = unsafe {
        let fd = check(libc::memfd_create(
            c"laiosim-image".as_ptr(),
            libc::MFD_CLOEXEC,
        ))?;
        File::from_raw_fd(fd)
    };
    file.set_len(bytes)?;
    Ok(file)
}

/// No journal, no checksums and no reserved blocks: on a read-only mount they
/// would only add reads that a model of the file system would have to explain.
fn make_file_system(memory: &File, tree: &Path, inodes: u64) -> Result<(), EmulateError> {
    let device = format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd());
    let output = Command::new("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0"])
        .args(["-I", &INODE_BYTES.to_string(), "-N", &inodes.to_string()])
        .args(["-O", "^has_journal,^metadata_csum,^resize_inode"])
        .args(["-E", "lazy_itable_init=0,nodiscard,root_owner=0:0", "-d"])
        .arg(tree)
        .arg(device)
        .output()
        .map_err(missing_mke2fs)?;
    if !output.status.success() {
        return Err(EmulateError::Program {
            program: "mke2fs",
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).trim().into(),
        });
    }
    Ok(())
}

/// The error for a machine without `mke2fs`.
pub(crate) fn missing_mke2fs(source: io::Error) -> EmulateError {
    EmulateError::Missing {
        what: "mke2fs",
        remedy: "install e2fsprogs 1.43 or newer",
        source,
    }
}
