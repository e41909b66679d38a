//! The IVs of TrueCrypt's old CBC volumes: a seed, and eight bytes that whiten the sector.

use cipher::Array;

use super::block::Block;
use super::key::KeyBytes;

/// 16 bytes for IVs and 16 for the whitening.
pub(super) struct Tcw(KeyBytes);

impl Tcw {
    pub(super) fn new(key: KeyBytes) -> Tcw {
        Tcw(key)
    }

    pub(super) fn iv(&self, number: u64) -> Block {
        Array(twice(number, &self.0[..16]))
    }

    /// Puts the whitening on a sector, or takes it off.
    pub(super) fn whiten(&self, number: u64, data: &mut [u8]) {
        let mixed = twice(number, &self.0[16..]);
        let mut sums = [0_u32; 4];
        for (sum, part) in sums.iter_mut().zip(mixed.as_chunks::<4>().0) {
            *sum = crc32(*part);
        }
        let mask = [sums[0] ^ sums[3], sums[1] ^ sums[2]];
        for (at, byte) in data.iter_mut().enumerate() {
            *byte ^= mask[at / 4 % 2].to_le_bytes()[at % 4];
        }
    }
}

/// `seed` with the number xored into each half.
fn twice(number: u64, seed: &[u8]) -> [u8; 16] {
    let mut mixed = [0; 16];
    let halves = seed.as_chunks::<8>().0;
    for (mixed, half) in mixed.as_chunks_mut::<8>().0.iter_mut().zip(halves) {
        *mixed = (u64::from_le_bytes(*half) ^ number).to_le_bytes();
    }
    mixed
}

/// CRC-32 as the kernel's `crc32` has it: from zero on, and nothing inverted.
fn crc32(bytes: [u8; 4]) -> u32 {
    (0..32).fold(u32::from_le_bytes(bytes), |sum, _| {
        (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_is_crc32_without_inversions() {
        // `123456789` has the well-known CRC-32 cbf43926; this is its linear part for `1234`.
        // crc(a) ^ crc(b) is linear, so that the inversions fall out of a difference.
        let whole = |bytes: [u8; 4]| !crc32((u32::from_le_bytes(bytes) ^ u32::MAX).to_le_bytes());
        assert_eq!(whole(*b"1234"), 0x9be3_e0a3);
    }
}
