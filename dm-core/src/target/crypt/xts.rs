//! XTS over any block cipher (IEEE 1619, NIST SP 800-38E), for whole sectors.
//!
//! The ciphers do many blocks at once, as many as the processor's registers hold. So that the
//! tweaks keep up with them, those of a whole sector are made first, eight lanes wide.

use cipher::consts::U16;
use cipher::{
    Array, BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherEncBackend,
    BlockCipherEncClosure, BlockSizeUser,
};

use super::block::{Block, Cipher};
use super::mode::Mode;

/// A cipher with the key for data, and one with the key for tweaks.
pub(super) struct Xts<C> {
    data: C,
    tweak: C,
}

impl<C> Xts<C> {
    pub(super) fn new(data: C, tweak: C) -> Xts<C> {
        Xts { data, tweak }
    }
}

impl<C: Cipher> Mode for Xts<C> {
    fn encrypt(&self, ivs: &mut [Block], data: &mut [Block]) {
        self.tweak.encrypt_blocks(ivs);
        self.data.encrypt_with_backend(Sectors { ivs, data });
    }

    fn decrypt(&self, ivs: &mut [Block], data: &mut [Block]) {
        self.tweak.encrypt_blocks(ivs);
        self.data.decrypt_with_backend(Sectors { ivs, data });
    }
}

/// Sectors with their first tweaks.
struct Sectors<'a> {
    ivs: &'a [Block],
    data: &'a mut [Block],
}

/// Blocks whose tweaks are made at a time: the largest sector's.
const GROUP: usize = 4096 / 16;

/// On whole cache lines, which a wide register's load shall not cross.
#[repr(align(64))]
struct Aligned([Block; GROUP]);

impl BlockSizeUser for Sectors<'_> {
    type BlockSize = U16;
}

impl Sectors<'_> {
    /// Calls `each` for groups of blocks with a tweak for each block.
    #[inline(always)]
    fn groups(self, mut each: impl FnMut(&[Block], &mut [Block])) {
        let sector = self.data.len() / self.ivs.len();
        let mut tweaks = Aligned([Block::default(); GROUP]);
        let groups = self.ivs.chunks((GROUP / sector).max(1));
        let mut rest = self.data;
        for ivs in groups {
            let (blocks, behind) = rest.split_at_mut(ivs.len() * sector);
            rest = behind;
            let tweaks = &mut tweaks.0[..blocks.len()];
            for (iv, tweaks) in ivs.iter().zip(tweaks.chunks_exact_mut(sector)) {
                multiply(iv, tweaks);
            }
            each(tweaks, blocks);
        }
    }
}

impl BlockCipherEncClosure for Sectors<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        self.groups(|tweaks, blocks| {
            let (wide, rest) = Array::<Block, B::ParBlocksSize>::slice_as_chunks_mut(blocks);
            let (wide_tweaks, rest_tweaks) =
                Array::<Block, B::ParBlocksSize>::slice_as_chunks(tweaks);
            for (blocks, tweaks) in wide.iter_mut().zip(wide_tweaks) {
                whiten(blocks, tweaks);
                backend.encrypt_par_blocks_inplace(blocks);
                whiten(blocks, tweaks);
            }
            whiten(rest, rest_tweaks);
            backend.encrypt_tail_blocks_inplace(rest);
            whiten(rest, rest_tweaks);
        });
    }
}

impl BlockCipherDecClosure for Sectors<'_> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        self.groups(|tweaks, blocks| {
            let (wide, rest) = Array::<Block, B::ParBlocksSize>::slice_as_chunks_mut(blocks);
            let (wide_tweaks, rest_tweaks) =
                Array::<Block, B::ParBlocksSize>::slice_as_chunks(tweaks);
            for (blocks, tweaks) in wide.iter_mut().zip(wide_tweaks) {
                whiten(blocks, tweaks);
                backend.decrypt_par_blocks_inplace(blocks);
                whiten(blocks, tweaks);
            }
            whiten(rest, rest_tweaks);
            backend.decrypt_tail_blocks_inplace(rest);
            whiten(rest, rest_tweaks);
        });
    }
}

/// By words of a size that vectors are made of: what was stored in parts, wide loads wait for.
#[inline(always)]
fn whiten(blocks: &mut [Block], tweaks: &[Block]) {
    let words = Block::slice_as_flattened_mut(blocks).as_chunks_mut::<8>().0;
    let tweaks = Block::slice_as_flattened(tweaks).as_chunks::<8>().0;
    for (word, tweak) in words.iter_mut().zip(tweaks) {
        *word = (u64::from_le_bytes(*word) ^ u64::from_le_bytes(*tweak)).to_le_bytes();
    }
}

/// Tweaks that are made side by side, in registers.
const LANES: usize = 16;

/// A bit of each lower half.
const LOWER: [u64; 2 * LANES] = {
    let mut mask = [0; 2 * LANES];
    let mut at = 0;
    while at < mask.len() {
        mask[at] = u64::MAX;
        at += 2;
    }
    mask
};

/// The tweaks of a sector: each is the one before it times x, in GF(2^128) with the polynomial
/// x^128 + x^7 + x^2 + x + 1. A single block is encrypted for the IVs of eboiv.
#[inline(always)]
fn multiply(first: &Block, tweaks: &mut [Block]) {
    // Halves of 64 bits, the lower one first, as in memory.
    let tweak = u128::from_le_bytes(first.0);
    let both = [low(tweak), low(tweak >> 64)];
    // Times x^0 to x^15: what one half loses, the other gets; to the lower one it comes back times the
    // polynomial.
    let mut halves: [u64; 2 * LANES] = core::array::from_fn(|at| {
        let power = at / 2;
        let lost = (both[(at + 1) % 2] >> 1) >> (63 - power);
        (both[at % 2] << power) ^ lost ^ (times_polynomial(lost) & LOWER[at])
    });
    let mut chunks = tweaks.chunks_exact_mut(LANES);
    for tweaks in &mut chunks {
        store(&halves, tweaks);
        // Times x^16.
        let lost: [u64; 2 * LANES] = core::array::from_fn(|at| halves[at ^ 1] >> 48);
        halves = core::array::from_fn(|at| {
            (halves[at] << 16) ^ lost[at] ^ (times_polynomial(lost[at]) & LOWER[at])
        });
    }
    store(&halves, chunks.into_remainder());
}

/// Times the polynomial without its 1.
#[inline(always)]
fn times_polynomial(lost: u64) -> u64 {
    (lost << 1) ^ (lost << 2) ^ (lost << 7)
}

#[inline(always)]
fn store(halves: &[u64], tweaks: &mut [Block]) {
    let words = Block::slice_as_flattened_mut(tweaks);
    for (to, half) in words.as_chunks_mut::<8>().0.iter_mut().zip(halves) {
        *to = half.to_le_bytes();
    }
}

/// The lower 64 bits.
#[inline(always)]
fn low(value: u128) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = value.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
