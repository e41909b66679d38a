//! The IVs of Loop-AES: an MD5 state over all of the sector but its first block, which takes the
//! IV's place when it is decrypted.

use cipher::Array;
use zeroize::Zeroizing;

use super::block::Block;
use super::key::KeyBytes;

/// What goes into the hash first: nothing in version 2, a 65th key in version 3.
pub(super) struct Lmk {
    seed: Option<KeyBytes>,
}

/// The state with which MD5 begins (RFC 1321).
const MD5_START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

impl Lmk {
    pub(super) fn new(seed: Option<KeyBytes>) -> Lmk {
        Lmk { seed }
    }

    /// The IV of a sector of 512 bytes.
    pub(super) fn iv(&self, number: u64, data: &[u8]) -> Block {
        let mut state = MD5_START;
        if let Some(seed) = &self.seed {
            let mut block = Zeroizing::new([0; 64]);
            block[..16].copy_from_slice(&seed[..16]);
            md5::block_api::compress(&mut state, &[*block]);
        }
        let mut hashed = Zeroizing::new([0; 512]);
        hashed[..496].copy_from_slice(&data[16..512]);
        // 56 bits of the number, a bit, and the length of a block that Loop-AES never sees.
        let number = (number & 0x00ff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
        hashed[496..504].copy_from_slice(&number.to_le_bytes());
        hashed[504..508].copy_from_slice(&4024_u32.to_le_bytes());
        let (blocks, _) = hashed.as_chunks::<64>();
        md5::block_api::compress(&mut state, blocks);
        let mut iv = [0; 16];
        for (to, word) in iv.as_chunks_mut::<4>().0.iter_mut().zip(state) {
            *to = word.to_le_bytes();
        }
        Array(iv)
    }
}
