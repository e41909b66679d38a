//! What a cipher's name says: `CIPHER[:KEYS]-MODE-IV[:OPTION]`, or `capi:SPEC-IV[:OPTION]`.

use alloc::string::String;
use core::str::FromStr;

use super::block::Algorithm;
use super::hash::Hash;
use super::iv_kind::IvKind;
use super::known::Known;
use super::mode::Chaining;

/// How sectors are encrypted, but for the key.
///
/// # Source
/// `crypt_ctr_cipher_old`, `crypt_ctr_cipher_new` and `crypt_ctr_ivmode` in
/// `drivers/md/dm-crypt.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherSpec {
    pub(super) algorithm: Algorithm,
    pub(super) chaining: Chaining,
    /// Keys that sectors take in turn: a power of two.
    pub(super) keys: usize,
    pub(super) iv: IvKind,
    /// IVs are encrypted with this hash of the key.
    pub(super) essiv: Option<Hash>,
}

/// Why there is no such cipher, or not with this key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // the messages say it
pub enum CipherError {
    #[error("the cipher {0} is none of {names}", names = Known(Algorithm::NAMES, |_| true))]
    Cipher(String),
    #[error("the mode {0} is none of {names}", names = Known(Chaining::NAMES, |_| true))]
    Mode(String),
    #[error("the IV {0} is none of {names}", names = IvKind::known(|_| true))]
    Iv(String),
    #[error("the hash {0} is none of {names}", names = Hash::known())]
    Hash(String),
    #[error("the cipher has no IV, as in aes-xts-plain64")]
    NoIv,
    #[error("essiv needs a hash, as in essiv:sha256")]
    NoHash,
    #[error("the hash {0} makes no key for the cipher")]
    HashSize(String),
    #[error("the number of keys is no power of two")]
    Keys,
    #[error("{0} is not SPEC-IV, as in capi:xts(aes)-plain64")]
    Capi(String),
    #[error("random IVs are kept in sectors' tags, of which there are none")]
    Random,
    #[error("the cipher takes no key of {bytes} bytes")]
    KeySize { bytes: usize },
    #[error("the IV {iv} works with sectors of 512 bytes alone")]
    SectorSize { iv: &'static str },
    #[error("cipher_null works in the mode ecb alone")]
    Null,
}

impl FromStr for CipherSpec {
    type Err = CipherError;

    fn from_str(text: &str) -> Result<CipherSpec, CipherError> {
        match text.strip_prefix("capi:") {
            Some(text) => crypto_api(text),
            None => classic(text),
        }
    }
}

/// `CIPHER[:KEYS]-MODE-IV[:OPTION]`.
fn classic(text: &str) -> Result<CipherSpec, CipherError> {
    let (cipher, rest) = split(text, '-');
    let (cipher, keys) = split(cipher, ':');
    let keys = match keys {
        None => 1,
        Some(keys) => keys.parse().map_err(|_| CipherError::Keys)?,
    };
    let (mode, iv) = rest.map_or((None, None), |rest| {
        let (mode, iv) = split(rest, '-');
        (Some(mode), iv)
    });
    // As the first dm-crypt had it.
    let (mode, iv) = match (mode, iv) {
        (None | Some("plain"), None) => ("cbc", Some("plain")),
        (mode, iv) => (mode.unwrap_or_default(), iv),
    };
    if iv.is_none() && mode != "ecb" {
        return Err(CipherError::NoIv);
    }
    let (iv, option) = iv.map_or((None, None), |iv| {
        let (iv, option) = split(iv, ':');
        (Some(iv), option)
    });
    CipherSpec::of(cipher, mode, keys, iv, option)
}

/// `SPEC-IV[:OPTION]` with SPEC as the kernel's crypto API has it, such as `xts(aes)`.
fn crypto_api(text: &str) -> Result<CipherSpec, CipherError> {
    let ApiWords { spec, iv, option } = ApiWords::of(text);
    let inner = |text| unwrap(text).ok_or_else(|| CipherError::Capi(text.into()));
    let keys = if iv == Some("lmk") { 64 } else { 1 };
    match inner(spec)? {
        ("essiv", of) => {
            let (of, hash) = of
                .rsplit_once(',')
                .ok_or_else(|| CipherError::Capi(of.into()))?;
            let (mode, cipher) = inner(of)?;
            let spec = CipherSpec::of(cipher, mode, keys, iv, option)?;
            let essiv = Some(hash_of(hash)?);
            Ok(CipherSpec { essiv, ..spec })
        }
        (mode, cipher) => CipherSpec::of(cipher, mode, keys, iv, option),
    }
}

/// The words of `SPEC-IV[:OPTION]`.
pub(super) struct ApiWords<'a> {
    pub(super) spec: &'a str,
    pub(super) iv: Option<&'a str>,
    pub(super) option: Option<&'a str>,
}

