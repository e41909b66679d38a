//! What the codec's tests share.

use alloc::vec::Vec;

/// The bytes that `text` spells in hexadecimal; blanks do not count.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .collect();
    let value = |digit: char| u8::try_from(digit.to_digit(16).unwrap()).unwrap();
    let (pairs, rest) = digits.as_chunks::<2>();
    assert!(rest.is_empty(), "odd number of digits");
    pairs
        .iter()
        .map(|[high, low]| value(*high) * 16 + value(*low))
        .collect()
}

/// A generator of numbers that are the same in every run.
pub(crate) struct Random(u64);

impl Random {
    /// The generator that starts at `seed`, which is not zero.
    pub(crate) fn new(seed: u64) -> Random {
        assert_ne!(seed, 0);
        Random(seed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`, which is not zero.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap();
        usize::try_from(self.next() % limit).unwrap()
    }

    /// A byte.
    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}
