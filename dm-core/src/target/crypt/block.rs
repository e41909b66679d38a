//! The block ciphers, and what the modes need of one.

use cipher::consts::U16;
use cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

use super::key::{Held, Paged};

/// 16 bytes: the block of each cipher that the kernel's disk formats use.
pub(super) type Block = cipher::Array<u8, U16>;

/// A block cipher with its key.
pub(super) trait Cipher:
    BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt + KeyInit + Send + Sync + 'static
{
}

impl<C> Cipher for C where
    C: BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt + KeyInit + Send + Sync + 'static
{
}

/// Encrypts single blocks: for IVs.
pub(super) trait Single: Send + Sync {
    fn encrypt(&self, blocks: &mut [Block]);
}

/// Which cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Aes,
    Serpent,
    Twofish,
    Camellia,
    /// Data stays as it is.
    Null,
}

/// Something to be made with a cipher's type.
pub(super) trait WithCipher {
    type Made;

    /// Makes it; `None` if the key does not suit.
    fn make<C: Cipher>(self) -> Option<Self::Made>;
}

impl Algorithm {
    pub(super) const NAMES: &'static [(&'static str, Algorithm)] = &[
        ("aes", Algorithm::Aes),
        ("serpent", Algorithm::Serpent),
        ("twofish", Algorithm::Twofish),
        ("camellia", Algorithm::Camellia),
        ("cipher_null", Algorithm::Null),
    ];

    pub(super) fn of(name: &str) -> Option<Algorithm> {
        let row = Algorithm::NAMES.iter().find(|row| row.0 == name)?;
        Some(row.1)
    }

    /// Calls `with` with the cipher's type for keys of `bytes`; `None` if it has none.
    pub(super) fn with<W: WithCipher>(self, bytes: usize, with: W) -> Option<W::Made> {
        match (self, bytes) {
            (Algorithm::Aes, 16) => with.make::<aes::Aes128>(),
            (Algorithm::Aes, 24) => with.make::<aes::Aes192>(),
            (Algorithm::Aes, 32) => with.make::<aes::Aes256>(),
            (Algorithm::Camellia, 16) => with.make::<camellia::Camellia128>(),
            (Algorithm::Camellia, 24) => with.make::<camellia::Camellia192>(),
            (Algorithm::Camellia, 32) => with.make::<camellia::Camellia256>(),
            (Algorithm::Serpent, 16..=32) => with.make::<serpent::Serpent>(),
            (Algorithm::Twofish, 16 | 24 | 32) => with.make::<twofish::Twofish>(),
            (_, _) => None,
        }
    }
}

/// Makes a cipher for single blocks of a key.
struct MakeSingle<'a>(&'a [u8]);

struct Keyed<C>(C);

impl<C: Cipher> Single for Keyed<C> {
    fn encrypt(&self, blocks: &mut [Block]) {
        self.0.encrypt_blocks(blocks);
    }
}

impl WithCipher for MakeSingle<'_> {
    type Made = Held<dyn Single>;

    fn make<C: Cipher>(self) -> Option<Held<dyn Single>> {
        let cipher = C::new_from_slice(self.0).ok()?;
        Some(Held::new(Paged::new(Keyed(cipher))))
    }
}

/// `algorithm` with `key`, for single blocks.
pub(super) fn single(algorithm: Algorithm, key: &[u8]) -> Option<Held<dyn Single>> {
    algorithm.with(key.len(), MakeSingle(key))
}
