//! Checked reads and writes of fields.

use dm_core::devid::DevNo;
use dm_core::version::Version;

use super::error::{EncodeError, Problem, WireError};
use super::layout::{ALIGN, Field, MAJOR_MAX, MINOR_MAX};

/// Which byte of a number comes first. The kernel and its callers share the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// The lowest.
    Little,
    /// The highest.
    Big,
}

/// Bytes to read fields from; nothing past their end is touched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a> {
    pub(super) slice: &'a [u8],
    pub(super) order: ByteOrder,
}

/// Bytes to write fields to; nothing past their end is touched.
#[derive(Debug)]
pub(super) struct BytesMut<'a> {
    pub(super) slice: &'a mut [u8],
    pub(super) order: ByteOrder,
}

impl ByteOrder {
    /// The host's.
    pub const NATIVE: ByteOrder = match cfg!(target_endian = "big") {
        true => ByteOrder::Big,
        false => ByteOrder::Little,
    };
}

impl<'a> Bytes<'a> {
    /// The first `length` bytes.
    pub(super) fn until(self, length: usize) -> Bytes<'a> {
        let slice = self.slice.get(..length).unwrap_or(self.slice);
        Bytes { slice, ..self }
    }

    fn array<const N: usize>(self, base: usize, field: &Field) -> Result<[u8; N], WireError> {
        let at = base.saturating_add(field.offset);
        let found = self.slice.get(at..).and_then(<[u8]>::first_chunk);
        found
            .copied()
            .ok_or_else(|| self.past_end(field.name, at, at.saturating_add(N)))
    }

    pub(super) fn u32(self, base: usize, field: &Field) -> Result<u32, WireError> {
        let bytes = self.array(base, field)?;
        Ok(match self.order {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        })
    }

    pub(super) fn u64(self, base: usize, field: &Field) -> Result<u64, WireError> {
        let bytes = self.array(base, field)?;
        Ok(match self.order {
            ByteOrder::Little => u64::from_le_bytes(bytes),
            ByteOrder::Big => u64::from_be_bytes(bytes),
        })
    }

    /// An offset or a size.
    pub(super) fn size(self, base: usize, field: &Field) -> Result<usize, WireError> {
        let value = self.u32(base, field)?;
        usize::try_from(value).map_err(|_| {
            let value = value.into();
            WireError::new(field.name, base + field.offset, Problem::Value { value })
        })
    }

    pub(super) fn version(self, base: usize, field: &Field) -> Result<Version, WireError> {
        let number = |at: usize| {
            let part = Field {
                offset: field.offset + 4 * at,
                ..*field
            };
            self.u32(base, &part)
        };
        Ok(Version(number(0)?, number(1)?, number(2)?))
    }

    /// A device number; `None` for 0, which stands for none.
    pub(super) fn dev(self, base: usize, field: &Field) -> Result<Option<DevNo>, WireError> {
        let value = self.u64(base, field)?;
        let low = u32::try_from(value).map_err(|_| {
            WireError::new(field.name, base + field.offset, Problem::Value { value })
        })?;
        let number = DevNo {
            major: (low >> 8) & 0xfff,
            minor: (low & 0xff) | ((low >> 12) & 0xf_ff00),
        };
        Ok((low != 0).then_some(number))
    }

    /// A text up to its NUL, within the field or, if that is open, before the end.
    pub(super) fn text(self, base: usize, field: &Field) -> Result<&'a [u8], WireError> {
        let at = base.saturating_add(field.offset);
        let limit = match field.size {
            0 => self.slice.len(),
            size => at.saturating_add(size),
        };
        let Some(found) = self.slice.get(at..limit) else {
            return Err(self.past_end(field.name, at, limit.max(at)));
        };
        match found.iter().position(|byte| *byte == 0) {
            Some(end) => Ok(&found[..end]),
            None => Err(WireError::new(field.name, at, Problem::Unterminated)),
        }
    }

    pub(super) fn past_end(self, name: &'static str, at: usize, end: usize) -> WireError {
        let limit = self.slice.len();
        WireError::new(name, at, Problem::PastEnd { end, limit })
    }
}

