//! The headers of options and their replies.

use core::fmt;

use bytes::BufMut;

use super::constants::{
    MAX_OPTION_PAYLOAD, OPTION_MAGIC, OPTION_REPLY_MAGIC, option, option_reply,
};
use super::error::WireError;
use super::view::{u32_at, u64_at};

/// An option's number, known or not: the server's replies repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OptionCode(pub u32);

/// The header before an option's payload, which may hold any number.
///
/// # Shape
/// `IHAVEOPT`, 32 bits of code, 32 bits of payload length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionHeader {
    /// The option.
    pub code: OptionCode,
    /// The bytes of payload that follow.
    pub length: u32,
}

/// The header before an option reply's payload, which may hold any number.
///
/// # Shape
/// A magic, 32 bits of option, 32 bits of reply, 32 bits of payload length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionReplyHeader {
    /// The option that is answered.
    pub option: OptionCode,
    /// The reply's number.
    pub kind: u32,
    /// The bytes of payload that follow.
    pub length: u32,
}

impl OptionHeader {
    /// The bytes to send.
    pub fn encode(self) -> [u8; option::SIZE] {
        let mut bytes = [0; option::SIZE];
        let mut out = &mut bytes[..];
        out.put_u64(OPTION_MAGIC);
        out.put_u32(self.code.0);
        out.put_u32(self.length);
        bytes
    }

    /// The header in `bytes`.
    ///
    /// # Errors
    /// If the magic is wrong: the connection can not go on.
    pub fn decode(bytes: &[u8; option::SIZE]) -> Result<OptionHeader, WireError> {
        match u64_at(bytes, 0) {
            OPTION_MAGIC => Ok(OptionHeader {
                code: OptionCode(u32_at(bytes, option::CODE)),
                length: u32_at(bytes, option::LENGTH),
            }),
            found => Err(WireError::Magic {
                what: "option",
                found,
            }),
        }
    }

    /// The size of the buffer for the payload.
    ///
    /// # Errors
    /// If it is more than [`MAX_OPTION_PAYLOAD`].
    pub fn payload_length(self) -> Result<usize, WireError> {
        payload_length("option", self.length)
    }
}

impl OptionReplyHeader {
    /// The bytes to send.
    pub fn encode(self) -> [u8; option_reply::SIZE] {
        let mut bytes = [0; option_reply::SIZE];
        let mut out = &mut bytes[..];
        out.put_u64(OPTION_REPLY_MAGIC);
        out.put_u32(self.option.0);
        out.put_u32(self.kind);
        out.put_u32(self.length);
        bytes
    }

    /// The header in `bytes`.
    ///
    /// # Errors
    /// If the magic is wrong: the connection can not go on.
    pub fn decode(bytes: &[u8; option_reply::SIZE]) -> Result<OptionReplyHeader, WireError> {
        match u64_at(bytes, 0) {
            OPTION_REPLY_MAGIC => Ok(OptionReplyHeader {
                option: OptionCode(u32_at(bytes, option_reply::OPTION)),
                kind: u32_at(bytes, option_reply::KIND),
                length: u32_at(bytes, option_reply::LENGTH),
            }),
            found => Err(WireError::Magic {
                what: "option reply",
                found,
            }),
        }
    }

    /// The size of the buffer for the payload.
    ///
    /// # Errors
    /// If it is more than [`MAX_OPTION_PAYLOAD`].
    pub fn payload_length(self) -> Result<usize, WireError> {
        payload_length("option reply", self.length)
    }
}

impl fmt::Display for OptionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The payload's length as a field, if it is not too long.
pub(super) fn checked_length(what: &'static str, length: usize) -> Result<u32, WireError> {
    let field = u32::try_from(length).unwrap_or(u32::MAX);
    payload_length(what, field).map(|_| field)
}

/// The payload's length as a buffer size, if it is not too long.
fn payload_length(what: &'static str, length: u32) -> Result<usize, WireError> {
    match usize::try_from(length) {
        Ok(size) if size <= MAX_OPTION_PAYLOAD => Ok(size),
        _ => Err(WireError::TooLong {
            what,
            length: length.into(),
            limit: 65_536,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::hex;
    use super::*;

    #[test]
    fn headers_of_qemu() {
        let golden = hex("49484156454f5054 0000000a 0000001f");
        let header = OptionHeader {
            code: OptionCode(10),
            length: 31,
        };
        assert_eq!(header.encode().to_vec(), golden);
        assert_eq!(
            OptionHeader::decode(golden.first_chunk().unwrap()),
            Ok(header)
        );
        let golden = hex("0003e889045565a9 0000000a 00000004 00000013");
        let header = OptionReplyHeader {
            option: OptionCode(10),
            kind: 4,
            length: 19,
        };
        assert_eq!(header.encode().to_vec(), golden);
        assert_eq!(
            OptionReplyHeader::decode(golden.first_chunk().unwrap()),
            Ok(header)
        );
    }

    #[test]
    fn payload_of_64_kib_is_the_longest() {
        let reply = |length| OptionReplyHeader {
            option: OptionCode(3),
            kind: 2,
            length,
        };
        assert_eq!(reply(65_536).payload_length(), Ok(65_536));
        let too_long = WireError::TooLong {
            what: "option reply",
            length: 65_537,
            limit: 65_536,
        };
        assert_eq!(reply(65_537).payload_length(), Err(too_long));
    }

    #[test]
    fn headers_without_magic_are_refused() {
        let found = 0xa5a5_a5a5_a5a5_a5a5;
        assert_eq!(
            OptionHeader::decode(&[0xa5; 16]),
            Err(WireError::Magic {
                what: "option",
                found
            })
        );
        assert_eq!(
            OptionReplyHeader::decode(&[0xa5; 20]),
            Err(WireError::Magic {
                what: "option reply",
                found
            })
        );
    }
}
