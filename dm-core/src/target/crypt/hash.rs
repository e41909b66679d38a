//! Hashes by the kernel's names and by cryptsetup's.

use md5::Md5;
use ripemd::Ripemd160;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// A hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Md5,
    Ripemd160,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash of some bytes, which may be a key.
pub(crate) type Digested = Zeroizing<alloc::vec::Vec<u8>>;

impl Hash {
    const NAMES: &'static [(&'static str, Hash)] = &[
        ("md5", Hash::Md5),
        ("rmd160", Hash::Ripemd160),
        ("ripemd160", Hash::Ripemd160),
        ("sha1", Hash::Sha1),
        ("sha224", Hash::Sha224),
        ("sha256", Hash::Sha256),
        ("sha384", Hash::Sha384),
        ("sha512", Hash::Sha512),
    ];

    /// The hash that is called so, if it is known.
    pub(crate) fn of(name: &str) -> Option<Hash> {
        let row = Hash::NAMES.iter().find(|row| row.0 == name)?;
        Some(row.1)
    }

    /// The names of all.
    pub(crate) fn known() -> alloc::string::String {
        let names: alloc::vec::Vec<_> = Hash::NAMES.iter().map(|row| row.0).collect();
        names.join(", ")
    }

    /// Bytes of a digest.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Hash::Md5 => 16,
            Hash::Ripemd160 | Hash::Sha1 => 20,
            Hash::Sha224 => 28,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }

    /// The hash of `parts`, one behind the other.
    pub(crate) fn digest(self, parts: &[&[u8]]) -> Digested {
        match self {
            Hash::Md5 => digest::<Md5>(parts),
            Hash::Ripemd160 => digest::<Ripemd160>(parts),
            Hash::Sha1 => digest::<Sha1>(parts),
            Hash::Sha224 => digest::<Sha224>(parts),
            Hash::Sha256 => digest::<Sha256>(parts),
            Hash::Sha384 => digest::<Sha384>(parts),
            Hash::Sha512 => digest::<Sha512>(parts),
        }
    }
}

#[cfg(feature = "luks")]
impl Hash {
    /// Fills `key` with what PBKDF2 makes of a passphrase.
    pub(crate) fn pbkdf2(self, passphrase: &[u8], salt: &[u8], iterations: u32, key: &mut [u8]) {
        let derive = match self {
            Hash::Md5 => pbkdf2::pbkdf2_hmac::<Md5>,
            Hash::Ripemd160 => pbkdf2::pbkdf2_hmac::<Ripemd160>,
            Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>,
            Hash::Sha224 => pbkdf2::pbkdf2_hmac::<Sha224>,
            Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>,
            Hash::Sha384 => pbkdf2::pbkdf2_hmac::<Sha384>,
            Hash::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>,
        };
        derive(passphrase, salt, iterations, key);
    }
}

fn digest<D: Digest>(parts: &[&[u8]]) -> Digested {
    let mut hash = D::new();
    parts.iter().for_each(|part| hash.update(part));
    let mut output = hash.finalize();
    let digested = Zeroizing::new(output.to_vec());
    output.fill(0);
    digested
}
