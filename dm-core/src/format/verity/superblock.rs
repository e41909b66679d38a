//! The superblock, which programs read and kernels do not.

use alloc::string::String;
use alloc::vec::Vec;

use super::{BlockSize, HashType};

/// Bytes of a superblock. The tree starts at the next block.
pub const SUPERBLOCK_BYTES: usize = 512;

const MAGIC: &[u8; 8] = b"verity\0\0";
const VERSION: u32 = 1;
const SALT_MAX: usize = 256;
const ALGORITHM_BYTES: usize = 32;

const VERSION_AT: usize = 8;
const HASH_TYPE_AT: usize = 12;
const UUID_AT: usize = 16;
const ALGORITHM_AT: usize = 32;
const DATA_BLOCK_AT: usize = 64;
const HASH_BLOCK_AT: usize = 68;
const DATA_BLOCKS_AT: usize = 72;
const SALT_SIZE_AT: usize = 80;
const SALT_AT: usize = 88;

/// What a superblock says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Superblock {
    /// How salt and block are hashed.
    pub hash_type: HashType,
    /// A name that no other device has.
    pub uuid: [u8; 16],
    /// The hash's name.
    pub algorithm: String,
    /// The size of a block of data.
    pub data_block: BlockSize,
    /// The size of a block of the tree.
    pub hash_block: BlockSize,
    /// Blocks of data.
    pub data_blocks: u64,
    /// What is hashed with each block, of at most 256 bytes.
    pub salt: Vec<u8>,
}

/// Why bytes are no superblock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SuperblockError {
    /// They end early.
    #[error("the superblock is cut off")]
    Short,
    /// They do not begin as one does.
    #[error("there is no verity superblock")]
    Magic,
    /// It is of another time.
    #[error("the superblock has version {0}, not 1")]
    Version(u32),
    /// The hash type is unknown.
    #[error("the superblock has hash type {0}, not 0 or 1")]
    HashType(u32),
    /// A block's size is none.
    #[error("the {what} block size {bytes} is no power of two from 512 to 65536")]
    BlockSize {
        /// Of the data, or of the tree.
        what: &'static str,
        /// What stands there.
        bytes: u32,
    },
    /// The hash's name is none.
    #[error("the superblock's hash has no name of letters, digits and dashes")]
    Algorithm,
    /// The salt is longer than its field.
    #[error("the salt has {0} bytes, and may have 256")]
    Salt(usize),
    /// It covers nothing.
    #[error("the superblock covers no blocks")]
    NoBlocks,
}

impl Superblock {
    /// A superblock for `data_blocks` blocks of the usual size, hashed by sha256 without salt.
    pub fn new(uuid: [u8; 16], data_blocks: u64) -> Superblock {
        Superblock {
            hash_type: HashType::default(),
            uuid,
            algorithm: "sha256".into(),
            data_block: BlockSize::USUAL,
            hash_block: BlockSize::USUAL,
            data_blocks,
            salt: Vec::new(),
        }
    }

