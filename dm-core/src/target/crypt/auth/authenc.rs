//! `authenc(MAC,MODE(CIPHER))`: what a mode encrypted has a keyed hash for a tag.

use cipher::KeyInit;
use hmac::Hmac;

use super::super::block::{Algorithm, Block, Single, single};
use super::super::hash::Hash;
use super::super::key::{Held, Paged};
use super::super::mode::{Chaining, Mode, mode};
use super::aead::{Aead, Covered, equal};

/// A mode and a keyed hash.
pub(super) struct Authenc {
    mode: Held<dyn Mode>,
    mac: Held<dyn Mac>,
    /// What IVs are encrypted with before all else.
    essiv: Option<Held<dyn Single>>,
}

/// A keyed hash.
trait Mac: Send + Sync {
    /// Fills `out` with the first bytes of the hash of `parts`, one behind the other.
    fn of(&self, parts: &[&[u8]], out: &mut [u8]);
}

/// Which parts it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) mac: Hash,
    pub(super) chaining: Chaining,
    pub(super) cipher: Algorithm,
    pub(super) essiv: Option<Hash>,
}

/// Both keys.
pub(super) struct Keys<'a> {
    pub(super) cipher: &'a [u8],
    pub(super) mac: &'a [u8],
}

impl Authenc {
    /// `parts` with their keys; `None` if the cipher takes no such key.
    pub(super) fn new(parts: Parts, keys: &Keys<'_>) -> Option<Authenc> {
        let essiv = match parts.essiv {
            None => None,
            // Both keys are hashed.
            Some(hash) => {
                let salt = hash.digest(&[keys.cipher, keys.mac]);
                Some(single(parts.cipher, &salt)?)
            }
        };
        Some(Authenc {
            mode: mode(parts.cipher, parts.chaining, keys.cipher)?,
            mac: keyed(parts.mac, keys.mac)?,
            essiv,
        })
    }

    /// The IV that the mode gets, and that the tag covers.
    fn iv(&self, covered: &Covered<'_>) -> Block {
        let mut iv = [Block::default()];
        iv[0][..covered.iv.len()].copy_from_slice(covered.iv);
        if let Some(essiv) = &self.essiv {
            essiv.encrypt(&mut iv);
        }
        iv[0]
    }

    fn tag(&self, covered: &Covered<'_>, iv: &Block, data: &[u8], tag: &mut [u8]) {
        let iv = &iv[..covered.iv.len()];
        let sector = covered.sector.to_le_bytes();
        self.mac.of(&[&sector, iv, data], tag);
    }
}

impl Aead for Authenc {
    fn seal(&self, covered: &Covered<'_>, data: &mut [u8], tag: &mut [u8]) {
        let iv = self.iv(covered);
        let (blocks, _) = Block::slice_as_chunks_mut(data);
        self.mode.encrypt(&mut [iv], blocks);
        self.tag(covered, &iv, data, tag);
    }

    fn open(&self, covered: &Covered<'_>, data: &mut [u8], tag: &[u8]) -> bool {
        let iv = self.iv(covered);
        let mut right = [0; 64];
        let right = &mut right[..tag.len()];
        self.tag(covered, &iv, data, right);
        if !equal(right, tag) {
            return false;
        }
        let (blocks, _) = Block::slice_as_chunks_mut(data);
        self.mode.decrypt(&mut [iv], blocks);
        true
    }
}

/// A hash that began with its key.
struct Begun<M>(M);

impl<M: hmac::Mac + Clone + Send + Sync> Mac for Begun<M> {
    fn of(&self, parts: &[&[u8]], out: &mut [u8]) {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        let length = out.len();
        out.copy_from_slice(&mac.finalize().into_bytes()[..length]);
    }
}

impl<M: Mac> Mac for Paged<M> {
    fn of(&self, parts: &[&[u8]], out: &mut [u8]) {
        self.value.of(parts, out);
    }
}

fn keyed(hash: Hash, key: &[u8]) -> Option<Held<dyn Mac>> {
    match hash {
        Hash::Md5 => begun::<Hmac<md5::Md5>>(key),
        Hash::Ripemd160 => begun::<Hmac<ripemd::Ripemd160>>(key),
        Hash::Sha1 => begun::<Hmac<sha1::Sha1>>(key),
        Hash::Sha224 => begun::<Hmac<sha2::Sha224>>(key),
        Hash::Sha256 => begun::<Hmac<sha2::Sha256>>(key),
        Hash::Sha384 => begun::<Hmac<sha2::Sha384>>(key),
        Hash::Sha512 => begun::<Hmac<sha2::Sha512>>(key),
    }
}

fn begun<M: hmac::Mac + KeyInit + Clone + Send + Sync + 'static>(
    key: &[u8],
) -> Option<Held<dyn Mac>> {
    // It takes a key of any length.
    let mac = <M as KeyInit>::new_from_slice(key).ok()?;
    Some(Held::new(Paged::new(Begun(mac))))
}
