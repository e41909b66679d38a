//! The anti-forensic splitter: a key spread over so many stripes that a lost one loses the key.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::target::crypt::Hash;

use super::Random;
use super::error::LuksError;

/// How many stripes there are: all that write LUKS take this number.
pub(super) const STRIPES: usize = 4000;

/// `key` as stripes.
pub(super) fn split(
    key: &[u8],
    hash: Hash,
    random: Random<'_>,
) -> Result<Zeroizing<Vec<u8>>, LuksError> {
    let mut stripes = Zeroizing::new(alloc::vec![0; key.len() * STRIPES]);
    let (others, last) = stripes.split_at_mut(key.len() * (STRIPES - 1));
    random(others)?;
    let mixed = mix(others, key.len(), hash);
    for ((to, mixed), key) in last.iter_mut().zip(&*mixed).zip(key) {
        *to = mixed ^ key;
    }
    Ok(stripes)
}

/// The key of `bytes` that `stripes` are.
pub(super) fn merge(stripes: &[u8], bytes: usize, hash: Hash) -> Zeroizing<Vec<u8>> {
    let (others, last) = stripes.split_at(bytes * (STRIPES - 1));
    let mut key = mix(others, bytes, hash);
    for (key, last) in key.iter_mut().zip(last) {
        *key ^= last;
    }
    key
}

fn mix(stripes: &[u8], bytes: usize, hash: Hash) -> Zeroizing<Vec<u8>> {
    let mut mixed = Zeroizing::new(alloc::vec![0; bytes]);
    for stripe in stripes.chunks_exact(bytes) {
        for (mixed, byte) in mixed.iter_mut().zip(stripe) {
            *mixed ^= byte;
        }
        diffuse(&mut mixed, hash);
    }
    mixed
}

/// Each part of a hash's length is hashed behind its number.
fn diffuse(bytes: &mut [u8], hash: Hash) {
    for (number, part) in (0_u32..).zip(bytes.chunks_mut(hash.bytes())) {
        let digest = hash.digest(&[&number.to_be_bytes(), part]);
        let length = part.len();
        part.copy_from_slice(&digest[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_stripes_are_the_key() {
        for (hash, bytes) in [(Hash::Sha1, 16), (Hash::Sha256, 64), (Hash::Sha512, 33)] {
            let key: Vec<u8> = (1..=255).cycle().take(bytes).collect();
            let mut next = 0_u8;
            let mut random = |bytes: &mut [u8]| {
                for byte in bytes {
                    next = next.wrapping_mul(5).wrapping_add(113);
                    *byte = next;
                }
                Ok(())
            };
            let mut stripes = split(&key, hash, &mut random).unwrap();
            assert_eq!(*merge(&stripes, bytes, hash), key);
            stripes[1000] ^= 1;
            assert_ne!(*merge(&stripes, bytes, hash), key);
        }
    }
}
