//! Modes of operation: how a block cipher does a sector.

use alloc::boxed::Box;

use cipher::consts::U16;
use cipher::{
    Array, BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherEncBackend,
    BlockCipherEncClosure, BlockSizeUser,
};

use super::block::{Algorithm, Block, Cipher, Single, WithCipher};
use super::key::{Held, Paged};
use super::xts::Xts;

/// A cipher in its mode, with its key.
pub(super) trait Mode: Send + Sync {
    /// Encrypts as many sectors as there are IVs, which it uses up.
    fn encrypt(&self, ivs: &mut [Block], data: &mut [Block]);

    /// Decrypts as many sectors as there are IVs, which it uses up.
    fn decrypt(&self, ivs: &mut [Block], data: &mut [Block]);
}

/// Which mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chaining {
    Xts,
    Cbc,
    Ecb,
}

impl Chaining {
    pub(super) const NAMES: &'static [(&'static str, Chaining)] = &[
        ("xts", Chaining::Xts),
        ("cbc", Chaining::Cbc),
        ("ecb", Chaining::Ecb),
    ];

    pub(super) fn of(name: &str) -> Option<Chaining> {
        let row = Chaining::NAMES.iter().find(|row| row.0 == name)?;
        Some(row.1)
    }
}

/// `algorithm` in `chaining` with `key`; `None` if the key's length does not suit.
pub(super) fn mode(algorithm: Algorithm, chaining: Chaining, key: &[u8]) -> Option<Held<dyn Mode>> {
    if algorithm == Algorithm::Null {
        return key
            .is_empty()
            .then(|| Held::new(Paged::new(Null) as Box<dyn Mode>));
    }
    let bytes = match chaining {
        Chaining::Xts if key.len().is_multiple_of(2) => key.len() / 2,
        Chaining::Xts => return None,
        Chaining::Cbc | Chaining::Ecb => key.len(),
    };
    algorithm.with(bytes, Make { chaining, key }).map(Held::new)
}

struct Make<'a> {
    chaining: Chaining,
    key: &'a [u8],
}

impl WithCipher for Make<'_> {
    type Made = Box<dyn Mode>;

    fn make<C: Cipher>(self) -> Option<Box<dyn Mode>> {
        let whole = || C::new_from_slice(self.key).ok();
        Some(match self.chaining {
            Chaining::Xts => {
                let (data, tweak) = self.key.split_at(self.key.len() / 2);
                let data = C::new_from_slice(data).ok()?;
                Paged::new(Xts::new(data, C::new_from_slice(tweak).ok()?))
            }
            Chaining::Cbc => Paged::new(Cbc(whole()?)),
            Chaining::Ecb => Paged::new(Ecb(whole()?)),
        })
    }
}

/// Data stays as it is.
struct Null;

impl Mode for Null {
    fn encrypt(&self, _: &mut [Block], _: &mut [Block]) {}

    fn decrypt(&self, _: &mut [Block], _: &mut [Block]) {}
}

/// Each block by itself.
struct Ecb<C>(C);

impl<C: Cipher> Mode for Ecb<C> {
    fn encrypt(&self, _: &mut [Block], data: &mut [Block]) {
        self.0.encrypt_blocks(data);
    }

    fn decrypt(&self, _: &mut [Block], data: &mut [Block]) {
        self.0.decrypt_blocks(data);
    }
}

/// Each block is mixed with the encrypted one before it.
struct Cbc<C>(C);

/// The sectors of one call.
struct Chains<'a> {
    ivs: &'a [Block],
    data: &'a mut [Block],
}

impl<C: Cipher> Mode for Cbc<C> {
    fn encrypt(&self, ivs: &mut [Block], data: &mut [Block]) {
        self.0.encrypt_with_backend(Chains { ivs, data });
    }

    fn decrypt(&self, ivs: &mut [Block], data: &mut [Block]) {
        self.0.decrypt_with_backend(Chains { ivs, data });
    }
}

impl BlockSizeUser for Chains<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Chains<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let length = self.data.len() / self.ivs.len();
        for (iv, sector) in self.ivs.iter().zip(self.data.chunks_exact_mut(length)) {
            let mut before = *iv;
            for block in sector {
                *block = xor(block, &before);
                backend.encrypt_block_inplace(block);
                before = *block;
            }
        }
    }
}

impl BlockCipherDecClosure for Chains<'_> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        let length = self.data.len() / self.ivs.len();
        for (iv, sector) in self.ivs.iter().zip(self.data.chunks_exact_mut(length)) {
            let mut before = *iv;
            let (wide, rest) = Array::<Block, B::ParBlocksSize>::slice_as_chunks_mut(sector);
            for blocks in wide {
                let encrypted = blocks.clone();
                backend.decrypt_par_blocks_inplace(blocks);
                for (block, next) in blocks.iter_mut().zip(encrypted.iter()) {
                    *block = xor(block, &before);
                    before = *next;
                }
            }
            for block in rest {
                let encrypted = *block;
                backend.decrypt_block_inplace(block);
                *block = xor(block, &before);
                before = encrypted;
            }
        }
    }
}

/// IVs are encrypted with a key that is the hash of the key.
pub(super) struct Essiv {
    pub(super) inner: Held<dyn Mode>,
    pub(super) salt: Held<dyn Single>,
}

impl Mode for Essiv {
    fn encrypt(&self, ivs: &mut [Block], data: &mut [Block]) {
        self.salt.encrypt(ivs);
        self.inner.encrypt(ivs, data);
    }

    fn decrypt(&self, ivs: &mut [Block], data: &mut [Block]) {
        self.salt.encrypt(ivs);
        self.inner.decrypt(ivs, data);
    }
}

#[inline(always)]
pub(super) fn xor(a: &Block, b: &Block) -> Block {
    Array((u128::from_le_bytes(a.0) ^ u128::from_le_bytes(b.0)).to_le_bytes())
}
