//! `struct dm_ioctl`: as it stands in the bytes, and what it means.

use dm_core::devid::DevNo;
use dm_core::version::Version;

use super::bytes::{ByteOrder, Bytes, BytesMut, Encoded};
use super::error::{Problem, WireError};
use super::layout::{ALIGN, HEADER, HEADER_MIN, ioctl};
use super::number::Flags;

/// The bytes of a request or a reply: the header is wholly there, and what it says may be
/// nonsense.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    bytes: Bytes<'a>,
}

/// What a header says, but for where its payload is.
///
/// Names are the driver's: bytes, as [`mangle`](crate::mangle) writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The interface's version.
    pub version: Version,
    /// The flags, known or not.
    pub flags: Flags,
    /// The device's name; empty if it is not said.
    pub name: Vec<u8>,
    /// The device's uuid; empty if it has none or it is not said.
    pub uuid: Vec<u8>,
    /// The device's number, if it is said.
    pub dev: Option<DevNo>,
    /// The event number, or flags for udev.
    pub event: u32,
    /// How many have the device open.
    pub open_count: u32,
    /// How many target specs there are.
    pub target_count: u32,
}

impl<'a> View<'a> {
    /// Looks at `bytes`.
    ///
    /// # Errors
    /// [`WireError`] if they are too few for a header, or fewer than it says that they are.
    pub fn new(bytes: &'a [u8], order: ByteOrder) -> Result<View<'a>, WireError> {
        let bytes = Bytes {
            slice: bytes,
            order,
        };
        if bytes.slice.len() < HEADER_MIN {
            return Err(bytes.past_end("dm_ioctl", 0, HEADER_MIN));
        }
        let view = View { bytes };
        let size = view.data_size()?;
        if size < HEADER_MIN {
            let problem = Problem::Overlap {
                value: size,
                end: HEADER_MIN,
            };
            let at = ioctl::DATA_SIZE.offset;
            return Err(WireError::new(ioctl::DATA_SIZE.name, at, problem));
        }
        if size > bytes.slice.len() {
            return Err(bytes.past_end(ioctl::DATA_SIZE.name, ioctl::DATA_SIZE.offset, size));
        }
        Ok(view)
    }

    /// The bytes that count.
    ///
    /// # Errors
    /// None where [`View::new`] found none.
    pub fn data_size(self) -> Result<usize, WireError> {
        self.bytes.size(0, &ioctl::DATA_SIZE)
    }

    /// Where the payload starts.
    ///
    /// # Errors
    /// None where [`View::new`] found none.
    pub fn data_start(self) -> Result<usize, WireError> {
        self.bytes.size(0, &ioctl::DATA_START)
    }

    /// The flags, known or not.
    ///
    /// # Errors
    /// None where [`View::new`] found none.
    pub fn flags(self) -> Result<Flags, WireError> {
        self.bytes
            .u32(0, &ioctl::FLAGS)
            .map(Flags::from_bits_retain)
    }

    /// How many target specs there are.
    ///
    /// # Errors
    /// None where [`View::new`] found none.
    pub fn target_count(self) -> Result<u32, WireError> {
        self.bytes.u32(0, &ioctl::TARGET_COUNT)
    }

    /// What the header means.
    ///
    /// # Errors
    /// [`WireError`] for a text without its end, and for numbers that can not be.
    pub fn header(self) -> Result<Header, WireError> {
        let bytes = self.bytes;
        let opened = bytes.u32(0, &ioctl::OPEN_COUNT)?;
        if i32::try_from(opened).is_err() {
            let value = opened.into();
            let (name, at) = (ioctl::OPEN_COUNT.name, ioctl::OPEN_COUNT.offset);
            return Err(WireError::new(name, at, Problem::Value { value }));
        }
        Ok(Header {
            version: bytes.version(0, &ioctl::VERSION)?,
            flags: self.flags()?,
            name: bytes.text(0, &ioctl::NAME)?.into(),
            uuid: bytes.text(0, &ioctl::UUID)?.into(),
            dev: bytes.dev(0, &ioctl::DEV)?,
            event: bytes.u32(0, &ioctl::EVENT_NR)?,
            open_count: opened,
            target_count: self.target_count()?,
        })
    }

    /// The bytes that count, and where in them the payload starts; `None` if there is none.
    pub(super) fn payload(self) -> Result<Option<(Bytes<'a>, usize)>, WireError> {
        let (start, size) = (self.data_start()?, self.data_size()?);
        if start >= size {
            return Ok(None);
        }
        let (name, at) = (ioctl::DATA_START.name, ioctl::DATA_START.offset);
        if start < HEADER_MIN {
            let (value, end) = (start, HEADER_MIN);
            return Err(WireError::new(name, at, Problem::Overlap { value, end }));
        }
        if !start.is_multiple_of(ALIGN) {
            let value = start;
            return Err(WireError::new(name, at, Problem::Unaligned { value }));
        }
        Ok(Some((self.bytes.until(size), start)))
    }
}

impl Header {
    /// Writes the header, for a payload that starts right behind it, and `size` bytes in all.
    pub(super) fn write(&self, out: &mut BytesMut<'_>, size: usize) -> Encoded {
        out.clear(0, HEADER)?;
        out.set_version(0, &ioctl::VERSION, self.version)?;
        out.set_size(0, &ioctl::DATA_SIZE, size)?;
        out.set_size(0, &ioctl::DATA_START, HEADER)?;
        out.set_u32(0, &ioctl::TARGET_COUNT, self.target_count)?;
        out.set_u32(0, &ioctl::OPEN_COUNT, self.open_count)?;
        out.set_u32(0, &ioctl::FLAGS, self.flags.bits())?;
        out.set_u32(0, &ioctl::EVENT_NR, self.event)?;
        out.set_dev(0, &ioctl::DEV, self.dev)?;
        out.set_text(0, &ioctl::NAME, &self.name)?;
        out.set_text(0, &ioctl::UUID, &self.uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: [ByteOrder; 2] = [ByteOrder::Little, ByteOrder::Big];

    fn written(order: ByteOrder, size: usize) -> [u8; HEADER] {
        let mut slice = [0xa5; HEADER];
        let header = Header {
            version: Version(4, 48, 1),
            flags: Flags::SUSPEND | Flags::from_bits_retain(1 << 31),
            name: b"vol0".into(),
            uuid: b"U".into(),
            dev: Some(DevNo {
                major: 253,
                minor: 300,
            }),
            event: 9,
            open_count: 2,
            target_count: 3,
        };
        let slice_ref = &mut slice;
        let mut out = BytesMut {
            slice: slice_ref,
            order,
        };
        header.write(&mut out, size).unwrap();
        let view = View::new(&slice, order).unwrap();
        assert_eq!(view.header(), Ok(header));
        slice
    }

    #[test]
    fn header_reads_back_in_both_orders() {
        for order in ORDERS {
            let bytes = written(order, HEADER);
            assert_eq!(bytes[305..], [0; 7]);
        }
        assert_eq!(written(ByteOrder::Big, HEADER)[..4], [0, 0, 0, 4]);
    }

    #[test]
    fn short_bytes_are_no_view() {
        let bytes = written(ByteOrder::Little, HEADER_MIN);
        assert!(View::new(&bytes[..305], ByteOrder::Little).is_ok());
        let error = View::new(&bytes[..304], ByteOrder::Little).unwrap_err();
        assert_eq!(
            error.to_string(),
            "dm_ioctl at byte 0 goes to byte 305, past the end at 304"
        );
    }

    #[test]
    fn size_past_the_buffer_or_within_the_header_is_named() {
        let mut bytes = written(ByteOrder::Little, HEADER);
        for (size, said) in [
            (
                313_u32,
                "data_size at byte 12 goes to byte 313, past the end at 312",
            ),
            (
                304,
                "data_size at byte 12 is 304, which lies before byte 305, where its own record ends",
            ),
        ] {
            bytes[12..16].copy_from_slice(&size.to_le_bytes());
            let error = View::new(&bytes, ByteOrder::Little).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
    }

    #[test]
    fn texts_without_end_and_negative_counts_are_named() {
        for (from, to, field) in [
            (48, 176, "name"),
            (176, 305, "uuid"),
            (24, 28, "open_count"),
            (44, 48, "dev"),
        ] {
            let mut bytes = written(ByteOrder::Little, HEADER);
            bytes[from..to].fill(0xa5);
            let view = View::new(&bytes, ByteOrder::Little).unwrap();
            assert_eq!(view.header().unwrap_err().field, field);
        }
    }
}
