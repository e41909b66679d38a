//! Percent-encoding, as URIs have it.

use alloc::vec::Vec;
use core::fmt;

use super::uri_error::UriError;

/// Bytes that are displayed percent-encoded.
///
/// Besides letters, digits and `-._~`, a slash and a colon stay as they are: they mean nothing
/// where we put these bytes, and paths stay readable.
pub(super) struct Encoded<'a>(pub(super) &'a [u8]);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            match byte {
                b'-' | b'.' | b'_' | b'~' | b'/' | b':' => write!(f, "{}", char::from(*byte))?,
                byte if byte.is_ascii_alphanumeric() => write!(f, "{}", char::from(*byte))?,
                byte => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// The bytes that `text` stands for.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, UriError> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => digit(bytes.next())? << 4 | digit(bytes.next())?,
            byte => byte,
        });
    }
    Ok(decoded)
}

fn digit(byte: Option<u8>) -> Result<u8, UriError> {
    match byte {
        Some(byte @ b'0'..=b'9') => Ok(byte - b'0'),
        Some(byte @ b'a'..=b'f') => Ok(byte - b'a' + 10),
        Some(byte @ b'A'..=b'F') => Ok(byte - b'A' + 10),
        _ => Err(UriError::Percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_byte_round_trips() {
        let bytes: Vec<u8> = (0..=255).collect();
        let text = Encoded(&bytes).to_string();
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(!text.contains(['?', '#', '&', '=', '[', ']', '@', '\\', '+']));
        assert_eq!(decode(&text), Ok(bytes));
    }

    #[test]
    fn half_an_encoding_is_refused() {
        assert_eq!(decode("%"), Err(UriError::Percent));
        assert_eq!(decode("a%4"), Err(UriError::Percent));
        assert_eq!(decode("%4g"), Err(UriError::Percent));
        assert_eq!(decode("%4a%4A+"), Ok(b"JJ+".to_vec()));
    }
}
