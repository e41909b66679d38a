//! Ciphers that make tags: what they are to a sector, and those of libraries.

use aes_gcm::AesGcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use chacha20poly1305::ChaCha20Poly1305;
use cipher::consts::{U4, U8, U12, U13, U14, U15, U16};

use super::super::key::{Held, Paged};

/// A cipher with its key that makes and checks tags, of the length that it was made for.
///
/// A sector's number and its IV are covered by the tag, too.
pub(super) trait Aead: Send + Sync {
    /// Encrypts `data` in place, and makes its tag.
    fn seal(&self, covered: &Covered<'_>, data: &mut [u8], tag: &mut [u8]);

    /// Decrypts `data` in place if it and what is covered have this tag; whether they do.
    fn open(&self, covered: &Covered<'_>, data: &mut [u8], tag: &[u8]) -> bool;
}

/// What a tag covers besides the data.
pub(super) struct Covered<'a> {
    /// The sector, in 512 bytes from the line's first one.
    pub(super) sector: u64,
    pub(super) iv: &'a [u8],
}

/// The longest IV.
pub(super) const IV_MAX: usize = 16;

impl Covered<'_> {
    /// The bytes that are covered, little endian, and how many.
    pub(super) fn bytes(&self) -> ([u8; 8 + IV_MAX], usize) {
        let mut bytes = [0; 8 + IV_MAX];
        let end = 8 + self.iv.len();
        bytes[..8].copy_from_slice(&self.sector.to_le_bytes());
        bytes[8..end].copy_from_slice(self.iv);
        (bytes, end)
    }
}

/// A library's cipher.
struct Library<A>(A);

impl<A: AeadInOut + Send + Sync> Aead for Library<A> {
    fn seal(&self, covered: &Covered<'_>, data: &mut [u8], tag: &mut [u8]) {
        let (bytes, end) = covered.bytes();
        let Ok(iv) = covered.iv.try_into() else {
            return;
        };
        let made = self
            .0
            .encrypt_inout_detached(iv, &bytes[..end], data.into());
        // A sector is never too long.
        if let Ok(made) = made {
            tag.copy_from_slice(&made);
        }
    }

    fn open(&self, covered: &Covered<'_>, data: &mut [u8], tag: &[u8]) -> bool {
        let (bytes, end) = covered.bytes();
        let (Ok(iv), Ok(tag)) = (covered.iv.try_into(), tag.try_into()) else {
            return false;
        };
        self.0
            .decrypt_inout_detached(iv, &bytes[..end], data.into(), tag)
            .is_ok()
    }
}

/// `gcm(aes)`; `None` if it takes no such key, or makes no such tags.
pub(super) fn gcm(key: &[u8], tag: usize) -> Option<Held<dyn Aead>> {
    match key.len() {
        16 => gcm_of::<aes::Aes128>(key, tag),
        24 => gcm_of::<aes::Aes192>(key, tag),
        32 => gcm_of::<aes::Aes256>(key, tag),
        _ => None,
    }
}

fn gcm_of<C>(key: &[u8], tag: usize) -> Option<Held<dyn Aead>>
where
    C: super::super::block::Cipher,
{
    match tag {
        4 => library::<AesGcm<C, U12, U4>>(key),
        8 => library::<AesGcm<C, U12, U8>>(key),
        12 => library::<AesGcm<C, U12, U12>>(key),
        13 => library::<AesGcm<C, U12, U13>>(key),
        14 => library::<AesGcm<C, U12, U14>>(key),
        15 => library::<AesGcm<C, U12, U15>>(key),
        16 => library::<AesGcm<C, U12, U16>>(key),
        _ => None,
    }
}

/// `rfc7539(chacha20,poly1305)`, likewise.
pub(super) fn chacha(key: &[u8], tag: usize) -> Option<Held<dyn Aead>> {
    match tag {
        16 => library::<ChaCha20Poly1305>(key),
        _ => None,
    }
}

fn library<A: AeadInOut + KeyInit + Send + Sync + 'static>(key: &[u8]) -> Option<Held<dyn Aead>> {
    let cipher = A::new_from_slice(key).ok()?;
    Some(Held::new(Paged::new(Library(cipher))))
}

impl<A: Aead> Aead for Paged<A> {
    fn seal(&self, covered: &Covered<'_>, data: &mut [u8], tag: &mut [u8]) {
        self.value.seal(covered, data, tag);
    }

    fn open(&self, covered: &Covered<'_>, data: &mut [u8], tag: &[u8]) -> bool {
        self.value.open(covered, data, tag)
    }
}

/// Whether two tags are equal, in a time that does not hang on where they differ.
pub(super) fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}
