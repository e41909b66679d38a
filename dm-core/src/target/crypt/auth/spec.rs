//! What an authenticated cipher's name says: `capi:SPEC-IV[:OPTION]`.

use alloc::format;
use alloc::string::String;
use core::str::FromStr;

use super::super::block::Algorithm;
use super::super::iv_kind::IvKind;
use super::super::key::{Held, Paged};
use super::super::mode::Chaining;
use super::super::spec::{ApiWords, CipherError, hash_of, unwrap};
use super::aead::{self, Aead};
use super::aegis::Aegis128;
use super::authenc::{Authenc, Keys, Parts};

/// How sectors are encrypted and tagged, but for the key.
///
/// # Source
/// `crypt_ctr_cipher_new` in `drivers/md/dm-crypt.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct AeadSpec {
    cipher: AeadCipher,
    pub(super) iv: Iv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AeadCipher {
    Gcm,
    ChaCha,
    Aegis128,
    Authenc(Parts),
}

/// What makes the IVs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Iv {
    Null,
    Plain,
    Plain64,
    Plain64Be,
    /// Made anew for each write, and kept behind the tag.
    Random,
}

impl Iv {
    /// What IVs of a kind are with tags, if they can be.
    fn of(kind: IvKind) -> Option<Iv> {
        match kind {
            IvKind::Null => Some(Iv::Null),
            IvKind::Plain => Some(Iv::Plain),
            IvKind::Plain64 => Some(Iv::Plain64),
            IvKind::Plain64Be => Some(Iv::Plain64Be),
            IvKind::Random => Some(Iv::Random),
            IvKind::Benbi | IvKind::Eboiv | IvKind::Elephant | IvKind::Lmk | IvKind::Tcw => None,
        }
    }
}

/// Why there is no such authenticated cipher, or not so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum AuthError {
    #[error(transparent)]
    Cipher(#[from] CipherError),
    #[error("an authenticated cipher is spelled capi:SPEC-IV, as in capi:gcm(aes)-random")]
    Classic,
    #[error(
        "{0} is none of gcm(aes), rfc7539(chacha20,poly1305), aegis128 and \
         authenc(hmac(HASH),MODE(CIPHER))"
    )]
    Unknown(String),
    #[error("with tags, the IV {0} is none of {names}", names = IvKind::known(|kind| Iv::of(kind).is_some()))]
    Iv(String),
    #[error("essiv works with authenc alone")]
    Essiv,
    #[error("{0}")]
    Key(String),
    #[error("{0}")]
    Tag(String),
}

impl FromStr for AeadSpec {
    type Err = AuthError;

    fn from_str(text: &str) -> Result<AeadSpec, AuthError> {
        let text = text.strip_prefix("capi:").ok_or(AuthError::Classic)?;
        let ApiWords { spec, iv, option } = ApiWords::of(text);
        let mut cipher = AeadCipher::of(spec)?;
        // The cipher has no IV: the kernel warns and goes on.
        let iv = match (iv, cipher.iv_bytes()) {
            (_, 0) => {
                return Ok(AeadSpec {
                    cipher,
                    iv: Iv::Null,
                });
            }
            (None, _) => return Err(CipherError::NoIv.into()),
            (Some(iv), _) => iv,
        };
        let kind = IvKind::of(iv).and_then(Iv::of);
        let kind = kind.ok_or_else(|| AuthError::Iv(iv.into()))?;
        if iv == "essiv" {
            let hash = option.ok_or(CipherError::NoHash)?;
            let AeadCipher::Authenc(parts) = &mut cipher else {
                return Err(AuthError::Essiv);
            };
            parts.essiv = Some(hash_of(hash)?);
        }
        Ok(AeadSpec { cipher, iv: kind })
    }
}

