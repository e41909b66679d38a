//! Where a slot keeps its stripes, encrypted.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::target::crypt::{CipherSpec, Hash, SectorCipher, SectorSize};

use super::error::LuksError;
use super::split::{self, STRIPES};
use super::{Random, Storage};

/// A slot's place, and how it is encrypted.
pub(super) struct Area<'a> {
    /// Its first byte.
    pub(super) offset: u64,
    /// The cipher, and the key that the passphrase made.
    pub(super) cipher: &'a str,
    pub(super) key: &'a [u8],
    /// What the stripes are mixed with.
    pub(super) hash: Hash,
}

/// Bytes that the stripes of a key of `bytes` take: whole sectors.
pub(super) fn length(bytes: usize) -> usize {
    (bytes * STRIPES).next_multiple_of(512)
}

impl Area<'_> {
    /// The key of `bytes` that is kept there.
    pub(super) fn load(
        &self,
        storage: &mut dyn Storage,
        bytes: usize,
    ) -> Result<Zeroizing<Vec<u8>>, LuksError> {
        let cipher = self.cipher()?;
        let mut stripes = Zeroizing::new(alloc::vec![0; length(bytes)]);
        storage.read(self.offset, &mut stripes)?;
        cipher.decrypt(0, &mut stripes);
        Ok(split::merge(&stripes[..bytes * STRIPES], bytes, self.hash))
    }

    /// Keeps `key` there.
    pub(super) fn store(
        &self,
        storage: &mut dyn Storage,
        key: &[u8],
        random: Random<'_>,
    ) -> Result<(), LuksError> {
        let cipher = self.cipher()?;
        let mut stripes = split::split(key, self.hash, random)?;
        let mut sectors = Zeroizing::new(alloc::vec![0; length(key.len())]);
        sectors[..stripes.len()].copy_from_slice(&stripes);
        stripes.fill(0);
        cipher.encrypt(0, &mut sectors);
        storage.write(self.offset, &sectors)?;
        Ok(())
    }

    fn cipher(&self) -> Result<SectorCipher, LuksError> {
        let spec: CipherSpec = self.cipher.parse()?;
        Ok(SectorCipher::new(&spec, self.key, SectorSize::SMALL)?)
    }
}

/// Writes chance over `length` bytes.
pub(super) fn wipe(
    storage: &mut dyn Storage,
    offset: u64,
    length: u64,
    random: Random<'_>,
) -> Result<(), LuksError> {
    let mut chance = alloc::vec![0; 1 << 16];
    let end = offset.saturating_add(length);
    let mut at = offset;
    while at < end {
        let count = usize::try_from(end - at).map_or(chance.len(), |left| left.min(chance.len()));
        random(&mut chance[..count])?;
        storage.write(at, &chance[..count])?;
        at += count as u64;
    }
    Ok(())
}
