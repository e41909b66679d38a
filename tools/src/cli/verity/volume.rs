//! Data and tree, opened.

use std::collections::HashMap;
use std::path::Path;

use dm_core::error::ErrorKind;
use dm_core::format::verity::{Algorithm, BlockHash, BlockSize, Fec, Superblock, Tree, algorithm};

use crate::failure::Failure;

use super::layout::{CodesPlace, Layout, Place};
use crate::cli::offline::image::{Access, Image};

/// Data and tree. The data is layer 0, the tree's lowest level layer 1; what is above the highest
/// layer is the root.
pub(super) struct Volume {
    pub(super) superblock: Superblock,
    pub(super) tree: Tree,
    pub(super) hash: Box<dyn BlockHash>,
    data: Image,
    hashes: Image,
    /// Blocks that were repaired, by layer and index: they count in the place of what is there.
    pub(super) repaired: HashMap<(usize, u64), Vec<u8>>,
}

/// Codes that repair, opened.
pub(super) struct Codes {
    pub(super) fec: Fec,
    pub(super) image: Image,
    pub(super) offset: u64,
}

impl Volume {
    /// Opens what `layout` says, whose superblock `describe` reads or makes.
    pub(super) fn open(
        (data, data_access): (&Path, Access),
        (hashes, hash_access): (&Path, Access),
        layout: &Layout,
        describe: impl FnOnce(&Layout, &Image, &Image) -> Result<Superblock, Failure>,
    ) -> Result<Volume, Failure> {
        let data = Image::open(data, data_access)?;
        let hashes = Image::open(hashes, hash_access)?;
        let superblock = describe(layout, &data, &hashes)?;
        let (algorithm, tree) = tree(&superblock, &layout.place)?;
        let volume = Volume {
            hash: algorithm.salted(superblock.hash_type, &superblock.salt),
            superblock,
            tree,
            data,
            hashes,
            repaired: HashMap::new(),
        };
        volume.check(layout)?;
        Ok(volume)
    }

    /// Whether data and tree have their places.
    fn check(&self, layout: &Layout) -> Result<(), Failure> {
        let data = self.bytes(0);
        let size = self.data.size()?;
        if data > size {
            return Err(Failure::because(
                ErrorKind::Invalid,
                format!(
                    "{} has {size} bytes, of {data} that are to be hashed",
                    self.data.path().display()
                ),
            ));
        }
        let first = layout.place.superblock();
        let first = first.unwrap_or(self.tree.start() << self.tree.hash_block().shift());
        match self.data.is(&self.hashes)? && first < data {
            true => Err(Failure::usage(
                "data and tree overlap: say --hash-offset, and --data-blocks",
            )),
            false => Ok(()),
        }
    }

    /// Layers: the data, and each level.
    pub(super) fn layers(&self) -> usize {
        self.tree.levels().len() + 1
    }

    /// The blocks of a layer.
    pub(super) fn blocks(&self, layer: usize) -> u64 {
        match layer {
            0 => self.tree.data_blocks(),
            level => self.tree.levels()[level - 1].blocks,
        }
    }

    /// The size of a layer's blocks.
    pub(super) fn block_size(&self, layer: usize) -> BlockSize {
        match layer {
            0 => self.tree.data_block(),
            _ => self.tree.hash_block(),
        }
    }

    /// The bytes of a layer.
    pub(super) fn bytes(&self, layer: usize) -> u64 {
        self.blocks(layer) << self.block_size(layer).shift()
    }

    /// Where a layer's block is.
    pub(super) fn place(&self, layer: usize, index: u64) -> (&Image, u64) {
        match layer {
            0 => (&self.data, index << self.tree.data_block().shift()),
            level => {
                let block = self.tree.levels()[level - 1].first + index;
                (&self.hashes, block << self.tree.hash_block().shift())
            }
        }
    }

    /// Reads blocks of a layer that follow each other.
    pub(super) fn read(&self, layer: usize, index: u64, into: &mut [u8]) -> Result<(), Failure> {
        let (image, offset) = self.place(layer, index);
        image.read(offset, into)?;
        if !self.repaired.is_empty() {
            let blocks = into.chunks_exact_mut(self.block_size(layer).bytes());
            for (index, block) in (index..).zip(blocks) {
                if let Some(right) = self.repaired.get(&(layer, index)) {
                    block.copy_from_slice(right);
                }
            }
        }
        Ok(())
    }

