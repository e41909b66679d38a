//! Bits for runs of blocks: where tags may be wrong.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::layout::Layout;

/// Bytes of a bitmap that are written as one.
pub const BITMAP_BLOCK: usize = 4096;

/// Sectors of a bit, if nobody says otherwise.
const SECTORS_OF_A_BIT: u64 = 32768;

/// A bit for each run of blocks, as it lies where the journal would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    bytes: Vec<u8>,
    /// log2 of the sectors of a bit.
    shift: u32,
}

impl Bitmap {
    /// log2 of the sectors that a bit stands for, where `wanted` sectors are asked for: as many as it takes
    /// for the journal's room to suffice.
    pub fn shift(layout: &Layout, wanted: Option<u64>) -> u32 {
        let wanted = wanted.unwrap_or(SECTORS_OF_A_BIT).max(1).ilog2();
        let mut shift = wanted.max(layout.block_shift().into());
        let journal = layout.section_sectors().0 * u64::from(layout.sections());
        let bits = (journal << 12).min(u32::MAX.into());
        while shift < 63 && bits < layout.provided().0.div_ceil(1 << shift) {
            shift += 1;
        }
        shift
    }

    /// One without a bit.
    pub fn new(layout: &Layout, shift: u32) -> Bitmap {
        let bits = layout.provided().0.div_ceil(1 << shift);
        let bytes = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
        Bitmap {
            bytes: vec![0; bytes.next_multiple_of(BITMAP_BLOCK)],
            shift,
        }
    }

    /// As it lies on disk.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As it lies on disk, to be filled.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// log2 of the sectors of a bit.
    pub fn bit_shift(&self) -> u32 {
        self.shift
    }

    /// The block of the bitmap that has the bit of a sector.
    pub fn block_of(&self, sector: u64) -> usize {
        usize::try_from(sector >> self.shift).unwrap_or(usize::MAX) / (BITMAP_BLOCK * 8)
    }

    /// A block's bytes.
    pub fn block(&self, block: usize) -> &[u8] {
        &self.bytes[block * BITMAP_BLOCK..][..BITMAP_BLOCK]
    }

    /// Whether all bits of these sectors are set.
    pub fn all(&self, sectors: Range<u64>) -> bool {
        self.bits(sectors)
            .all(|bit| self.bytes[bit / 8] & 1 << (bit % 8) != 0)
    }

    /// Whether no bit of these sectors is set.
    pub fn none(&self, sectors: Range<u64>) -> bool {
        self.bits(sectors)
            .all(|bit| self.bytes[bit / 8] & 1 << (bit % 8) == 0)
    }

    /// Sets the bits of these sectors.
    pub fn set(&mut self, sectors: Range<u64>) {
        self.bits(sectors)
            .for_each(|bit| self.bytes[bit / 8] |= 1 << (bit % 8));
    }

    /// Clears the bits of these sectors.
    pub fn clear(&mut self, sectors: Range<u64>) {
        self.bits(sectors)
            .for_each(|bit| self.bytes[bit / 8] &= !(1 << (bit % 8)));
    }

    fn bits(&self, sectors: Range<u64>) -> Range<usize> {
        let bit = |sector: u64| usize::try_from(sector >> self.shift).unwrap_or(usize::MAX);
        match sectors.is_empty() {
            true => 0..0,
            false => bit(sectors.start)..bit(sectors.end - 1) + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::journal::tests::journal;
    use super::*;

    #[test]
    fn bits_stand_for_runs() {
        let layout = *journal().layout();
        // 4096 sectors of data.
        assert_eq!(Bitmap::shift(&layout, None), 15);
        assert_eq!(Bitmap::shift(&layout, Some(0)), 0);
        assert_eq!(Bitmap::shift(&layout, Some(100)), 6);
        let mut bitmap = Bitmap::new(&layout, 6);
        assert_eq!(bitmap.bytes().len(), BITMAP_BLOCK);
        bitmap.set(63..65);
        assert_eq!(bitmap.bytes()[0], 3);
        assert!(bitmap.all(0..128) && !bitmap.all(0..129) && bitmap.none(128..4096));
        bitmap.clear(0..1);
        assert!(bitmap.none(0..64) && bitmap.all(64..128));
        assert!(bitmap.none(5..5) && bitmap.all(5..5));
    }
}
