//! Ciphers for what is no sector of a disk: integrity's journal.

use alloc::vec;
use alloc::vec::Vec;

use super::block::{Algorithm, Block, Single, single};
use super::key::Held;
use super::mode::{Chaining, Mode, mode};
use super::spec::CipherError;

/// A cipher as the kernel's crypto names it, `MODE(CIPHER)`, with its key.
pub(crate) struct WholeCipher(Kind);

enum Kind {
    /// What it makes is mixed with the data.
    Stream(Held<dyn Single>),
    /// Data goes through it, of which there must be whole blocks.
    Blocks(Held<dyn Mode>),
}

impl WholeCipher {
    /// `ctr(…)`, `cbc(…)`, `ecb(…)` or `xts(…)` of a cipher.
    pub(crate) fn new(name: &str, key: &[u8]) -> Result<WholeCipher, CipherError> {
        let parts = name.strip_suffix(')').and_then(|name| name.split_once('('));
        let (chaining, cipher) = parts.ok_or_else(|| CipherError::Mode(name.into()))?;
        let algorithm = Algorithm::of(cipher).ok_or_else(|| CipherError::Cipher(cipher.into()))?;
        let size = CipherError::KeySize { bytes: key.len() };
        if chaining == "ctr" {
            let cipher = single(algorithm, key).ok_or(size)?;
            return Ok(WholeCipher(Kind::Stream(cipher)));
        }
        let chaining = Chaining::of(chaining).ok_or_else(|| CipherError::Mode(chaining.into()))?;
        let cipher = mode(algorithm, chaining, key).ok_or(size)?;
        Ok(WholeCipher(Kind::Blocks(cipher)))
    }

    /// What a stream makes from an IV of zeroes, at least `bytes` of it; `None` of a block cipher.
    pub(crate) fn stream(&self, bytes: usize) -> Option<Vec<u8>> {
        let Kind::Stream(cipher) = &self.0 else {
            return None;
        };
        let mut stream = vec![0; bytes.next_multiple_of(size_of::<Block>())];
        let (blocks, _) = Block::slice_as_chunks_mut(&mut stream);
        for (number, block) in blocks.iter_mut().enumerate() {
            block.0 = (number as u128).to_be_bytes();
        }
        cipher.encrypt(blocks);
        Some(stream)
    }

    /// Encrypts whole blocks; a stream leaves them alone.
    pub(crate) fn encrypt(&self, iv: [u8; 16], data: &mut [u8]) {
        if let Kind::Blocks(cipher) = &self.0 {
            let (blocks, _) = Block::slice_as_chunks_mut(data);
            cipher.encrypt(&mut [iv.into()], blocks);
        }
    }

    /// Decrypts whole blocks; a stream leaves them alone.
    pub(crate) fn decrypt(&self, iv: [u8; 16], data: &mut [u8]) {
        if let Kind::Blocks(cipher) = &self.0 {
            let (blocks, _) = Block::slice_as_chunks_mut(data);
            cipher.decrypt(&mut [iv.into()], blocks);
        }
    }
}
