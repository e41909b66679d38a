//! verity on disk: a superblock, a tree of hashes, and codes that repair blocks.
//!
//! # Source
//! `Documentation/admin-guide/device-mapper/verity.rst`, `drivers/md/dm-verity-target.c`,
//! `drivers/md/dm-verity-fec.c`, and cryptsetup's page on the format.

mod block_size;
mod fec;
mod hash;
#[cfg_attr(not(all(feature = "std", target_arch = "x86_64")), path = "narrow.rs")]
mod lanes;
mod superblock;
mod tree;

pub use block_size::BlockSize;
pub use fec::{Encoder, Fec, FecError, Roots, Uncorrectable, decode};
pub use hash::{ALGORITHMS, Algorithm, BlockHash, HashType, algorithm};
pub use superblock::{SUPERBLOCK_BYTES, Superblock, SuperblockError};
pub use tree::{Level, Slot, Tree, TreeError};
