//! The little of ext4's on-disk format that tells where an inode is.
//!
//! Offsets from the kernel's `Documentation/filesystems/ext4/super.rst` and
//! `group_descr.rst`.

use super::error::EmulateError;
use super::image::BLOCK_BYTES;

const SUPERBLOCK_BYTES: usize = 1024;
const MAGIC: u16 = 0xEF53;
/// Descriptors spread over the groups: `mke2fs` does that only on request.
const INCOMPAT_META_BG: u32 = 0x10;
/// Descriptors longer than 32 bytes, with the upper halves of block numbers.
const INCOMPAT_64BIT: u32 = 0x80;

/// Where each group's inodes are.
#[derive(Debug)]
pub(super) struct InodeTables {
    inodes_per_group: u64,
    inode_bytes: u64,
    /// First block of the inode table, by group.
    tables: Vec<u64>,
}

impl InodeTables {
    pub(super) fn parse(image: &[u8]) -> Result<Self, EmulateError> {
        let at = |offset: usize| SUPERBLOCK_BYTES + offset;
        let magic = u16_at(image, at(0x38))?;
        let block_bytes = 1024 << u32_at(image, at(0x18))?;
        let incompatible = u32_at(image, at(0x60))?;
        if magic != MAGIC || block_bytes != BLOCK_BYTES || incompatible & INCOMPAT_META_BG != 0 {
            return Err(unexpected(format!(
                "magic {magic:#x}, block size {block_bytes}, incompatible features {incompatible:#x}"
            )));
        }
        let blocks = u64::from(u32_at(image, at(0x4))?);
        let groups = blocks.div_ceil(u32_at(image, at(0x20))?.max(1).into());
        let wide = incompatible & INCOMPAT_64BIT != 0;
        let descriptor_bytes = match wide {
            true => u16_at(image, at(0xFE))?.into(),
            false => 32,
        };
        Ok(Self {
            inodes_per_group: u32_at(image, at(0x28))?.max(1).into(),
            inode_bytes: u16_at(image, at(0x58))?.into(),
            tables: (0..groups as usize)
                .map(|group| table(image, BLOCK_BYTES as usize + group * descriptor_bytes, wide))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The block that holds `inode`.
    pub(super) fn block_of(&self, inode: u64) -> Result<u64, EmulateError> {
        let index = inode
            .checked_sub(1)
            .ok_or_else(|| unexpected("inode 0".into()))?;
        let group = (index / self.inodes_per_group) as usize;
        let table = self
            .tables
            .get(group)
            .ok_or_else(|| unexpected(format!("inode {inode} in group {group}")))?;
        Ok(table + index % self.inodes_per_group * self.inode_bytes / BLOCK_BYTES)
    }
}

/// The inode table's first block, from the group descriptor at `offset`.
fn table(image: &[u8], offset: usize, wide: bool) -> Result<u64, EmulateError> {
    let high = if wide {
        u32_at(image, offset + 0x28)?
    } else {
        0
    };
    Ok(u64::from(high) << 32 | u64::from(u32_at(image, offset + 0x8)?))
}

fn u16_at(image: &[u8], offset: usize) -> Result<u16, EmulateError> {
    bytes_at(image, offset).map(u16::from_le_bytes)
}

fn u32_at(image: &[u8], offset: usize) -> Result<u32, EmulateError> {
    bytes_at(image, offset).map(u32::from_le_bytes)
}

fn bytes_at<const N: usize>(image: &[u8], offset: usize) -> Result<[u8; N], EmulateError> {
    image
        .get(offset..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or_else(|| unexpected(format!("image ends before byte {offset}")))
}

fn unexpected(detail: String) -> EmulateError {
    EmulateError::UnexpectedExt4 { detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A superblock and descriptors as small as the parser can take: two
    /// groups of 32 inodes, 16 to a block.
    fn image(features: u32) -> Vec<u8> {
        let mut image = vec![0; 2 * BLOCK_BYTES as usize];
        let mut put = |offset: usize, bytes: &[u8]| {
            image[offset..offset + bytes.len()].copy_from_slice(bytes);
        };
        put(1024 + 0x38, &MAGIC.to_le_bytes());
        put(1024 + 0x18, &2u32.to_le_bytes());
        put(1024 + 0x60, &features.to_le_bytes());
        put(1024 + 0x4, &40_000u32.to_le_bytes());
        put(1024 + 0x20, &32_768u32.to_le_bytes());
        put(1024 + 0x28, &32u32.to_le_bytes());
        put(1024 + 0x58, &256u16.to_le_bytes());
        put(1024 + 0xFE, &64u16.to_le_bytes());
        put(4096 + 0x8, &34u32.to_le_bytes());
        put(4096 + 64 + 0x8, &500u32.to_le_bytes());
        put(4096 + 64 + 0x28, &1u32.to_le_bytes());
        image
    }

    #[test]
    fn inodes_are_counted_from_one_through_the_groups() {
        let tables = InodeTables::parse(&image(INCOMPAT_64BIT)).expect("valid");
        let block = |inode| tables.block_of(inode).expect("in a group");
        assert_eq!(
            (block(1), block(16), block(17), block(32)),
            (34, 34, 35, 35)
        );
        assert_eq!(block(33), (1 << 32) + 500);
        assert!(tables.block_of(65).is_err());
        assert!(tables.block_of(0).is_err());
    }

    #[test]
    fn other_layouts_are_refused() {
        assert!(InodeTables::parse(&image(INCOMPAT_META_BG)).is_err());
        assert!(InodeTables::parse(&[0; 100]).is_err());
    }
}
