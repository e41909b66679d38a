//! The size of a block.

use core::fmt;

use crate::units::{SECTOR_SHIFT, Sector, SectorCount};

/// The size of a block of data or of the tree: a power of two from 512 bytes to 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockSize(u32);

impl BlockSize {
    /// What veritysetup takes unless it is told: 4 KiB.
    pub const USUAL: BlockSize = BlockSize(12);

    /// A block of `bytes`, if there may be such.
    pub const fn new(bytes: u32) -> Option<BlockSize> {
        match bytes {
            512..=0x1_0000 if bytes.is_power_of_two() => Some(BlockSize(bytes.trailing_zeros())),
            _ => None,
        }
    }

    /// Its bytes.
    pub const fn bytes(self) -> usize {
        1 << self.0
    }

    /// log2 of its bytes.
    pub const fn shift(self) -> u32 {
        self.0
    }

    /// Its sectors.
    pub const fn sectors(self) -> SectorCount {
        SectorCount(1 << (self.0 - SECTOR_SHIFT))
    }

    /// Where block `block` starts, if that is within 64 bits of bytes.
    pub const fn sector_of(self, block: u64) -> Option<Sector> {
        match self.offset_of(block) {
            Some(bytes) => Some(Sector(bytes >> SECTOR_SHIFT)),
            None => None,
        }
    }

    /// Where block `block` starts in bytes, if that is within 64 bits.
    pub const fn offset_of(self, block: u64) -> Option<u64> {
        block.checked_mul(1 << self.0)
    }
}

impl fmt::Display for BlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}
