//! The diffuser of BitLocker's first disks: each bit of a sector hangs on each other.
//!
//! # Source
//! N. Ferguson, "AES-CBC + Elephant diffuser", 2006.

use cipher::Array;
use zeroize::Zeroizing;

use super::block::{Block, Single};

/// A diffuser: how often it goes over the sector, what it looks at, and how far it rotates.
struct Diffuser {
    cycles: usize,
    forward: bool,
    rotations: [u32; 4],
}

const A: Diffuser = Diffuser {
    cycles: 5,
    forward: false,
    rotations: [9, 0, 13, 0],
};

const B: Diffuser = Diffuser {
    cycles: 3,
    forward: true,
    rotations: [0, 10, 0, 25],
};

/// What comes before a sector's encryption; `offset` is where it begins, in bytes.
pub(super) fn encrypt(key: &dyn Single, offset: u64, data: &mut [u8]) {
    mix(key, offset, data);
    let mut words = words(data);
    A.encrypt(&mut words);
    B.encrypt(&mut words);
    store(&words, data);
}

/// What comes after a sector's decryption.
pub(super) fn decrypt(key: &dyn Single, offset: u64, data: &mut [u8]) {
    let mut words = words(data);
    B.decrypt(&mut words);
    A.decrypt(&mut words);
    store(&words, data);
    mix(key, offset, data);
}

/// Xors the sector's key over it.
fn mix(key: &dyn Single, offset: u64, data: &mut [u8]) {
    let mut blocks: [Block; 2] = [Array(u128::from(offset).to_le_bytes()); 2];
    blocks[1][15] = 0x80;
    key.encrypt(&mut blocks);
    for (at, byte) in data.iter_mut().enumerate() {
        *byte ^= blocks[at / 16 % 2][at % 16];
    }
}

impl Diffuser {
    /// The word that is changed at step `at`, and the two that change it.
    fn places(&self, at: usize, count: usize) -> (usize, usize, usize) {
        let place = at % count;
        match self.forward {
            true => (place, (place + 2) % count, (place + 5) % count),
            false => (
                place,
                (place + count - 2) % count,
                (place + count - 5) % count,
            ),
        }
    }

    fn term(&self, words: &[u32], at: usize) -> (usize, u32) {
        let (place, near, far) = self.places(at, words.len());
        let rotated = words[far].rotate_left(self.rotations[place % 4]);
        (place, words[near] ^ rotated)
    }

    fn decrypt(&self, words: &mut [u32]) {
        for at in 0..self.cycles * words.len() {
            let (place, term) = self.term(words, at);
            words[place] = words[place].wrapping_add(term);
        }
    }

    fn encrypt(&self, words: &mut [u32]) {
        for at in (0..self.cycles * words.len()).rev() {
            let (place, term) = self.term(words, at);
            words[place] = words[place].wrapping_sub(term);
        }
    }
}

/// A sector as words, of which it has 1024 at most.
type Words = Zeroizing<alloc::vec::Vec<u32>>;

fn words(data: &[u8]) -> Words {
    let words = data.as_chunks::<4>().0.iter();
    Zeroizing::new(words.map(|word| u32::from_le_bytes(*word)).collect())
}

fn store(words: &[u32], data: &mut [u8]) {
    for (to, word) in data.as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *to = word.to_le_bytes();
    }
}