impl AeadCipher {
    fn of(spec: &str) -> Result<AeadCipher, AuthError> {
        match spec {
            "gcm(aes)" => return Ok(AeadCipher::Gcm),
            "rfc7539(chacha20,poly1305)" => return Ok(AeadCipher::ChaCha),
            "aegis128" => return Ok(AeadCipher::Aegis128),
            _ => {}
        }
        let unknown = || AuthError::Unknown(spec.into());
        if let Some(inner) = within(spec, "essiv") {
            let (inner, hash) = inner.rsplit_once(',').ok_or_else(unknown)?;
            return match AeadCipher::of(inner)? {
                AeadCipher::Authenc(parts) if parts.essiv.is_none() => {
                    let essiv = Some(hash_of(hash)?);
                    Ok(AeadCipher::Authenc(Parts { essiv, ..parts }))
                }
                _ => Err(AuthError::Essiv),
            };
        }
        let inner = within(spec, "authenc").ok_or_else(unknown)?;
        let (mac, mode) = inner.split_once(',').ok_or_else(unknown)?;
        let hash = within(mac, "hmac").ok_or_else(unknown)?;
        let (chaining, cipher) = unwrap(mode).ok_or_else(unknown)?;
        let parts = Parts {
            mac: hash_of(hash)?,
            chaining: Chaining::of(chaining).ok_or_else(|| CipherError::Mode(chaining.into()))?,
            cipher: Algorithm::of(cipher).ok_or_else(|| CipherError::Cipher(cipher.into()))?,
            essiv: None,
        };
        match parts.cipher == Algorithm::Null && parts.chaining != Chaining::Ecb {
            true => Err(CipherError::Null.into()),
            false => Ok(AeadCipher::Authenc(parts)),
        }
    }

    fn iv_bytes(self) -> usize {
        match self {
            AeadCipher::Gcm | AeadCipher::ChaCha => 12,
            AeadCipher::Aegis128 => 16,
            AeadCipher::Authenc(parts) if parts.chaining == Chaining::Ecb => 0,
            AeadCipher::Authenc(_) => 16,
        }
    }
}

impl AeadSpec {
    pub(super) fn iv_bytes(self) -> usize {
        self.cipher.iv_bytes()
    }

    /// Bytes of the IV that a tag keeps.
    pub(super) fn kept_iv_bytes(self) -> usize {
        match self.iv {
            Iv::Random => self.iv_bytes(),
            _ => 0,
        }
    }

    /// Bytes at the end of a key that are the tags', if the table does not say so.
    pub(in super::super) fn mac_key(self) -> usize {
        match self.cipher {
            AeadCipher::Authenc(parts) => parts.mac.bytes(),
            _ => 0,
        }
    }

    /// Whether it makes tags of so many bytes.
    pub(super) fn check_tag(self, tag: usize) -> Result<(), AuthError> {
        let (fits, right) = match self.cipher {
            AeadCipher::Gcm => (
                matches!(tag, 4 | 8 | 12..=16),
                "gcm(aes) makes tags of 4, 8 or 12 to 16 bytes".into(),
            ),
            AeadCipher::ChaCha => (
                tag == 16,
                "rfc7539(chacha20,poly1305) makes tags of 16 bytes".into(),
            ),
            AeadCipher::Aegis128 => (
                (8..=16).contains(&tag),
                "aegis128 makes tags of 8 to 16 bytes".into(),
            ),
            AeadCipher::Authenc(parts) => {
                let most = parts.mac.bytes();
                let right = format!("its hash makes tags of 1 to {most} bytes");
                ((1..=most).contains(&tag), right)
            }
        };
        match fits {
            true => Ok(()),
            false => Err(AuthError::Tag(format!("{right}, not {tag}"))),
        }
    }

    /// The cipher with a key, of which the last `mac_key` bytes are the tags'.
    pub(super) fn keyed(
        self,
        key: &[u8],
        mac_key: usize,
        tag: usize,
    ) -> Result<Held<dyn Aead>, AuthError> {
        let bytes = key.len();
        let wrong = |right: &str| AuthError::Key(format!("{right}, and this one has {bytes}"));
        match self.cipher {
            AeadCipher::Gcm => {
                aead::gcm(key, tag).ok_or_else(|| wrong("a key of gcm(aes) has 16, 24 or 32 bytes"))
            }
            AeadCipher::ChaCha => aead::chacha(key, tag)
                .ok_or_else(|| wrong("a key of rfc7539(chacha20,poly1305) has 32 bytes")),
            AeadCipher::Aegis128 => {
                let cipher = Aegis128::new(key);
                let cipher = cipher.ok_or_else(|| wrong("a key of aegis128 has 16 bytes"))?;
                Ok(Held::new(Paged::new(cipher)))
            }
            AeadCipher::Authenc(parts) => {
                let right = || {
                    wrong(&format!(
                        "the key is the cipher's and behind it {mac_key} bytes for the tags"
                    ))
                };
                let own = bytes.checked_sub(mac_key).ok_or_else(right)?;
                let (cipher, mac) = key.split_at(own);
                let cipher = Authenc::new(parts, &Keys { cipher, mac }).ok_or_else(right)?;
                Ok(Held::new(Paged::new(cipher)))
            }
        }
    }
}

