//! Where a mounted image's objects are on the emulated disk.
//!
//! The simulator is fed with the real placement, so that both worlds seek the
//! same distances. Extents come from the mounted file system (FIEMAP), inode
//! blocks from the image's superblock and group descriptors (the numbers in
//! the kernel's `Documentation/filesystems/ext4`).
//!
//! Left out: the tree block that a file with more than four extents has
//! besides its inode. `mke2fs` lays files out contiguously, so that only one
//! that straddles metadata of several block groups could have it.

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::error::{Attempting, EmulateError, check};
use super::ext4::InodeTables;
use super::image::{BLOCK_BYTES, Image, OBJECTS_PER_DIRECTORY, path_of};

/// `_IOWR('f', 11, struct fiemap)` of linux/fs.h.
const FS_IOC_FIEMAP: libc::c_ulong = 0xC020_660B;
/// linux/fiemap.h: no extent follows this one.
const FIEMAP_EXTENT_LAST: u32 = 1;
/// Extents asked for at a time; more are asked for again. Our choice.
const EXTENTS_PER_CALL: usize = 32;

/// The placement of a whole image, in 4 KiB blocks of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// By object number.
    pub files: Vec<FileLayout>,
    /// By directory number.
    pub directories: Vec<DirectoryLayout>,
    /// What a path passes through before the directory: the root and `obj`.
    /// Read once after mounting or dropping caches, then always in use.
    pub ancestors: Vec<DirectoryLayout>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLayout {
    /// Its data in the order of the file: first block, number of blocks.
    pub extents: Vec<(u64, u64)>,
    /// The inode-table block that has to be read before the file can be opened.
    pub inode_block: u64,
    /// Its directory: an index into [`Layout::directories`].
    pub directory: u32,
}

/// One directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryLayout {
    /// The inode-table block of the directory itself.
    pub inode_block: u64,
    /// The blocks with its entries.
    pub blocks: Vec<u64>,
}

impl Layout {
    /// Reads the layout of `image`, mounted at `mount`. This opens every
    /// object, so it reads all metadata from the disk: use the fast mode.
    ///
    /// # Errors
    /// If the image is not mounted there or the file system does not support
    /// FIEMAP.
    pub fn read(mount: &Path, image: &Image) -> Result<Self, EmulateError> {
        let tables = InodeTables::parse(image.as_bytes())?;
        let objects = image.sizes_bytes().len() as u32;
        let files = (0..objects)
            .map(|object| {
                let (extents, inode_block) = locate(&mount.join(path_of(object)), &tables)?;
                Ok(FileLayout {
                    extents,
                    inode_block,
                    directory: object / OBJECTS_PER_DIRECTORY,
                })
            })
            .collect::<Result<_, EmulateError>>()?;
        let directories = (0..objects)
            .step_by(OBJECTS_PER_DIRECTORY as usize)
            .map(|first| {
                let path = mount.join(path_of(first));
                directory(path.parent().unwrap_or(mount), &tables)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            files,
            directories,
            ancestors: vec![
                directory(mount, &tables)?,
                directory(&mount.join("obj"), &tables)?,
            ],
        })
    }
}

fn directory(path: &Path, tables: &InodeTables) -> Result<DirectoryLayout, EmulateError> {
    let (extents, inode_block) = locate(path, tables)?;
    Ok(DirectoryLayout {
        inode_block,
        blocks: extents.into_iter().flat_map(|(b, n)| b..b + n).collect(),
    })
}

/// The extents of a file or directory, and its inode-table block.
fn locate(path: &Path, tables: &InodeTables) -> Result<(Vec<(u64, u64)>, u64), EmulateError> {
    let action = || format!("find where {} is on the disk", path.display());
    let file = File::open(path).attempting(action)?;
    let inode = file.metadata().attempting(action)?.ino();
    let extents = extents(&file).attempting(action)?;
    Ok((extents, tables.block_of(inode)?))
}

/// `struct fiemap_extent` of linux/fiemap.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct FiemapExtent {
    logical: u64,
    physical: u64,
    length: u64,
    reserved64: [u64; 2],
    flags: u32,
    reserved: [u32; 3],
}

/// `struct fiemap` of linux/fiemap.h, with room for some extents.
#[repr(C)]
struct Fiemap {
    start: u64,
    length: u64,
    flags: u32,
    mapped_extents: u32,
    extent_count: u32,
    reserved: u32,
    extents: [FiemapExtent; EXTENTS_PER_CALL],
}

fn extents(file: &File) -> io::Result<Vec<(u64, u64)>> {
    let mut found = Vec::new();
    let mut start_bytes = 0;
    loop {
        let map = fiemap(file, start_bytes)?;
        let mapped = &map.extents[..map.mapped_extents as usize];
        found.extend(
            mapped
                .iter()
                .map(|e| (e.physical / BLOCK_BYTES, e.length.div_ceil(BLOCK_BYTES))),
        );
        match mapped.last() {
            Some(last) if last.flags & FIEMAP_EXTENT_LAST == 0 => {
                start_bytes = last.logical + last.length;
            }
            _ => return Ok(found),
        }
    }
}

fn fiemap(file: &File, start_bytes: u64) -> io::Result<Fiemap> {
    // SAFETY: plain integers, for which all zeroes is valid.
    let mut map: Fiemap = unsafe { mem::zeroed() };
    map.start = start_bytes;
    map.length = u64::MAX - start_bytes;
    map.extent_count = EXTENTS_PER_CALL as u32;
    // SAFETY: `map` is a fiemap with room for the `extent_count` extents that
    // it announces.
    check(unsafe { libc::ioctl(file.as_raw_fd(), FS_IOC_FIEMAP, &mut map) })?;
    Ok(map)
}
