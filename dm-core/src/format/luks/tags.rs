//! Volumes whose sectors have tags: what a header calls them, and what crypt does.

use alloc::format;
use alloc::string::String;

use super::error::LuksError;

/// The tags of a volume's sectors.
///
/// # Source
/// cryptsetup's names for tags, and what it makes of them for the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tags {
    /// What makes them, as the header has it: `aead`, `poly1305`, `hmac(sha256)` or `none`.
    pub kind: String,
    /// Bytes of each.
    pub bytes: u16,
    /// The volume's cipher, as crypt's table calls it with these tags.
    pub cipher: String,
    /// Bytes of the key that are the tags', if the header says so.
    pub key_bytes: Option<u32>,
}

impl Tags {
    /// What goes with the cipher `cipher` of a header, such as `aes-xts-plain64`.
    ///
    /// # Errors
    /// If there are no such tags, or not with this cipher.
    pub fn of(cipher: &str, kind: &str) -> Result<Tags, LuksError> {
        let unsupported = || {
            let what = format!("tags of the kind {kind} with the cipher {cipher}");
            LuksError::Unsupported(what)
        };
        let (name, rest) = cipher.split_once('-').ok_or_else(unsupported)?;
        let (api, iv) = match rest.split_once('-') {
            Some((mode, iv)) => (format!("{mode}({name})"), iv),
            None => (name.into(), rest),
        };
        let own = match kind {
            "none" => 0,
            "aead" | "poly1305" => 16,
            "hmac(sha1)" => 20,
            "hmac(sha256)" => 32,
            "hmac(sha512)" => 64,
            _ => return Err(unsupported()),
        };
        let iv_bytes = match (kind, rest) {
            ("poly1305", "random") => 12,
            (_, "xts-random" | "random") => 16,
            (_, "gcm-random") => 12,
            // cryptsetup has no place for others.
            _ if iv == "random" => return Err(unsupported()),
            _ => 0,
        };
        let cipher = match kind {
            "none" | "aead" => format!("capi:{api}-{iv}"),
            "poly1305" => format!("capi:rfc7539({api},poly1305)-{iv}"),
            _ => format!("capi:authenc({kind},{api})-{iv}"),
        };
        match own + iv_bytes {
            0 => Err(unsupported()),
            bytes => Ok(Tags {
                kind: kind.into(),
                bytes,
                cipher,
                key_bytes: None,
            }),
        }
    }

    /// Bytes of the key that are the tags', behind the cipher's.
    pub fn mac_key(&self) -> usize {
        match (self.key_bytes, self.kind.as_str()) {
            (Some(bytes), _) => usize::try_from(bytes).unwrap_or(usize::MAX),
            (None, "hmac(sha1)") => 20,
            (None, "hmac(sha256)") => 32,
            (None, "hmac(sha512)") => 64,
            (None, _) => 0,
        }
    }

    /// crypt's option.
    pub fn option(&self) -> String {
        let kind = match self.kind.as_str() {
            "none" => "none",
            _ => "aead",
        };
        format!("integrity:{}:{kind}", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_what_cryptsetup_makes_of_them() {
        for (cipher, kind, bytes, crypt) in [
            (
                "aes-xts-plain64",
                "hmac(sha256)",
                32,
                "capi:authenc(hmac(sha256),xts(aes))-plain64",
            ),
            (
                "aes-xts-random",
                "hmac(sha512)",
                80,
                "capi:authenc(hmac(sha512),xts(aes))-random",
            ),
            (
                "aes-cbc-essiv:sha256",
                "hmac(sha1)",
                20,
                "capi:authenc(hmac(sha1),cbc(aes))-essiv:sha256",
            ),
            ("aes-gcm-random", "aead", 28, "capi:gcm(aes)-random"),
            ("aegis128-random", "aead", 32, "capi:aegis128-random"),
            (
                "chacha20-random",
                "poly1305",
                28,
                "capi:rfc7539(chacha20,poly1305)-random",
            ),
            ("aes-xts-random", "none", 16, "capi:xts(aes)-random"),
        ] {
            let tags = Tags::of(cipher, kind).unwrap();
            assert_eq!((tags.bytes, tags.cipher.as_str()), (bytes, crypt));
        }
        for (cipher, kind) in [
            ("aes", "aead"),
            ("aes-xts-plain64", "none"),
            ("aes-cbc-random", "hmac(sha256)"),
            ("aes-xts-plain64", "hmac(md4)"),
        ] {
            let error = Tags::of(cipher, kind).unwrap_err();
            assert!(matches!(error, LuksError::Unsupported(_)), "{cipher}");
        }
    }
}