/// What stands in the brackets of `name(…)`.
fn within<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(name)?.strip_prefix('(')?;
    rest.strip_suffix(')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_kernel_reads_them() {
        let spec = |text: &str| text.parse::<AeadSpec>().unwrap();
        let authenc = spec("capi:authenc(hmac(sha256),xts(aes))-plain64");
        assert_eq!((authenc.iv_bytes(), authenc.mac_key()), (16, 32));
        assert_eq!(
            spec("capi:authenc(hmac(sha256),cbc(aes))-essiv:sha256"),
            spec("capi:essiv(authenc(hmac(sha256),cbc(aes)),sha256)-plain64")
        );
        assert_eq!(spec("capi:gcm(aes)-random").iv_bytes(), 12);
        let null = spec("capi:authenc(hmac(sha256),ecb(cipher_null))-plain64");
        assert_eq!(null.iv_bytes(), 0);
    }

    #[test]
    fn wrong_names_say_what_is_right() {
        for (text, error) in [
            ("aes-gcm-random", "an authenticated cipher is spelled capi:"),
            ("capi:xts(aes)-random", "xts(aes) is none of gcm(aes),"),
            ("capi:gcm(aes)", "the cipher has no IV"),
            ("capi:gcm(aes)-lmk", "with tags, the IV lmk is none of"),
            ("capi:gcm(aes)-essiv:sha256", "essiv works with authenc"),
            ("capi:authenc(hmac(crc),xts(aes))-null", "the hash crc is"),
            ("capi:authenc(sha1,xts(aes))-null", "authenc(sha1,xts(aes))"),
            ("capi:authenc(hmac(sha1),lrw(aes))-null", "the mode lrw is"),
            ("capi:authenc(", "authenc( is none of"),
            ("capi:", " is none of"),
            ("capi:essiv(gcm(aes),sha256)-plain", "essiv works with"),
        ] {
            let found = text.parse::<AeadSpec>().unwrap_err();
            assert!(format!("{found}").starts_with(error), "{text}: {found}");
        }
    }

    #[test]
    fn keys_and_tags_of_another_length_say_which_is_right() {
        let said = |text: &str, key: usize, tag: usize| {
            let spec: AeadSpec = text.parse().unwrap();
            let made = spec
                .check_tag(tag)
                .and_then(|()| spec.keyed(&alloc::vec![7; key], spec.mac_key(), tag));
            made.err().map(|error| format!("{error}"))
        };
        let gcm = "capi:gcm(aes)-random";
        for tag in [4, 8, 12, 13, 14, 15, 16] {
            assert_eq!(said(gcm, 24, tag), None);
        }
        assert!(said(gcm, 20, 16).unwrap().contains("16, 24 or 32 bytes"));
        assert!(said(gcm, 32, 5).unwrap().contains("not 5"));
        let authenc = "capi:authenc(hmac(sha1),cbc(aes))-plain64";
        assert_eq!(said(authenc, 36, 20), None);
        assert!(said(authenc, 19, 20).unwrap().contains("20 bytes for"));
        assert!(said(authenc, 37, 20).unwrap().contains("has 37"));
        assert!(said(authenc, 36, 21).unwrap().contains("1 to 20"));
        let chacha = "capi:rfc7539(chacha20,poly1305)-random";
        assert!(said(chacha, 16, 16).unwrap().contains("32 bytes"));
        assert!(said("capi:aegis128-random", 32, 16).unwrap().contains("16"));
    }

    #[test]
    fn no_text_key_or_tag_panics() {
        const WHOLE: &[&str] = &[
            "capi:authenc(hmac(sha256),xts(aes))-random",
            "capi:essiv(authenc(hmac(sha1),cbc(aes)),sha256)-plain64",
            "capi:gcm(aes)-random",
            "capi:rfc7539(chacha20,poly1305)-plain64be",
            "capi:aegis128-null",
        ];
        let mut rng = fastrand::Rng::with_seed(3);
        let mut read = 0;
        for _ in 0..50_000 {
            let mut text: String = WHOLE[rng.usize(..WHOLE.len())].into();
            for _ in 0..rng.usize(..3) {
                match (rng.usize(..=text.len()), rng.bool()) {
                    (at, true) if at < text.len() => drop(text.remove(at)),
                    (at, _) => text.insert(at, *rng.choice(b"(),:-a1").unwrap() as char),
                }
            }
            let Ok(spec) = text.parse::<AeadSpec>() else {
                continue;
            };
            read += 1;
            let tag = rng.usize(..600);
            let _ = spec.check_tag(tag).map_err(|error| format!("{error}"));
            if read < 500 {
                let key = alloc::vec![1; rng.usize(..200)];
                let _ = spec.keyed(&key, rng.usize(..300), tag.min(64));
            }
        }
        assert!(read > 100, "{read}");
    }
}
