//! The tree: where each block's digest lies.

use alloc::vec;
use alloc::vec::Vec;

use super::{BlockHash, BlockSize, HashType};

/// A tree of hashes: each block of a level holds the digests of blocks of the level below, and the
/// lowest level those of the data. The root's digest is kept elsewhere.
///
/// # Shape
/// Levels lie root first. A tree of one block of data has none: the root is that block's digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    digest_size: usize,
    /// From one digest to the next.
    stride: usize,
    per_block_shift: u32,
    data_block: BlockSize,
    hash_block: BlockSize,
    data_blocks: u64,
    start: u64,
    end: u64,
    /// The lowest first.
    levels: Vec<Level>,
}

/// A level of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Its first block, in blocks of the tree.
    pub first: u64,
    /// Its blocks.
    pub blocks: u64,
}

/// Where a digest lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The block, in blocks of the tree.
    pub block: u64,
    /// Its first byte there.
    pub offset: usize,
}

/// Why there is no such tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// It covers nothing.
    #[error("a tree of no blocks")]
    NoBlocks,
    /// A block holds fewer than two digests.
    #[error("a block of {block} bytes does not hold two digests of {digest}")]
    Digest {
        /// The block's bytes.
        block: usize,
        /// A digest's bytes.
        digest: usize,
    },
    /// Data or tree end past 64 bits of bytes.
    #[error("the device would be longer than 64 bits can say")]
    TooLarge,
}

impl Tree {
    /// The tree over `data_blocks` blocks whose first block is `start`.
    ///
    /// # Errors
    /// [`TreeError`] if there is none.
    pub fn new(
        hash_type: HashType,
        digest_size: usize,
        (data_block, hash_block): (BlockSize, BlockSize),
        data_blocks: u64,
        start: u64,
    ) -> Result<Tree, TreeError> {
        if data_blocks == 0 {
            return Err(TreeError::NoBlocks);
        }
        let per_block = hash_block.bytes().checked_div(digest_size).unwrap_or(0);
        if per_block < 2 {
            return Err(TreeError::Digest {
                block: hash_block.bytes(),
                digest: digest_size,
            });
        }
        data_block
            .offset_of(data_blocks)
            .ok_or(TreeError::TooLarge)?;
        let per_block_shift = per_block.ilog2();
        let mut levels = Vec::new();
        let mut blocks = data_blocks;
        while blocks > 1 {
            blocks = blocks.div_ceil(1 << per_block_shift);
            levels.push(Level { first: 0, blocks });
        }
        let mut end = start;
        for level in levels.iter_mut().rev() {
            level.first = end;
            end = end.checked_add(level.blocks).ok_or(TreeError::TooLarge)?;
        }
        hash_block.offset_of(end).ok_or(TreeError::TooLarge)?;
        Ok(Tree {
            digest_size,
            stride: match hash_type {
                HashType::Normal => hash_block.bytes() >> per_block_shift,
                HashType::ChromeOs => digest_size,
            },
            per_block_shift,
            data_block,
            hash_block,
            data_blocks,
            start,
            end,
            levels,
        })
    }

    /// Bytes of a digest.
    pub fn digest_size(&self) -> usize {
        self.digest_size
    }

    /// The size of a block of data.
    pub fn data_block(&self) -> BlockSize {
        self.data_block
    }

    /// The size of a block of the tree.
    pub fn hash_block(&self) -> BlockSize {
        self.hash_block
    }

    /// Blocks of data.
    pub fn data_blocks(&self) -> u64 {
        self.data_blocks
    }

    /// The tree's first block.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The block behind the tree.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The levels, the lowest first.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Digests in a block.
    pub fn per_block(&self) -> u64 {
        1 << self.per_block_shift
    }

