//! Hashing layers: to make the layer above, or to compare with it.

use std::sync::Mutex;

use dm_core::error::ErrorKind;

use crate::failure::Failure;

use super::volume::Volume;
use crate::cli::offline::parallel;
use crate::cli::offline::progress::Progress;

/// Bytes that are read at a time: they stay in the cache of a processor until they are hashed.
const PIECE: usize = 256 << 10;

/// Blocks that are read at a time at least: some hashes are made of so many at once.
const TOGETHER: usize = 16;

/// Bytes of a layer that a processor takes at a time, at least a block of the layer above.
const PART: u64 = 2 << 20;

/// Wrong blocks that are told apart.
const WRONG_MAX: usize = 1_000_000;

/// What is wrong with a layer and with the padding of the one above.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    /// Blocks whose digest is another one.
    pub(super) blocks: Vec<u64>,
    /// Blocks of the layer above that have something between or behind their digests.
    pub(super) padding: Vec<u64>,
}

impl Volume {
    /// Makes every layer of the tree, and the root.
    pub(super) fn build(&self, progress: &Progress) -> Result<Vec<u8>, Failure> {
        for layer in 0..self.layers() - 1 {
            self.each_part(layer, progress, |first, above, count| {
                above.fill(0);
                self.digests(layer, first, count, above)?;
                self.write(layer + 1, first / self.tree.per_block(), above)
            })?;
        }
        self.root()
    }

    /// The digest of the highest block.
    pub(super) fn root(&self) -> Result<Vec<u8>, Failure> {
        let top = self.layers() - 1;
        let mut block = vec![0; self.block_size(top).bytes()];
        self.read(top, 0, &mut block)?;
        let mut root = vec![0; self.tree.digest_size()];
        self.hash.digest(&block, &mut root);
        Ok(root)
    }

    /// Compares a layer with the one above, or with the root.
    pub(super) fn compare(
        &self,
        layer: usize,
        root: &[u8],
        progress: &Progress,
    ) -> Result<Wrong, Failure> {
        if layer + 1 == self.layers() {
            let wrong = self.root()? != root;
            return Ok(Wrong {
                blocks: wrong.then_some(0).into_iter().collect(),
                padding: Vec::new(),
            });
        }
        let found = Mutex::new(Wrong::default());
        self.each_part(layer, progress, |first, above, count| {
            let mut digests = above.to_vec();
            self.read(layer + 1, first / self.tree.per_block(), above)?;
            self.digests(layer, first, count, &mut digests)?;
            let wrong = self.unequal(first, count, above, &digests);
            if wrong.blocks.is_empty() && wrong.padding.is_empty() {
                return Ok(());
            }
            let mut found = found.lock().unwrap_or_else(|poison| poison.into_inner());
            found.blocks.extend(wrong.blocks);
            found.padding.extend(wrong.padding);
            match found.blocks.len() > WRONG_MAX {
                true => Err(Failure::because(
                    ErrorKind::Invalid,
                    format!("more than {WRONG_MAX} blocks are wrong"),
                )),
                false => Ok(()),
            }
        })?;
        let mut found = found
            .into_inner()
            .unwrap_or_else(|poison| poison.into_inner());
        found.blocks.sort_unstable();
        found.padding.sort_unstable();
        Ok(found)
    }

    fn unequal(&self, first: u64, count: usize, above: &[u8], digests: &[u8]) -> Wrong {
        let size = self.tree.digest_size();
        let places = (0..count).filter(|place| {
            let at = self.tree.offset(*place);
            above[at..at + size] != digests[at..at + size]
        });
        let block = self.tree.hash_block().bytes();
        let per_block = usize::try_from(self.tree.per_block()).unwrap_or(usize::MAX);
        let padding = above.chunks_exact(block).enumerate().filter(|(at, block)| {
            let digests = count.saturating_sub(at * per_block).min(per_block);
            !self.tree.is_padded(block, digests)
        });
        let above = first / self.tree.per_block();
        Wrong {
            blocks: places.map(|place| first + place as u64).collect(),
            padding: padding.map(|(at, _)| above + at as u64).collect(),
        }
    }

    /// Hashes `count` blocks of a layer into the blocks above.
    fn digests(
        &self,
        layer: usize,
        first: u64,
        count: usize,
        above: &mut [u8],
    ) -> Result<(), Failure> {
        let size = self.block_size(layer);
        let at_a_time = (PIECE / size.bytes()).max(TOGETHER);
        let mut piece = vec![0; at_a_time.min(count) * size.bytes()];
        for place in (0..count).step_by(at_a_time) {
            let piece = &mut piece[..at_a_time.min(count - place) * size.bytes()];
            self.read(layer, first + place as u64, piece)?;
            self.tree.hash(&*self.hash, (piece, size), place, above);
        }
        Ok(())
    }

    /// Does `work` for parts of a layer: its first block, room for the blocks above, its blocks.
    fn each_part(
        &self,
        layer: usize,
        progress: &Progress,
        work: impl Fn(u64, &mut [u8], usize) -> Result<(), Failure> + Sync,
    ) -> Result<(), Failure> {
        let (blocks, size) = (self.blocks(layer), self.block_size(layer));
        let per_block = self.tree.per_block();
        let above = (PART / (per_block << size.shift())).max(1);
        let part = above * per_block;
        let state = Vec::new;
        parallel::each(
            blocks.div_ceil(part),
            state,
            |room: &mut Vec<u8>, number| {
                let first = number * part;
                let count = part.min(blocks - first);
                let above = count.div_ceil(per_block) << self.tree.hash_block().shift();
                room.resize(usize::try_from(above).unwrap_or(usize::MAX), 0);
                work(first, room, usize::try_from(count).unwrap_or(usize::MAX))?;
                progress.add(count << size.shift());
                Ok(())
            },
        )
    }
}
