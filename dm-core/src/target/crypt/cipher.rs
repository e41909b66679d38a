//! Sectors in, sectors out: a cipher, its mode, its IVs and its keys.

use alloc::vec::Vec;

use super::block::{Algorithm, Block, single};
use super::iv::Iv;
use super::iv_kind::IvKind;
use super::key::{Held, KeyBytes, Paged};
use super::lmk::Lmk;
use super::mode::{Essiv, Mode, mode};
use super::spec::{CipherError, CipherSpec};
use super::tcw::Tcw;

/// Encrypts and decrypts sectors with one key, as the kernel's dm-crypt does.
pub struct SectorCipher {
    keys: Vec<Held<dyn Mode>>,
    iv: Iv,
    size: SectorSize,
}

/// Bytes that are encrypted as one, and what IVs count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectorSize {
    bytes: usize,
    /// Sectors of 512 bytes in one.
    step: u64,
    /// What the number of a 512-byte sector is shifted by for the IV.
    shift: u32,
}

/// What IVs count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IvUnit {
    /// 512 bytes, whatever a sector's size.
    Sectors,
    /// The sectors that are encrypted.
    LargeSectors,
}

/// Sectors whose IVs are made at a time.
const BATCH: usize = 32;

#[derive(Clone, Copy)]
enum Direction {
    Encrypt,
    Decrypt,
}

impl SectorSize {
    /// 512 bytes.
    pub const SMALL: SectorSize = SectorSize {
        bytes: 512,
        step: 1,
        shift: 0,
    };

    /// Sectors of `bytes`, if that is 512, 1024, 2048 or 4096.
    pub fn new(bytes: u32, iv: IvUnit) -> Option<SectorSize> {
        if !bytes.is_power_of_two() || !(512..=4096).contains(&bytes) {
            return None;
        }
        let shift = bytes.trailing_zeros() - 9;
        Some(SectorSize {
            bytes: usize::try_from(bytes).ok()?,
            step: 1 << shift,
            shift: match iv {
                IvUnit::Sectors => 0,
                IvUnit::LargeSectors => shift,
            },
        })
    }

    /// Bytes of one.
    pub fn bytes(self) -> usize {
        self.bytes
    }

    /// What an IV is made of: the number of a 512-byte sector, or of those of this size.
    pub(super) fn counted(self, number: u64) -> u64 {
        number >> self.shift
    }
}

impl SectorCipher {
    /// `spec` with `key`.
    ///
    /// # Errors
    /// If the cipher takes no such key, or the IV no such sectors.
    pub fn new(
        spec: &CipherSpec,
        key: &[u8],
        size: SectorSize,
    ) -> Result<SectorCipher, CipherError> {
        let bytes = key.len();
        let wrong = || CipherError::KeySize { bytes };
        let layout = spec.layout(bytes)?;
        let (keys, extra) = key.split_at(bytes - layout.extra);
        let keys = match spec.algorithm {
            Algorithm::Null if keys.is_empty() => alloc::vec![keys],
            _ if layout.each == 0 => return Err(wrong()),
            _ => keys.chunks_exact(layout.each).take(spec.keys).collect(),
        };
        let keyed = |key| held(spec, key).and_then(|mode| mode.ok_or_else(wrong));
        let keys: Vec<Held<dyn Mode>> = keys.into_iter().map(keyed).collect::<Result<_, _>>()?;
        let only_small = |iv| match size.bytes {
            512 => Ok(()),
            _ => Err(CipherError::SectorSize { iv }),
        };
        let iv = match spec.iv {
            IvKind::Null => Iv::Null,
            IvKind::Random => return Err(CipherError::Random),
            IvKind::Plain => Iv::Plain,
            IvKind::Plain64 => Iv::Plain64,
            IvKind::Plain64Be => Iv::Plain64Be,
            IvKind::Benbi => Iv::Benbi,
            IvKind::Eboiv => Iv::Eboiv,
            IvKind::Elephant => {
                let key = single(spec.algorithm, extra).ok_or_else(wrong)?;
                Iv::Elephant(key)
            }
            IvKind::Lmk => {
                only_small("lmk")?;
                let seed = match extra.len() {
                    0 => None,
                    _ => Some(KeyBytes::copy(extra).ok_or_else(wrong)?),
                };
                Iv::Lmk(Lmk::new(seed))
            }
            IvKind::Tcw => {
                only_small("tcw")?;
                Iv::Tcw(Tcw::new(KeyBytes::copy(extra).ok_or_else(wrong)?))
            }
        };
        Ok(SectorCipher { keys, iv, size })
    }

