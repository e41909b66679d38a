//! What makes tags.

use alloc::boxed::Box;
use core::hash::Hasher;

use crc::{Algorithm, CRC_32_ISCSI, CRC_32_ISO_HDLC, Crc, Table};
use digest::Digest;
use hmac::{Hmac, KeyInit, Mac};
use twox_hash::XxHash64;

/// What the tag of a discarded block is full of.
pub const DISCARDED: u8 = 0xf6;

/// Makes the tag of a block.
pub trait TagHash: Send + Sync {
    /// Bytes that the hash has of itself.
    fn size(&self) -> usize;

    /// Writes the tag of the block of data at sector `sector`: cut off, or filled up with zeroes.
    fn tag(&self, sector: u64, block: &[u8], tag: &mut [u8]);

    /// Writes the hash of `bytes` alone, behind the salt: cut off, or filled up with zeroes.
    fn digest(&self, bytes: &[u8], hash: &mut [u8]);
}

/// The hashes without a key, as the kernel names them; `hmac(…)` of the last three needs one.
pub const TAG_HASHES: &[&str] = &["crc32c", "crc32", "xxhash64", "sha1", "sha256", "sha512"];

/// Why there is no such hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagHashError {
    /// Its name is not known.
    #[error(
        "the hash is none of crc32c, crc32, xxhash64, sha1, sha256, sha512, or hmac() of these"
    )]
    Unknown,
    /// It needs a key.
    #[error("the hash needs a key")]
    NoKey,
    /// It takes none.
    #[error("the hash takes no key")]
    Key,
}

/// As the kernel's `crc32`: it neither begins with ones nor inverts the end.
const CRC32: Algorithm<u32> = Algorithm {
    init: 0,
    xorout: 0,
    ..CRC_32_ISO_HDLC
};

static CRC32_TABLE: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC32);
static CRC32C_TABLE: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// The hash of this name, with a key if it needs one. `salt` is hashed first.
///
/// # Errors
/// [`TagHashError`] if there is none.
pub fn tag_hash(
    name: &str,
    key: Option<&[u8]>,
    salt: &[u8],
) -> Result<Box<dyn TagHash>, TagHashError> {
    let keyed = name
        .strip_prefix("hmac(")
        .and_then(|name| name.strip_suffix(')'));
    match (keyed, key) {
        (Some("sha1"), Some(key)) => mac::<Hmac<sha1::Sha1>>(key, salt),
        (Some("sha256"), Some(key)) => mac::<Hmac<sha2::Sha256>>(key, salt),
        (Some("sha512"), Some(key)) => mac::<Hmac<sha2::Sha512>>(key, salt),
        (Some("sha1" | "sha256" | "sha512"), None) => Err(TagHashError::NoKey),
        (None, Some(_)) if TAG_HASHES.contains(&name) => Err(TagHashError::Key),
        (None, None) => match name {
            "crc32c" => Ok(Box::new(Sum(&CRC32C_TABLE, salt.into()))),
            "crc32" => Ok(Box::new(Sum(&CRC32_TABLE, salt.into()))),
            "xxhash64" => {
                let mut before = XxHash64::with_seed(0);
                before.write(salt);
                Ok(Box::new(Fast(before)))
            }
            "sha1" => Ok(Box::new(Digested(sha1::Sha1::new_with_prefix(salt)))),
            "sha256" => Ok(Box::new(Digested(sha2::Sha256::new_with_prefix(salt)))),
            "sha512" => Ok(Box::new(Digested(sha2::Sha512::new_with_prefix(salt)))),
            _ => Err(TagHashError::Unknown),
        },
        _ => Err(TagHashError::Unknown),
    }
}

fn mac<M>(key: &[u8], salt: &[u8]) -> Result<Box<dyn TagHash>, TagHashError>
where
    M: Mac + KeyInit + Clone + Send + Sync + 'static,
{
    // An HMAC takes a key of any length.
    let mut mac = <M as KeyInit>::new_from_slice(key).map_err(|_| TagHashError::NoKey)?;
    mac.update(salt);
    Ok(Box::new(Keyed(mac)))
}

