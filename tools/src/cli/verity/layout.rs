//! The options that say where things are and how they are hashed, named as veritysetup's.

use std::path::PathBuf;

use clap::Args;
use dm_core::error::ErrorKind;
use dm_core::format::verity::{
    Algorithm, BlockSize, HashType, Roots, SUPERBLOCK_BYTES, Superblock, algorithm,
};

use crate::failure::Failure;

use crate::cli::offline::image::Image;
use crate::cli::offline::text::{Hex, Uuid, fill_random};

/// Bytes of a salt that nobody gave.
const SALT_BYTES: usize = 32;

/// How data is hashed, and where the tree is.
#[derive(Debug, Args)]
pub(super) struct Layout {
    /// The format: 1, or 0 for that of ChromeOS
    #[arg(long = "format", value_name = "NUMBER", value_parser = hash_type, default_value = "1")]
    hash_type: HashType,
    /// The hash; the kernel's name
    #[arg(long, value_name = "NAME", value_parser = hash, default_value = "sha256")]
    hash: Algorithm,
    /// Bytes of a block of data
    #[arg(long, value_name = "BYTES", value_parser = block, default_value_t = BlockSize::USUAL)]
    data_block_size: BlockSize,
    /// Bytes of a block of the tree
    #[arg(long, value_name = "BYTES", value_parser = block, default_value_t = BlockSize::USUAL)]
    hash_block_size: BlockSize,
    /// Blocks of data; else all of the device, or all before the tree on the same device
    #[arg(long, value_name = "BLOCKS")]
    data_blocks: Option<u64>,
    /// What is hashed with each block, in hexadecimal; - for nothing; format takes 32 random bytes
    /// where it is not given
    #[arg(short, long, value_name = "HEX")]
    salt: Option<Hex>,
    /// The superblock's uuid; else a random one
    #[arg(long)]
    uuid: Option<Uuid>,
    #[command(flatten)]
    pub(super) place: Place,
}

/// Where superblock and tree are.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Place {
    /// The first byte of superblock and tree on their device
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    hash_offset: u64,
    /// There is no superblock: --format, --hash, --salt and the sizes say what it would
    #[arg(long)]
    no_superblock: bool,
}

/// Where codes that repair are.
#[derive(Debug, Args)]
pub(super) struct CodesPlace {
    /// The device with codes that repair
    #[arg(long = "fec-device", value_name = "FILE")]
    pub(super) device: Option<PathBuf>,
    /// The first byte of the codes on their device
    #[arg(
        long = "fec-offset",
        value_name = "BYTES",
        default_value_t = 0,
        requires = "device"
    )]
    pub(super) offset: u64,
    /// Bytes of code for 255 bytes: 2 to 24
    #[arg(
        long = "fec-roots",
        value_name = "BYTES",
        value_parser = roots,
        default_value = "2",
        requires = "device"
    )]
    pub(super) roots: Roots,
}

fn hash_type(text: &str) -> Result<HashType, &'static str> {
    let number = text.parse().ok();
    number.and_then(HashType::of).ok_or("use 0 or 1")
}

fn hash(name: &str) -> Result<Algorithm, String> {
    let known = || {
        let names = dm_core::format::verity::ALGORITHMS.iter();
        let names: Vec<&str> = names.map(Algorithm::name).collect();
        format!("use one of {}", names.join(", "))
    };
    algorithm(name).copied().ok_or_else(known)
}

fn block(text: &str) -> Result<BlockSize, &'static str> {
    let bytes = text.parse().ok();
    bytes
        .and_then(BlockSize::new)
        .ok_or("use a power of two from 512 to 65536")
}

fn roots(text: &str) -> Result<Roots, &'static str> {
    let roots = text.parse().ok();
    roots.and_then(Roots::new).ok_or("use 2 to 24")
}

impl Layout {
    /// The superblock that these options make, for data in `data`. What nobody gave is random.
    pub(super) fn superblock(&self, data: &Image, hashes: &Image) -> Result<Superblock, Failure> {
        let data_blocks = match self.data_blocks {
            Some(blocks) => blocks,
            None => self.all_data(data, hashes)? / self.data_block_size.bytes() as u64,
        };
        let uuid = match self.uuid {
            Some(uuid) => uuid,
            None => Uuid::random()?,
        };
        let mut superblock = Superblock::new(uuid.0, data_blocks);
        superblock.hash_type = self.hash_type;
        superblock.algorithm = self.hash.name().into();
        superblock.data_block = self.data_block_size;
        superblock.hash_block = self.hash_block_size;
        superblock.salt = match &self.salt {
            Some(Hex(salt)) => salt.clone(),
            None => {
                let mut salt = vec![0; SALT_BYTES];
                fill_random(&mut salt)?;
                salt
            }
        };
        Ok(superblock)
    }

    /// What the superblock says, or without one, these options.
    pub(super) fn known(&self, data: &Image, hashes: &Image) -> Result<Superblock, Failure> {
        match self.place.no_superblock {
            false => self.place.read(hashes),
            true if self.salt.is_none() => Err(Failure::usage(
                "without a superblock the salt must be given: --salt HEX, or --salt - for none",
            )),
            true => self.superblock(data, hashes),
        }
    }

    /// The bytes of data on its device: all, but not the tree.
    fn all_data(&self, data: &Image, hashes: &Image) -> Result<u64, Failure> {
        match data.is(hashes)? && self.place.hash_offset > 0 {
            true => Ok(self.place.hash_offset),
            false => data.size(),
        }
    }
}

impl Place {
    /// A superblock at `hash_offset`.
    pub(super) fn at(hash_offset: u64) -> Place {
        Place {
            hash_offset,
            no_superblock: false,
        }
    }

    /// Where the superblock is, unless there is none.
    pub(super) fn superblock(&self) -> Option<u64> {
        (!self.no_superblock).then_some(self.hash_offset)
    }

    /// The superblock on `hashes`.
    pub(super) fn read(&self, hashes: &Image) -> Result<Superblock, Failure> {
        self.check(512)?;
        let mut bytes = [0; SUPERBLOCK_BYTES];
        hashes.read(self.hash_offset, &mut bytes)?;
        Superblock::read(&bytes).map_err(|error| {
            let reason = format!("{}: {error}", hashes.path().display());
            Failure::because(ErrorKind::Invalid, reason)
        })
    }

    /// The tree's first block.
    pub(super) fn tree_start(&self, superblock: &Superblock) -> Result<u64, Failure> {
        let block = superblock.hash_block.bytes() as u64;
        if self.no_superblock {
            self.check(block)?;
            return Ok(self.hash_offset / block);
        }
        self.check(512)?;
        let start = superblock.tree_start(self.hash_offset);
        start.ok_or_else(|| Failure::usage("the hash offset is too large"))
    }

    fn check(&self, unit: u64) -> Result<(), Failure> {
        match self.hash_offset.is_multiple_of(unit) {
            true => Ok(()),
            false => Err(Failure::usage(format!(
                "the hash offset {} is not a multiple of {unit}",
                self.hash_offset
            ))),
        }
    }
}