    /// What it encrypts as one.
    pub fn sector_size(&self) -> SectorSize {
        self.size
    }

    /// Encrypts `data`, whole sectors, of which the first has the number `first`, counted in 512
    /// bytes, with the table's offset for IVs added.
    #[inline(never)] // In a frame of its own, beneath who wipes the stack of what is left of round keys.
    pub fn encrypt(&self, first: u64, data: &mut [u8]) {
        self.run(first, data, Direction::Encrypt);
    }

    /// Decrypts what [`SectorCipher::encrypt`] made.
    #[inline(never)]
    pub fn decrypt(&self, first: u64, data: &mut [u8]) {
        self.run(first, data, Direction::Decrypt);
    }

    /// Encrypts one sector with an IV of 16 bytes that its number does not make.
    pub(super) fn encrypt_with(&self, number: u64, iv: &[u8], data: &mut [u8]) {
        let (blocks, _) = Block::slice_as_chunks_mut(data);
        self.mode(number).encrypt(&mut [block(iv)], blocks);
    }

    /// Decrypts what [`SectorCipher::encrypt_with`] made.
    pub(super) fn decrypt_with(&self, number: u64, iv: &[u8], data: &mut [u8]) {
        let (blocks, _) = Block::slice_as_chunks_mut(data);
        self.mode(number).decrypt(&mut [block(iv)], blocks);
    }

    fn run(&self, first: u64, data: &mut [u8], direction: Direction) {
        let SectorSize { bytes, step, shift } = self.size;
        let batch = if self.keys.len() == 1 { BATCH } else { 1 };
        let mut ivs = [Block::default(); BATCH];
        let mut sector = first;
        for data in data.chunks_mut(batch * bytes) {
            let count = data.len() / bytes;
            let mode = self.mode(sector);
            let number = |at: usize| sector.wrapping_add(at as u64 * step) >> shift;
            let ivs = &mut ivs[..count];
            for (at, part) in data.chunks_exact_mut(bytes).enumerate() {
                ivs[at] = match direction {
                    Direction::Encrypt => self.iv.before_encryption(number(at), part, self.mode(0)),
                    Direction::Decrypt => self.iv.before_decryption(number(at), part, self.mode(0)),
                };
            }
            let (blocks, _) = Block::slice_as_chunks_mut(data);
            match direction {
                Direction::Encrypt => mode.encrypt(ivs, blocks),
                Direction::Decrypt => mode.decrypt(ivs, blocks),
            }
            if !self.iv.is_plain() {
                for (at, part) in data.chunks_exact_mut(bytes).enumerate() {
                    match direction {
                        Direction::Encrypt => self.iv.after_encryption(number(at), part),
                        Direction::Decrypt => self.iv.after_decryption(number(at), part),
                    }
                }
            }
            sector = sector.wrapping_add(count as u64 * step);
        }
    }

    /// The key for a sector.
    fn mode(&self, sector: u64) -> &dyn Mode {
        let mask = self.keys.len() as u64 - 1;
        let at = usize::try_from(sector & mask).unwrap_or_default();
        &*self.keys[at]
    }
}

fn block(iv: &[u8]) -> Block {
    let mut block = Block::default();
    block[..iv.len()].copy_from_slice(iv);
    block
}

/// One of the cipher's keys; `None` if it has a wrong length.
fn held(spec: &CipherSpec, key: &[u8]) -> Result<Option<Held<dyn Mode>>, CipherError> {
    let Some(inner) = mode(spec.algorithm, spec.chaining, key) else {
        return Ok(None);
    };
    let Some(hash) = spec.essiv else {
        return Ok(Some(inner));
    };
    let salt = single(spec.algorithm, &hash.digest(&[key]));
    let salt = salt.ok_or_else(|| CipherError::HashSize(alloc::format!("{hash:?}")))?;
    Ok(Some(Held::new(Paged::new(Essiv { inner, salt }))))
}