/// A sum, and what comes before each block.
struct Sum(&'static Crc<u32, Table<16>>, Box<[u8]>);

/// xxhash64 after the salt.
struct Fast(XxHash64);

/// A digest after the salt.
struct Digested<D>(D);

/// A MAC after the salt.
struct Keyed<M>(M);

impl TagHash for Sum {
    fn size(&self) -> usize {
        4
    }

    fn tag(&self, sector: u64, block: &[u8], tag: &mut [u8]) {
        let mut sum = self.0.digest();
        sum.update(&self.1);
        sum.update(&sector.to_le_bytes());
        sum.update(block);
        put(&sum.finalize().to_le_bytes(), tag);
    }

    fn digest(&self, bytes: &[u8], hash: &mut [u8]) {
        let mut sum = self.0.digest();
        sum.update(&self.1);
        sum.update(bytes);
        put(&sum.finalize().to_le_bytes(), hash);
    }
}

impl TagHash for Fast {
    fn size(&self) -> usize {
        8
    }

    fn tag(&self, sector: u64, block: &[u8], tag: &mut [u8]) {
        let mut sum = self.0.clone();
        sum.write(&sector.to_le_bytes());
        sum.write(block);
        put(&sum.finish().to_le_bytes(), tag);
    }

    fn digest(&self, bytes: &[u8], hash: &mut [u8]) {
        let mut sum = self.0.clone();
        sum.write(bytes);
        put(&sum.finish().to_le_bytes(), hash);
    }
}

impl<D: Digest + Clone + Send + Sync> TagHash for Digested<D> {
    fn size(&self) -> usize {
        <D as Digest>::output_size()
    }

    fn tag(&self, sector: u64, block: &[u8], tag: &mut [u8]) {
        let mut state = self.0.clone();
        state.update(sector.to_le_bytes());
        state.update(block);
        put(&state.finalize(), tag);
    }

    fn digest(&self, bytes: &[u8], hash: &mut [u8]) {
        let mut state = self.0.clone();
        state.update(bytes);
        put(&state.finalize(), hash);
    }
}

impl<M: Mac + Clone + Send + Sync> TagHash for Keyed<M> {
    fn size(&self) -> usize {
        M::output_size()
    }

    fn tag(&self, sector: u64, block: &[u8], tag: &mut [u8]) {
        let mut state = self.0.clone();
        state.update(&sector.to_le_bytes());
        state.update(block);
        put(&state.finalize().into_bytes(), tag);
    }

    fn digest(&self, bytes: &[u8], hash: &mut [u8]) {
        let mut state = self.0.clone();
        state.update(bytes);
        put(&state.finalize().into_bytes(), hash);
    }
}

fn put(hash: &[u8], tag: &mut [u8]) {
    let used = hash.len().min(tag.len());
    tag[..used].copy_from_slice(&hash[..used]);
    tag[used..].fill(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_cut_off_or_filled_up() {
        for name in TAG_HASHES {
            let hash = tag_hash(name, None, b"").unwrap();
            let (mut long, mut short) = ([0xa5; 80], [0xa5; 3]);
            hash.tag(7, &[1; 512], &mut long);
            hash.tag(7, &[1; 512], &mut short);
            assert_eq!(long[..3], short);
            assert!(long[hash.size()..].iter().all(|byte| *byte == 0), "{name}");
            assert_ne!(long[..hash.size()], [0; 80][..hash.size()]);
        }
    }

    #[test]
    fn sums_are_the_kernels() {
        // Over 8 zero bytes and "123456789".
        let tag = |name: &str| {
            let mut tag = [0; 8];
            let hash = tag_hash(name, None, b"").unwrap();
            hash.tag(0, b"", &mut tag);
            tag
        };
        // Zeroes sum up to zero where nothing is inverted.
        assert_eq!(tag("crc32"), [0; 8]);
        assert_eq!(tag("crc32c")[..4], 0x8c28_b28a_u32.to_le_bytes());
    }

    #[test]
    fn keys_are_needed_or_refused() {
        let error = |name, key| tag_hash(name, key, b"").map(|_| ()).unwrap_err();
        assert_eq!(error("md4", None), TagHashError::Unknown);
        assert_eq!(error("hmac(sha256)", None), TagHashError::NoKey);
        assert_eq!(
            error("hmac(crc32c)", Some(b"k".as_slice())),
            TagHashError::Unknown
        );
        assert_eq!(error("crc32c", Some(b"k".as_slice())), TagHashError::Key);
        assert_eq!(tag_hash("hmac(sha1)", Some(b"k"), b"").unwrap().size(), 20);
    }
}