    /// Reads one from the front of `bytes`.
    ///
    /// # Errors
    /// [`SuperblockError`], at the first field that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Superblock, SuperblockError> {
        let bytes: &[u8; SUPERBLOCK_BYTES] = bytes.first_chunk().ok_or(SuperblockError::Short)?;
        if field::<8>(bytes, 0) != *MAGIC {
            return Err(SuperblockError::Magic);
        }
        let number = |at| u32::from_le_bytes(field(bytes, at));
        if number(VERSION_AT) != VERSION {
            return Err(SuperblockError::Version(number(VERSION_AT)));
        }
        let hash_type = number(HASH_TYPE_AT);
        let hash_type = HashType::of(hash_type).ok_or(SuperblockError::HashType(hash_type))?;
        let algorithm = field::<ALGORITHM_BYTES>(bytes, ALGORITHM_AT);
        let salt_size = usize::from(u16::from_le_bytes(field(bytes, SALT_SIZE_AT)));
        if salt_size > SALT_MAX {
            return Err(SuperblockError::Salt(salt_size));
        }
        let data_blocks = u64::from_le_bytes(field(bytes, DATA_BLOCKS_AT));
        if data_blocks == 0 {
            return Err(SuperblockError::NoBlocks);
        }
        Ok(Superblock {
            hash_type,
            uuid: field(bytes, UUID_AT),
            algorithm: name(&algorithm).ok_or(SuperblockError::Algorithm)?,
            data_block: block("data", number(DATA_BLOCK_AT))?,
            hash_block: block("hash", number(HASH_BLOCK_AT))?,
            data_blocks,
            salt: bytes[SALT_AT..SALT_AT + salt_size].to_vec(),
        })
    }

    /// As it lies on disk.
    ///
    /// # Errors
    /// [`SuperblockError`] if the salt or the hash's name do not fit, or no blocks are covered.
    pub fn write(&self) -> Result<[u8; SUPERBLOCK_BYTES], SuperblockError> {
        let salt_size = u16::try_from(self.salt.len())
            .ok()
            .filter(|size| usize::from(*size) <= SALT_MAX)
            .ok_or(SuperblockError::Salt(self.salt.len()))?;
        if self.data_blocks == 0 {
            return Err(SuperblockError::NoBlocks);
        }
        let algorithm = self.algorithm.as_bytes();
        if name(algorithm).is_none() || algorithm.len() >= ALGORITHM_BYTES {
            return Err(SuperblockError::Algorithm);
        }
        let mut bytes = [0; SUPERBLOCK_BYTES];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, MAGIC);
        put(VERSION_AT, &VERSION.to_le_bytes());
        put(HASH_TYPE_AT, &self.hash_type.number().to_le_bytes());
        put(UUID_AT, &self.uuid);
        put(ALGORITHM_AT, algorithm);
        put(DATA_BLOCK_AT, &size(self.data_block).to_le_bytes());
        put(HASH_BLOCK_AT, &size(self.hash_block).to_le_bytes());
        put(DATA_BLOCKS_AT, &self.data_blocks.to_le_bytes());
        put(SALT_SIZE_AT, &salt_size.to_le_bytes());
        put(SALT_AT, &self.salt);
        Ok(bytes)
    }

    /// The tree's first block, for a superblock at `offset` bytes; `None` past 64 bits.
    pub fn tree_start(&self, offset: u64) -> Option<u64> {
        let end = offset.checked_add(SUPERBLOCK_BYTES as u64)?;
        Some(end.div_ceil(self.hash_block.bytes() as u64))
    }
}

fn field<const N: usize>(bytes: &[u8; SUPERBLOCK_BYTES], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

fn block(what: &'static str, bytes: u32) -> Result<BlockSize, SuperblockError> {
    BlockSize::new(bytes).ok_or(SuperblockError::BlockSize { what, bytes })
}

fn size(block: BlockSize) -> u32 {
    1 << block.shift()
}

/// The name in a field that zeroes fill up.
fn name(field: &[u8]) -> Option<String> {
    let end = field
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(field.len());
    let name = core::str::from_utf8(&field[..end]).ok()?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match !name.is_empty() && end < ALGORITHM_BYTES && name.bytes().all(known) {
        true => Some(name.into()),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Superblock {
        let mut superblock = Superblock::new([7; 16], 16384);
        superblock.salt = alloc::vec![9; 32];
        superblock
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut superblock = usual();
        superblock.hash_type = HashType::ChromeOs;
        superblock.hash_block = BlockSize::new(512).unwrap();
        let bytes = superblock.write().unwrap();
        assert_eq!(Superblock::read(&bytes), Ok(superblock));
    }

    #[test]
    fn each_wrong_field_is_named() {
        let good = usual().write().unwrap();
        let with = |at: usize, field: &[u8]| {
            let mut bytes = good;
            bytes[at..at + field.len()].copy_from_slice(field);
            Superblock::read(&bytes).unwrap_err()
        };
        assert_eq!(with(0, b"V"), SuperblockError::Magic);
        assert_eq!(with(8, &[2]), SuperblockError::Version(2));
        assert_eq!(with(12, &[9]), SuperblockError::HashType(9));
        assert_eq!(with(32, &[0]), SuperblockError::Algorithm);
        assert_eq!(with(32, &[b'a'; 32]), SuperblockError::Algorithm);
        assert_eq!(with(32, b"a b"), SuperblockError::Algorithm);
        let data = SuperblockError::BlockSize {
            what: "data",
            bytes: 0x1100,
        };
        assert_eq!(with(65, &[0x11]), data);
        assert!(matches!(
            with(68, &[0, 0, 2]),
            SuperblockError::BlockSize { what: "hash", .. }
        ));
        assert_eq!(with(72, &[0; 8]), SuperblockError::NoBlocks);
        assert_eq!(with(80, &[1, 1]), SuperblockError::Salt(257));
        assert_eq!(Superblock::read(&good[..511]), Err(SuperblockError::Short));
    }

    #[test]
    fn tree_starts_at_the_block_behind_the_superblock() {
        let mut superblock = usual();
        assert_eq!(superblock.tree_start(0), Some(1));
        assert_eq!(superblock.tree_start(8192), Some(3));
        superblock.hash_block = BlockSize::new(512).unwrap();
        assert_eq!(superblock.tree_start(1024), Some(3));
        assert_eq!(superblock.tree_start(u64::MAX), None);
    }
}
