//! Reading fields out of bytes.

use super::error::WireError;
use super::text::{Text, check_length};

/// The `N` bytes at `at`.
///
/// # Panics
/// If `bytes` is shorter; views check their length when they are made.
pub(super) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

/// The big-endian number at `at`.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(field(bytes, at))
}

/// The big-endian number at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(field(bytes, at))
}

/// The big-endian number at `at`.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(field(bytes, at))
}

/// Refuses bytes that are fewer or more than `size`.
pub(super) fn check_size(what: &'static str, bytes: &[u8], size: usize) -> Result<(), WireError> {
    if bytes.len() < size {
        return Err(WireError::Short {
            what,
            needed: size,
            found: bytes.len(),
        });
    }
    if bytes.len() > size {
        return Err(WireError::Trailing {
            what,
            extra: bytes.len() - size,
        });
    }
    Ok(())
}

/// Refuses a number that is zero.
pub(super) fn nonzero(what: &'static str, value: u64) -> Result<(), WireError> {
    if value == 0 {
        Err(WireError::Zero { what })
    } else {
        Ok(())
    }
}

/// A 64-bit number as a 32-bit field.
pub(super) fn narrow(what: &'static str, value: u64) -> Result<u32, WireError> {
    u32::try_from(value).map_err(|_| WireError::DoesNotFit { what, value })
}

/// A size as a 32-bit field.
pub(super) fn fit(what: &'static str, size: usize) -> Result<u32, WireError> {
    narrow(what, size.try_into().unwrap_or(u64::MAX))
}

/// A payload that is read from front to back.
pub(super) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`, which `what` names in errors.
    pub(super) fn new(what: &'static str, bytes: &'a [u8]) -> Reader<'a> {
        Reader { what, rest: bytes }
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let short = WireError::Short {
            what: self.what,
            needed: count,
            found: self.rest.len(),
        };
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next number.
    pub(super) fn u16(&mut self) -> Result<u16, WireError> {
        self.take(2).map(|bytes| u16_at(bytes, 0))
    }

    /// The next number.
    pub(super) fn u32(&mut self) -> Result<u32, WireError> {
        self.take(4).map(|bytes| u32_at(bytes, 0))
    }

    /// The next number.
    pub(super) fn u64(&mut self) -> Result<u64, WireError> {
        self.take(8).map(|bytes| u64_at(bytes, 0))
    }

    /// The next string with its 32-bit length before it.
    pub(super) fn text(&mut self, what: &'static str) -> Result<Text, WireError> {
        let length = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        check_length(what, length)?;
        Text::from_bytes(what, self.take(length)?)
    }

    /// The bytes that are left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Refuses bytes that are left.
    pub(super) fn finish(self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(WireError::Trailing {
                what: self.what,
                extra,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_takes_from_front_to_back() {
        let mut reader = Reader::new("test", &[0, 1, 0, 0, 0, 2, b'h', b'i', 0xa5]);
        assert_eq!(reader.u16(), Ok(1));
        assert_eq!(reader.text("name").unwrap().as_str(), "hi");
        assert_eq!(
            reader.u32(),
            Err(WireError::Short {
                what: "test",
                needed: 4,
                found: 1
            })
        );
        assert_eq!(reader.rest(), [0xa5]);
        assert_eq!(
            reader.finish(),
            Err(WireError::Trailing {
                what: "test",
                extra: 1
            })
        );
    }

    #[test]
    fn long_text_is_refused_before_its_bytes() {
        let mut reader = Reader::new("test", &[0xff; 4]);
        let length = u64::from(u32::MAX);
        assert_eq!(
            reader.text("name"),
            Err(WireError::TooLong {
                what: "name",
                length,
                limit: 4096
            })
        );
    }
}
