//! The hashes, as the kernel names them.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use blake2::{Blake2b, Blake2s};
use digest::Digest;
use digest::consts::{U16, U20, U28, U32, U48, U64};

use super::lanes::{sha224, sha256, sha384, sha512};

/// A hash that verity can use.
#[derive(Clone, Copy)]
pub struct Algorithm {
    name: &'static str,
    size: usize,
    salted: SaltedHash,
}

/// Makes a hash with its salt.
type SaltedHash = fn(HashType, &[u8]) -> Box<dyn BlockHash>;

/// How salt and block are hashed, and how digests lie in a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HashType {
    /// 0, that of ChromeOS: the block before the salt, and digests without padding.
    ChromeOs,
    /// 1: the salt before the block, and digests padded to a power of two.
    #[default]
    Normal,
}

/// A hash with its salt.
pub trait BlockHash: Send + Sync {
    /// Writes the digest of `block`.
    ///
    /// # Panics
    /// If `digest` has not the algorithm's length.
    fn digest(&self, block: &[u8], digest: &mut [u8]);

    /// Tells the digest of each of several blocks of `size` bytes, by its number.
    fn digests(&self, blocks: &[u8], size: usize, tell: &mut dyn FnMut(usize, &[u8]));
}

/// Every hash, by its name.
pub const ALGORITHMS: &[Algorithm] = &[
    by("sha256", 32, sha256),
    by("sha512", 64, sha512),
    by("sha384", 48, sha384),
    by("sha224", 28, sha224),
    of::<sha1::Sha1>("sha1", 20),
    of::<sha3::Sha3_224>("sha3-224", 28),
    of::<sha3::Sha3_256>("sha3-256", 32),
    of::<sha3::Sha3_384>("sha3-384", 48),
    of::<sha3::Sha3_512>("sha3-512", 64),
    of::<Blake2b<U20>>("blake2b-160", 20),
    of::<Blake2b<U32>>("blake2b-256", 32),
    of::<Blake2b<U48>>("blake2b-384", 48),
    of::<Blake2b<U64>>("blake2b-512", 64),
    of::<Blake2s<U16>>("blake2s-128", 16),
    of::<Blake2s<U20>>("blake2s-160", 20),
    of::<Blake2s<U28>>("blake2s-224", 28),
    of::<Blake2s<U32>>("blake2s-256", 32),
    of::<sm3::Sm3>("sm3", 32),
];

/// The hash of this name.
pub fn algorithm(name: &str) -> Option<&'static Algorithm> {
    ALGORITHMS.iter().find(|known| known.name == name)
}

impl Algorithm {
    /// As tables and superblocks name it.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Bytes of a digest.
    pub const fn digest_size(&self) -> usize {
        self.size
    }

    /// The hash with a salt, which may be empty.
    pub fn salted(&self, hash_type: HashType, salt: &[u8]) -> Box<dyn BlockHash> {
        (self.salted)(hash_type, salt)
    }
}

impl fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl HashType {
    /// The format of this number.
    pub const fn of(number: u32) -> Option<HashType> {
        match number {
            0 => Some(HashType::ChromeOs),
            1 => Some(HashType::Normal),
            _ => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        match self {
            HashType::ChromeOs => 0,
            HashType::Normal => 1,
        }
    }
}

/// The state after what comes before a block, and what comes behind it.
pub(super) struct Salted<D> {
    before: D,
    behind: Vec<u8>,
}

impl<D: Digest + Clone + Send + Sync> BlockHash for Salted<D> {
    fn digest(&self, block: &[u8], digest: &mut [u8]) {
        let mut state = self.before.clone();
        state.update(block);
        state.update(&self.behind);
        digest.copy_from_slice(&state.finalize());
    }

    fn digests(&self, blocks: &[u8], size: usize, tell: &mut dyn FnMut(usize, &[u8])) {
        for (number, block) in blocks.chunks_exact(size).enumerate() {
            let mut state = self.before.clone();
            state.update(block);
            state.update(&self.behind);
            tell(number, &state.finalize());
        }
    }
}

const fn of<D: Digest + Clone + Send + Sync + 'static>(
    name: &'static str,
    size: usize,
) -> Algorithm {
    by(name, size, salted::<D>)
}

const fn by(name: &'static str, size: usize, salted: SaltedHash) -> Algorithm {
    Algorithm { name, size, salted }
}

pub(super) fn salted<D: Digest + Clone + Send + Sync + 'static>(
    hash_type: HashType,
    salt: &[u8],
) -> Box<dyn BlockHash> {
    Box::new(Salted::<D>::new(hash_type, salt))
}

impl<D: Digest> Salted<D> {
    pub(super) fn new(hash_type: HashType, salt: &[u8]) -> Salted<D> {
        let mut before = D::new();
        let mut behind = Vec::new();
        match hash_type {
            HashType::Normal => before.update(salt),
            HashType::ChromeOs => behind.extend_from_slice(salt),
        }
        Salted { before, behind }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_digest_has_the_length_that_the_table_says() {
        for algorithm in ALGORITHMS {
            let mut digest = alloc::vec![0; algorithm.digest_size()];
            let hash = algorithm.salted(HashType::Normal, b"salt");
            hash.digest(b"block", &mut digest);
            assert!(digest.iter().any(|byte| *byte != 0), "{algorithm:?}");
        }
    }

    #[test]
    fn salt_is_before_the_block_or_behind_it() {
        let sha256 = algorithm("sha256").unwrap();
        let digest = |hash_type, salt: &[u8], block: &[u8]| {
            let mut digest = [0; 32];
            sha256.salted(hash_type, salt).digest(block, &mut digest);
            digest
        };
        let plain = digest(HashType::Normal, b"", b"saltblock");
        assert_eq!(digest(HashType::Normal, b"salt", b"block"), plain);
        assert_eq!(digest(HashType::ChromeOs, b"block", b"salt"), plain);
    }
}
