//! Initialisation vectors: what makes two sectors of equal bytes differ.
//!
//! # Source
//! `drivers/md/dm-crypt.c`.

use cipher::Array;

use super::block::{Block, Single};
use super::key::Held;
use super::mode::Mode;
use super::{elephant, lmk, tcw};

/// What makes a sector's IV, with its own keys.
pub(super) enum Iv {
    /// All zeroes, as for modes that have no IV.
    Null,
    /// The sector's lower 32 bits.
    Plain,
    /// The sector, little endian.
    Plain64,
    /// The sector, big endian, at the end.
    Plain64Be,
    /// The number of the sector's first 16-byte block, from 1, big endian, at the end.
    Benbi,
    /// The sector's first byte, encrypted as data with no IV, or with itself for one.
    Eboiv,
    /// BitLocker's: as eboiv, and a diffuser over the sector.
    Elephant(Held<dyn Single>),
    /// Loop-AES's: of a hash over the sector itself.
    Lmk(lmk::Lmk),
    /// TrueCrypt's: sectors are whitened, too.
    Tcw(tcw::Tcw),
}

/// Blocks in a sector of 512 bytes, as a power of two: one 16-byte block is 2^4 bytes.
const BENBI_SHIFT: u32 = 9 - 4;

impl Iv {
    /// The IV to encrypt the sector with the number `number`. `data` may be changed.
    pub(super) fn before_encryption(&self, number: u64, data: &mut [u8], mode: &dyn Mode) -> Block {
        match self {
            Iv::Elephant(keyed) => {
                elephant::encrypt(&**keyed, first_byte(number, data), data);
            }
            Iv::Lmk(lmk) => return lmk.iv(number, data),
            _ => {}
        }
        self.iv(number, data, mode)
    }

    /// What is left to do for a sector that was encrypted.
    pub(super) fn after_encryption(&self, number: u64, data: &mut [u8]) {
        if let Iv::Tcw(tcw) = self {
            tcw.whiten(number, data);
        }
    }

    /// The IV to decrypt the sector with the number `number`. `data` may be changed.
    pub(super) fn before_decryption(&self, number: u64, data: &mut [u8], mode: &dyn Mode) -> Block {
        match self {
            // The IV hangs on the data, which is not known yet.
            Iv::Lmk(_) => return Block::default(),
            Iv::Tcw(tcw) => tcw.whiten(number, data),
            _ => {}
        }
        self.iv(number, data, mode)
    }

    /// What is left to do for a sector that was decrypted.
    pub(super) fn after_decryption(&self, number: u64, data: &mut [u8]) {
        match self {
            Iv::Elephant(keyed) => {
                elephant::decrypt(&**keyed, first_byte(number, data), data);
            }
            Iv::Lmk(lmk) => {
                let iv = lmk.iv(number, data);
                for (byte, iv) in data.iter_mut().zip(iv) {
                    *byte ^= iv;
                }
            }
            _ => {}
        }
    }

    /// Whether sectors are touched besides what the cipher does to them.
    pub(super) fn is_plain(&self) -> bool {
        !matches!(self, Iv::Elephant(_) | Iv::Lmk(_) | Iv::Tcw(_))
    }

    fn iv(&self, number: u64, data: &[u8], mode: &dyn Mode) -> Block {
        let low = |value: u64| Array(u128::from(value).to_le_bytes());
        let high = |value: u64| Array(u128::from(value).to_be_bytes());
        match self {
            Iv::Null | Iv::Lmk(_) => Block::default(),
            Iv::Plain => low(number & u64::from(u32::MAX)),
            Iv::Plain64 => low(number),
            Iv::Plain64Be => high(number),
            Iv::Benbi => high((number << BENBI_SHIFT).wrapping_add(1)),
            Iv::Eboiv | Iv::Elephant(_) => {
                let mut block = [Block::default()];
                mode.encrypt(&mut [low(first_byte(number, data))], &mut block);
                block[0]
            }
            Iv::Tcw(tcw) => tcw.iv(number),
        }
    }
}

/// Where the sector of `data` begins, in bytes.
fn first_byte(number: u64, data: &[u8]) -> u64 {
    number.wrapping_mul(data.len() as u64)
}