    /// Where `level`, counted from the lowest, has the digest of block `index` of what is below.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn slot(&self, level: usize, index: u64) -> Slot {
        let within = usize::try_from(index & (self.per_block() - 1)).unwrap_or(usize::MAX);
        Slot {
            block: self.levels[level].first + (index >> self.per_block_shift),
            offset: within * self.stride,
        }
    }

    /// The index, on `level`, of the block that has the digest of data block `block` or of the
    /// block above it.
    pub fn index(&self, level: usize, block: u64) -> u64 {
        let levels = u32::try_from(level + 1).unwrap_or(u32::MAX);
        let shift = self.per_block_shift.saturating_mul(levels);
        block.checked_shr(shift).unwrap_or(0)
    }

    /// Hashes `below`, blocks of `size`, into `blocks` of the tree: the first digest becomes the
    /// one of place `first` there. What is between the digests stays.
    ///
    /// # Panics
    /// If there is no place for a digest.
    pub fn hash(
        &self,
        hash: &dyn BlockHash,
        (below, size): (&[u8], BlockSize),
        first: usize,
        blocks: &mut [u8],
    ) {
        hash.digests(below, size.bytes(), &mut |number, digest| {
            let offset = self.offset(first + number);
            blocks[offset..offset + self.digest_size].copy_from_slice(digest);
        });
    }

    /// Where the digest of place `place` lies in blocks that follow each other.
    pub fn offset(&self, place: usize) -> usize {
        let (block, within) = (
            place >> self.per_block_shift,
            place & ((1 << self.per_block_shift) - 1),
        );
        (block << self.hash_block.shift()) + within * self.stride
    }

    /// Whether a block of the tree that holds `digests` digests is zero everywhere else.
    pub fn is_padded(&self, block: &[u8], digests: usize) -> bool {
        block.chunks(self.stride).enumerate().all(|(at, slot)| {
            let used = if at < digests { self.digest_size } else { 0 };
            slot.iter().skip(used).all(|byte| *byte == 0)
        })
    }

    /// The tree's bytes over `data`, and the root: for images that fit the memory.
    ///
    /// # Panics
    /// If `data` is not as long as its blocks are.
    pub fn build(&self, hash: &dyn BlockHash, data: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let bytes =
            |blocks: u64| usize::try_from(blocks).unwrap_or(usize::MAX) << self.hash_block.shift();
        let mut levels: Vec<Vec<u8>> = Vec::new();
        for level in &self.levels {
            let mut into = vec![0; bytes(level.blocks)];
            match levels.last() {
                None => self.hash(hash, (data, self.data_block), 0, &mut into),
                Some(below) => self.hash(hash, (below, self.hash_block), 0, &mut into),
            }
            levels.push(into);
        }
        let mut root = vec![0; self.digest_size];
        hash.digest(levels.last().map_or(data, Vec::as_slice), &mut root);
        levels.reverse();
        (levels.concat(), root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::verity::algorithm;

    fn tree(hash_type: HashType, digest: usize, data_blocks: u64) -> Tree {
        let sizes = (BlockSize::USUAL, BlockSize::USUAL);
        Tree::new(hash_type, digest, sizes, data_blocks, 1).unwrap()
    }

    #[test]
    fn levels_lie_root_first() {
        let tree = tree(HashType::Normal, 32, 16384);
        assert_eq!(
            tree.levels(),
            [
                Level {
                    first: 2,
                    blocks: 128
                },
                Level {
                    first: 1,
                    blocks: 1
                }
            ]
        );
        assert_eq!(tree.end(), 130);
    }

    #[test]
    fn digests_are_padded_or_packed() {
        let normal = tree(HashType::Normal, 20, 1000);
        let packed = tree(HashType::ChromeOs, 20, 1000);
        assert_eq!(normal.per_block(), 128);
        assert_eq!(packed.per_block(), 128);
        let first = normal.levels()[0].first;
        assert_eq!(
            normal.slot(0, 129),
            Slot {
                block: first + 1,
                offset: 32
            }
        );
        assert_eq!(packed.slot(0, 129).offset, 20);
    }

    #[test]
    fn one_block_needs_no_tree() {
        let tree = tree(HashType::Normal, 32, 1);
        assert!(tree.levels().is_empty());
        let hash = algorithm("sha256").unwrap().salted(HashType::Normal, b"");
        let (bytes, root) = tree.build(&*hash, &[0; 4096]);
        assert!(bytes.is_empty());
        assert_eq!(root.len(), 32);
    }

    #[test]
    fn hostile_counts_are_refused_at_once() {
        let sizes = (BlockSize::USUAL, BlockSize::USUAL);
        let new = |blocks, start| Tree::new(HashType::Normal, 32, sizes, blocks, start);
        assert_eq!(new(0, 0), Err(TreeError::NoBlocks));
        assert_eq!(new(u64::MAX, 0), Err(TreeError::TooLarge));
        assert_eq!(new(1 << 51, 1 << 60), Err(TreeError::TooLarge));
        assert!(new(1 << 51, 0).is_ok());
    }

    #[test]
    fn index_follows_a_block_upwards() {
        let tree = tree(HashType::Normal, 32, 128 * 128 * 3);
        assert_eq!(tree.levels().len(), 3);
        assert_eq!(tree.index(0, 128 * 128 + 130), 129);
        assert_eq!(tree.index(1, 128 * 128 + 130), 1);
        assert_eq!(tree.index(2, 128 * 128 + 130), 0);
    }
}