impl BytesMut<'_> {
    /// Makes the bytes from `from` to `to` zero.
    pub(super) fn clear(&mut self, from: usize, to: usize) -> Result<(), EncodeError> {
        let limit = self.slice.len();
        let range = self.slice.get_mut(from..to);
        range
            .ok_or(EncodeError::NoRoom { needed: to, limit })?
            .fill(0);
        Ok(())
    }

    pub(super) fn put(&mut self, at: usize, bytes: &[u8]) -> Result<(), EncodeError> {
        let limit = self.slice.len();
        let needed = at.saturating_add(bytes.len());
        let range = self.slice.get_mut(at..needed);
        range
            .ok_or(EncodeError::NoRoom { needed, limit })?
            .copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn set_u32(&mut self, base: usize, field: &Field, value: u32) -> Encoded {
        let bytes = match self.order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        };
        self.put(base + field.offset, &bytes)
    }

    pub(super) fn set_u64(&mut self, base: usize, field: &Field, value: u64) -> Encoded {
        let bytes = match self.order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        };
        self.put(base + field.offset, &bytes)
    }

    /// An offset or a size.
    pub(super) fn set_size(&mut self, base: usize, field: &Field, value: usize) -> Encoded {
        let value = u32::try_from(value).map_err(|_| EncodeError::NoRoom {
            needed: value,
            limit: usize::try_from(u32::MAX).unwrap_or(usize::MAX),
        })?;
        self.set_u32(base, field, value)
    }

    pub(super) fn set_version(&mut self, base: usize, field: &Field, version: Version) -> Encoded {
        for (at, value) in [version.0, version.1, version.2].into_iter().enumerate() {
            let part = Field {
                offset: field.offset + 4 * at,
                ..*field
            };
            self.set_u32(base, &part, value)?;
        }
        Ok(())
    }

    pub(super) fn set_dev(&mut self, base: usize, field: &Field, dev: Option<DevNo>) -> Encoded {
        let value = match dev {
            None => 0,
            Some(DevNo { major, minor }) if major <= MAJOR_MAX && minor <= MINOR_MAX => {
                (minor & 0xff) | (major << 8) | ((minor & 0xf_ff00) << 12)
            }
            Some(DevNo { major, minor }) => return Err(EncodeError::Number { major, minor }),
        };
        self.set_u64(base, field, value.into())
    }

    /// A text with its NUL.
    pub(super) fn set_text(&mut self, base: usize, field: &Field, text: &[u8]) -> Encoded {
        let name = field.name;
        let (found, limit) = (text.len(), field.size.saturating_sub(1));
        if field.size > 0 && found > limit {
            let field = name;
            return Err(EncodeError::TooLong {
                field,
                found,
                limit,
            });
        }
        if text.contains(&0) {
            return Err(EncodeError::Nul { field: name });
        }
        let at = base + field.offset;
        self.put(at, text)?;
        self.put(at + found, &[0])
    }
}

/// What a write gives.
pub(super) type Encoded = Result<(), EncodeError>;

/// The next place where a struct can start.
pub(super) const fn align(at: usize) -> usize {
    at.saturating_add(ALIGN - 1) & !(ALIGN - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::layout::ioctl;

    #[test]
    fn device_numbers_are_split_as_linux_does() {
        for (major, minor, wanted) in [
            (253, 7, 0xfd07_u64),
            (253, 256, 0x10_fd00),
            (0xfff, 0xf_ffff, 0xffff_ffff),
            (0, 1, 1),
        ] {
            let number = DevNo { major, minor };
            let mut slice = [0xa5; 48];
            let order = ByteOrder::Little;
            let mut bytes = BytesMut {
                slice: &mut slice,
                order,
            };
            bytes.set_dev(0, &ioctl::DEV, Some(number)).unwrap();
            assert_eq!(slice[40..], wanted.to_le_bytes());
            let slice = &slice;
            let bytes = Bytes { slice, order };
            assert_eq!(bytes.dev(0, &ioctl::DEV), Ok(Some(number)));
        }
    }

    #[test]
    fn device_number_past_its_bits_is_refused() {
        for (major, minor) in [(0x1000, 0), (0, 0x10_0000)] {
            let mut slice = [0; 48];
            let order = ByteOrder::Big;
            let mut bytes = BytesMut {
                slice: &mut slice,
                order,
            };
            let number = Some(DevNo { major, minor });
            assert_eq!(
                bytes.set_dev(0, &ioctl::DEV, number),
                Err(EncodeError::Number { major, minor })
            );
        }
    }

    #[test]
    fn alignment_goes_up_to_eights() {
        assert_eq!([0, 1, 8, 305].map(align), [0, 8, 8, 312]);
    }
}
