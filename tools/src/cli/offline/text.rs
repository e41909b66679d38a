//! Bytes as the command line and people write them.

use std::fmt;
use std::str::FromStr;

use dm_core::error::ErrorKind;
use dm_core::hex;

use crate::failure::Failure;

/// Bytes in hexadecimal; `-` for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Hex(pub(in crate::cli) Vec<u8>);

/// A UUID, as `8-4-4-4-12` digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Uuid(pub(in crate::cli) [u8; 16]);

impl FromStr for Hex {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Hex, &'static str> {
        if text == "-" {
            return Ok(Hex::default());
        }
        let wrong = "it is not an even number of hexadecimal digits";
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let bytes: Option<Vec<u8>> = pairs.iter().map(hex::byte).collect();
        match bytes {
            Some(bytes) if rest.is_empty() && !bytes.is_empty() => Ok(Hex(bytes)),
            _ => Err(wrong),
        }
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_empty() {
            true => f.write_str("-"),
            false => digits(f, &self.0),
        }
    }
}

impl Uuid {
    /// One that no other device has.
    pub(in crate::cli) fn random() -> Result<Uuid, Failure> {
        let mut bytes = [0; 16];
        fill_random(&mut bytes)?;
        // Version 4, of the usual variant.
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Ok(Uuid(bytes))
    }
}

impl FromStr for Uuid {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Uuid, &'static str> {
        let wrong = "it is no UUID such as 01234567-89ab-cdef-0123-456789abcdef";
        let lengths = text.split('-').map(str::len);
        if !lengths.eq([8, 4, 4, 4, 12]) {
            return Err(wrong);
        }
        let Hex(bytes) = text.replace('-', "").parse().map_err(|_| wrong)?;
        bytes.try_into().map(Uuid).map_err(|_| wrong)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(f, &self.0[..4])?;
        for part in [4..6, 6..8, 8..10, 10..16] {
            f.write_str("-")?;
            digits(f, &self.0[part])?;
        }
        Ok(())
    }
}

fn digits(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Fills `bytes` from the system's source of randomness.
pub(in crate::cli) fn fill_random(bytes: &mut [u8]) -> Result<(), Failure> {
    getrandom::fill(bytes).map_err(|error| {
        let reason = format!("the system gives no random bytes: {error}");
        Failure::because(ErrorKind::Io, reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_are_shown() {
        for text in ["-", "00ff"] {
            assert_eq!(text.parse::<Hex>().unwrap().to_string(), text);
        }
        let uuid = "01234567-89ab-cdef-0123-456789abcdef";
        assert_eq!(uuid.parse::<Uuid>().unwrap().to_string(), uuid);
    }

    #[test]
    fn wrong_texts_are_refused() {
        for text in ["", "0", "0x", "+1", "00f"] {
            assert!(text.parse::<Hex>().is_err(), "{text}");
        }
        for text in [
            "",
            "-",
            "0123456789ab-cdef-0123-4567-89abcdef",
            "é1234567-89ab-cdef-0123-456789abcde",
        ] {
            assert!(text.parse::<Uuid>().is_err(), "{text}");
        }
    }
}
