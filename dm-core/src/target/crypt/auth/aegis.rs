//! AEGIS-128, made of the rounds of AES.
//!
//! # Source
//! "AEGIS: A Fast Authenticated Encryption Algorithm (v1.1)", of the CAESAR competition.

use aes::hazmat::cipher_round;
use zeroize::Zeroize;

use super::super::block::Block;
use super::super::mode::xor;
use super::aead::{Aead, Covered, equal};

/// The cipher with its key.
pub(super) struct Aegis128(Block);

/// Fibonacci's numbers modulo 256, in two halves.
const FIRST: [u8; 16] = [
    0x00, 0x01, 0x01, 0x02, 0x03, 0x05, 0x08, 0x0d, 0x15, 0x22, 0x37, 0x59, 0x90, 0xe9, 0x79, 0x62,
];
const SECOND: [u8; 16] = [
    0xdb, 0x3d, 0x18, 0x55, 0x6d, 0xc2, 0x2f, 0xf1, 0x20, 0x11, 0x31, 0x42, 0x73, 0xb5, 0x28, 0xdd,
];

/// What hangs on all that was done so far.
struct State([Block; 5]);

impl Aegis128 {
    /// The cipher with a key of 16 bytes.
    pub(super) fn new(key: &[u8]) -> Option<Aegis128> {
        Block::try_from(key).ok().map(Aegis128)
    }

    fn begin(&self, iv: &Block, covered: &[u8]) -> State {
        let key = self.0;
        let both = xor(&key, iv);
        let (first, second) = (FIRST.into(), SECOND.into());
        let mut state = State([both, second, first, xor(&key, &first), xor(&key, &second)]);
        for _ in 0..5 {
            state.update(&key);
            state.update(&both);
        }
        for part in covered.chunks(16) {
            let mut block = Block::default();
            block[..part.len()].copy_from_slice(part);
            state.update(&block);
        }
        state
    }
}

impl State {
    fn update(&mut self, block: &Block) {
        let [a, b, c, d, e] = self.0;
        let round = |mut of: Block, key: &Block| {
            cipher_round(&mut of, key);
            of
        };
        self.0 = [
            round(e, &xor(&a, block)),
            round(a, &b),
            round(b, &c),
            round(c, &d),
            round(d, &e),
        ];
    }

    /// What the next block is mixed with.
    fn stream(&self) -> Block {
        let [_, b, c, d, e] = &self.0;
        let both = u128::from_le_bytes(c.0) & u128::from_le_bytes(d.0);
        xor(&xor(b, e), &both.to_le_bytes().into())
    }

    fn tag(mut self, covered: usize, data: usize) -> Block {
        let bits = |bytes: usize| bytes as u128 * 8;
        let lengths = bits(covered) | (bits(data) << 64);
        let last = xor(&self.0[3], &lengths.to_le_bytes().into());
        for _ in 0..7 {
            self.update(&last);
        }
        let mut tag = Block::default();
        for part in &self.0 {
            tag = xor(&tag, part);
        }
        tag
    }
}

impl Aead for Aegis128 {
    fn seal(&self, covered: &Covered<'_>, data: &mut [u8], tag: &mut [u8]) {
        let (bytes, end) = covered.bytes();
        let Ok(iv) = covered.iv.try_into() else {
            return;
        };
        let mut state = self.begin(iv, &bytes[..end]);
        let (blocks, _) = Block::slice_as_chunks_mut(data);
        for block in blocks {
            let stream = state.stream();
            state.update(block);
            *block = xor(block, &stream);
        }
        let made = state.tag(end, data.len());
        tag.copy_from_slice(&made[..tag.len()]);
    }

    fn open(&self, covered: &Covered<'_>, data: &mut [u8], tag: &[u8]) -> bool {
        let (bytes, end) = covered.bytes();
        let Ok(iv) = covered.iv.try_into() else {
            return false;
        };
        let mut state = self.begin(iv, &bytes[..end]);
        let (blocks, _) = Block::slice_as_chunks_mut(data);
        for block in blocks {
            *block = xor(block, &state.stream());
            state.update(block);
        }
        let right = state.tag(end, data.len());
        equal(&right[..tag.len()], tag)
    }
}

impl Drop for Aegis128 {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|block| block.zeroize());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeroes_are_encrypted_as_the_paper_says() {
        let cipher = Aegis128::new(&[0; 16]).unwrap();
        let mut state = cipher.begin(&Block::default(), &[]);
        let encrypted = state.stream();
        state.update(&Block::default());
        let hex = |block: Block| format!("{:032x}", u128::from_be_bytes(block.0));
        assert_eq!(hex(encrypted), "951b050fa72b1a2fc16d2e1f01b07d7e");
        assert_eq!(hex(state.tag(0, 16)), "a7d2a99773249542f422217ee888d5f1");
    }
}