impl<'a> ApiWords<'a> {
    pub(super) fn of(text: &'a str) -> ApiWords<'a> {
        let (rest, option) = match text.rsplit_once(':') {
            Some((rest, option)) => (rest, Some(option)),
            None => (text, None),
        };
        let (spec, iv) = match rest.rsplit_once('-') {
            Some((spec, iv)) => (spec, Some(iv)),
            None => (rest, None),
        };
        ApiWords { spec, iv, option }
    }
}

impl CipherSpec {
    fn of(
        cipher: &str,
        mode: &str,
        keys: usize,
        iv: Option<&str>,
        option: Option<&str>,
    ) -> Result<CipherSpec, CipherError> {
        let algorithm = Algorithm::of(cipher).ok_or_else(|| CipherError::Cipher(cipher.into()))?;
        let chaining = Chaining::of(mode).ok_or_else(|| CipherError::Mode(mode.into()))?;
        if algorithm == Algorithm::Null && chaining != Chaining::Ecb {
            return Err(CipherError::Null);
        }
        if !keys.is_power_of_two() {
            return Err(CipherError::Keys);
        }
        let mut spec = CipherSpec {
            algorithm,
            chaining,
            keys,
            iv: IvKind::Null,
            essiv: None,
        };
        // The mode has no IV: the kernel warns and goes on.
        let (Some(iv), true) = (iv, chaining != Chaining::Ecb) else {
            return Ok(spec);
        };
        spec.iv = IvKind::of(iv).ok_or_else(|| CipherError::Iv(iv.into()))?;
        if iv == "essiv" {
            spec.essiv = Some(hash_of(option.ok_or(CipherError::NoHash)?)?);
        }
        Ok(spec)
    }

    /// The cipher, if its IVs are random, for who makes and keeps them himself.
    pub(super) fn without_random_iv(self) -> Option<CipherSpec> {
        let iv = IvKind::Null;
        (self.iv == IvKind::Random).then_some(CipherSpec { iv, ..self })
    }

    /// How a key of `bytes` is dealt out.
    pub(super) fn layout(&self, bytes: usize) -> Result<KeyLayout, CipherError> {
        let (mut parts, mut extra) = (self.keys, 0);
        match self.iv {
            // A last key is a seed: version 3.
            IvKind::Lmk if !bytes.is_multiple_of(parts) => {
                parts += 1;
                extra = bytes / parts;
            }
            IvKind::Tcw => {
                parts += 2;
                extra = 32;
            }
            IvKind::Elephant => {
                parts = 2;
                extra = bytes / 2;
            }
            _ => {}
        }
        match bytes.checked_sub(extra) {
            Some(keys) if self.iv != IvKind::Tcw || keys > 0 => Ok(KeyLayout {
                each: keys / self.keys,
                parts,
                extra,
            }),
            _ => Err(CipherError::KeySize { bytes }),
        }
    }
}

/// How a key's bytes are dealt out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyLayout {
    /// Bytes of each of the cipher's keys.
    pub(super) each: usize,
    /// How many keys the whole is said to be.
    pub(super) parts: usize,
    /// Bytes at the end that are not the cipher's.
    pub(super) extra: usize,
}

pub(super) fn hash_of(name: &str) -> Result<Hash, CipherError> {
    Hash::of(name).ok_or_else(|| CipherError::Hash(name.into()))
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
}

/// `a` and `b` of `a(b)`.
pub(super) fn unwrap(text: &str) -> Option<(&str, &str)> {
    text.strip_suffix(')')?.split_once('(')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> CipherSpec {
        text.parse().unwrap()
    }

    #[test]
    fn both_forms_say_the_same() {
        for (classic, api) in [
            ("aes-xts-plain64", "capi:xts(aes)-plain64"),
            ("aes-cbc-essiv:sha256", "capi:cbc(aes)-essiv:sha256"),
            (
                "aes-cbc-essiv:sha256",
                "capi:essiv(cbc(aes),sha256)-plain64",
            ),
            ("aes:64-cbc-lmk", "capi:cbc(aes)-lmk"),
            ("serpent-cbc-tcw", "capi:cbc(serpent)-tcw"),
            ("cipher_null-ecb", "capi:ecb(cipher_null)"),
        ] {
            assert_eq!(spec(classic), spec(api), "{classic}");
        }
    }

    #[test]
    fn cipher_alone_is_cbc_plain() {
        assert_eq!(spec("aes"), spec("aes-cbc-plain"));
        assert_eq!(spec("aes-plain"), spec("aes-cbc-plain"));
    }

    #[test]
    fn wrong_names_are_named() {
        for (text, error) in [
            ("des3-cbc-plain", "the cipher des3 is none of aes, serpent,"),
            ("aes-ctr-plain", "the mode ctr is none of xts, cbc, ecb"),
            (
                "aes-xts-plain65",
                "the IV plain65 is none of plain, plain64,",
            ),
            ("aes-xts", "the cipher has no IV"),
            ("aes-cbc-essiv", "essiv needs a hash"),
            ("aes-cbc-essiv:crc", "the hash crc is none of md5"),
            ("aes:3-cbc-plain", "the number of keys is no power of two"),
            ("aes:-cbc-plain", "the number of keys is no power of two"),
            ("capi:gcm-random", "gcm is not SPEC-IV"),
            ("cipher_null-xts-plain", "cipher_null works in the mode ecb"),
        ] {
            let found = text.parse::<CipherSpec>().unwrap_err();
            assert!(
                alloc::format!("{found}").starts_with(error),
                "{text}: {found}"
            );
        }
    }

    #[test]
    fn keys_are_dealt_out_as_in_the_kernel() {
        let layout = |text: &str, bytes| {
            let KeyLayout { each, parts, extra } = spec(text).layout(bytes).unwrap();
            (each, parts, extra)
        };
        assert_eq!(layout("aes-xts-plain64", 64), (64, 1, 0));
        assert_eq!(layout("aes:64-cbc-lmk", 64 * 16), (16, 64, 0));
        assert_eq!(layout("aes:64-cbc-lmk", 65 * 16), (16, 65, 16));
        assert_eq!(layout("aes-cbc-tcw", 64), (32, 3, 32));
        assert_eq!(layout("aes-cbc-elephant", 32), (16, 2, 16));
        assert!(spec("aes-cbc-tcw").layout(32).is_err());
    }
}