    /// Writes blocks of a layer.
    pub(super) fn write(&self, layer: usize, index: u64, bytes: &[u8]) -> Result<(), Failure> {
        let (image, offset) = self.place(layer, index);
        image.write(offset, bytes)
    }

    /// Makes room for the tree, and writes the superblock.
    pub(super) fn write_superblock(&self, layout: &Layout) -> Result<(), Failure> {
        let end = self.tree.end() << self.tree.hash_block().shift();
        self.hashes.extend(end)?;
        let Some(offset) = layout.place.superblock() else {
            return Ok(());
        };
        let bytes = self.superblock.write();
        let bytes =
            bytes.map_err(|error| Failure::because(ErrorKind::Invalid, error.to_string()))?;
        self.hashes.write(offset, &bytes)
    }

    /// Makes durable what was written.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        self.data.sync().and_then(|()| self.hashes.sync())
    }

    /// In a dry run: all of the tree would be written.
    pub(super) fn would_build(&self) {
        for layer in 1..self.layers() {
            let (image, offset) = self.place(layer, 0);
            image.would_write(offset, self.bytes(layer));
        }
    }

    /// Opens the codes, if there are any.
    pub(super) fn codes(
        &self,
        place: &CodesPlace,
        access: Access,
    ) -> Result<Option<Codes>, Failure> {
        let Some(path) = &place.device else {
            return Ok(None);
        };
        let block = self.tree.data_block();
        if block != self.tree.hash_block() {
            return Err(Failure::usage("codes need blocks of one size"));
        }
        let size = block.bytes() as u64;
        if !place.offset.is_multiple_of(size) {
            let offset = place.offset;
            return Err(Failure::usage(format!(
                "the offset {offset} of the codes is not a multiple of {size}"
            )));
        }
        let image = Image::open(path, access)?;
        let overlap = || {
            Err(Failure::usage(
                "the codes overlap what they cover: say --fec-offset",
            ))
        };
        if image.is(&self.data)? && place.offset < self.bytes(0) {
            return overlap();
        }
        // The tree, and what else follows it up to the codes or the end of its device.
        let end = match image.is(&self.hashes)? {
            true if place.offset / size < self.tree.end() => return overlap(),
            true => place.offset,
            false => self.hashes.size()?,
        };
        let more = (end / size).saturating_sub(self.tree.start());
        let fec = Fec::new(place.roots, block, self.tree.data_blocks() + more)
            .map_err(|error| Failure::because(ErrorKind::Invalid, error.to_string()))?;
        Ok(Some(Codes {
            fec,
            image,
            offset: place.offset,
        }))
    }

    /// Reads blocks that codes cover: data, then tree.
    pub(super) fn read_covered(&self, block: u64, into: &mut [u8]) -> Result<(), Failure> {
        let size = self.tree.data_block();
        let behind = block.saturating_sub(self.tree.data_blocks());
        let data = (self.tree.data_blocks().saturating_sub(block)) << size.shift();
        let data = usize::try_from(data).unwrap_or(usize::MAX).min(into.len());
        let (head, tail) = into.split_at_mut(data);
        if !head.is_empty() {
            self.data.read(block << size.shift(), head)?;
        }
        if !tail.is_empty() {
            let at = (self.tree.start() + behind) << size.shift();
            self.hashes.read(at, tail)?;
        }
        Ok(())
    }

    /// The covered block that is a layer's block.
    pub(super) fn covered(&self, layer: usize, index: u64) -> u64 {
        match layer {
            0 => index,
            level => {
                let block = self.tree.levels()[level - 1].first + index;
                self.tree.data_blocks() + (block - self.tree.start())
            }
        }
    }
}

/// The hash and the tree that a superblock says.
pub(super) fn tree(
    superblock: &Superblock,
    place: &Place,
) -> Result<(&'static Algorithm, Tree), Failure> {
    let invalid = |reason: String| Failure::because(ErrorKind::Invalid, reason);
    let Some(algorithm) = algorithm(&superblock.algorithm) else {
        let name = &superblock.algorithm;
        return Err(invalid(format!("the hash {name} is not known here")));
    };
    let tree = Tree::new(
        superblock.hash_type,
        algorithm.digest_size(),
        (superblock.data_block, superblock.hash_block),
        superblock.data_blocks,
        place.tree_start(superblock)?,
    );
    let tree = tree.map_err(|error| invalid(error.to_string()))?;
    Ok((algorithm, tree))
}
