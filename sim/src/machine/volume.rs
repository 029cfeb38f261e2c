//! Several disks as one range of blocks.

/// Which disk holds which block of the file system: one disk after the other, or in stripes over
/// all of them (RAID 0).
#[derive(Clone, Copy, Debug)]
pub struct Volume {
    disks: u32,
    blocks_per_disk: u32,
    stripe_blocks: Option<u32>,
}

impl Volume {
    /// A volume of `blocks` blocks over `disks` disks, striped in units of `stripe_blocks`.
    ///
    /// # Panics
    /// If there is no disk, or a stripe has no block.
    pub fn new(disks: u32, blocks: u32, stripe_blocks: Option<u32>) -> Self {
        assert!(disks > 0 && stripe_blocks != Some(0));
        let unit = stripe_blocks.unwrap_or(1);
        Self {
            disks,
            blocks_per_disk: blocks.div_ceil(disks).div_ceil(unit).max(1) * unit,
            stripe_blocks,
        }
    }

    /// Blocks that each disk must have.
    pub fn blocks_per_disk(&self) -> u32 {
        self.blocks_per_disk
    }

    /// Number of disks.
    pub fn disks(&self) -> u32 {
        self.disks
    }

    /// The disk of a block, and the block's number there.
    pub fn locate(&self, block: u32) -> (u32, u32) {
        if self.disks == 1 {
            return (0, block);
        }
        match self.stripe_blocks {
            None => (block / self.blocks_per_disk, block % self.blocks_per_disk),
            Some(unit) => {
                let stripe = block / unit;
                let on_disk = stripe / self.disks * unit + block % unit;
                (stripe % self.disks, on_disk)
            }
        }
    }

    /// Whether one request can read `block` together with the block before it.
    pub fn continues(&self, block: u32) -> bool {
        let ((disk, at), (before_disk, before)) = (self.locate(block), self.locate(block - 1));
        disk == before_disk && at == before + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_a_place_of_its_own_within_its_disk() {
        for stripe in [None, Some(1), Some(16)] {
            let volume = Volume::new(3, 1000, stripe);
            let mut places: Vec<_> = (0..1000).map(|block| volume.locate(block)).collect();
            assert!(
                places
                    .iter()
                    .all(|&(disk, at)| disk < 3 && at < volume.blocks_per_disk())
            );
            places.sort_unstable();
            places.dedup();
            assert_eq!(places.len(), 1000);
        }
    }

    #[test]
    fn a_stripe_ends_a_request_and_only_that_does() {
        let volume = Volume::new(2, 1000, Some(16));
        let breaks: Vec<u32> = (1..64).filter(|&block| !volume.continues(block)).collect();
        assert_eq!(breaks, [16, 32, 48]);
        let volume = Volume::new(2, 1000, None);
        let breaks: Vec<u32> = (1..1000)
            .filter(|&block| !volume.continues(block))
            .collect();
        assert_eq!(breaks, [500]);
    }
}
