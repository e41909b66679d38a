//! The headers of replies during transmission.

use super::chunk_header::ChunkHeader;
use super::constants::{EXTENDED_REPLY_MAGIC, SIMPLE_REPLY_MAGIC, STRUCTURED_REPLY_MAGIC, reply};
use super::error::{NbdErrno, WireError};
use super::unit::{Cookie, Framing};
use super::view::{check_size, u32_at, u64_at};

/// A reply without chunks. Behind that to a read without error stands the data.
///
/// # Shape
/// 32 bits of magic, 32 of error, 64 of cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimpleReply {
    /// Why the request failed, if it did.
    pub error: Option<NbdErrno>,
    /// The request's mark.
    pub cookie: Cookie,
}

/// The header of any reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyHeader {
    /// A reply without chunks.
    Simple(SimpleReply),
    /// One chunk of a reply.
    Chunk(ChunkHeader),
}

impl SimpleReply {
    /// The bytes to send.
    pub fn encode(self) -> [u8; reply::SIMPLE_SIZE] {
        let mut bytes = [0; reply::SIMPLE_SIZE];
        let error = self.error.map_or(0, NbdErrno::to_wire);
        bytes[..reply::ERROR].copy_from_slice(&SIMPLE_REPLY_MAGIC.to_be_bytes());
        bytes[reply::ERROR..reply::COOKIE].copy_from_slice(&error.to_be_bytes());
        bytes[reply::COOKIE..].copy_from_slice(&self.cookie.0.to_be_bytes());
        bytes
    }

    /// The reply in `bytes`.
    ///
    /// # Errors
    /// If the magic is wrong.
    pub fn decode(bytes: &[u8; reply::SIMPLE_SIZE]) -> Result<SimpleReply, WireError> {
        match u32_at(bytes, 0) {
            SIMPLE_REPLY_MAGIC => Ok(SimpleReply {
                error: NbdErrno::from_wire(u32_at(bytes, reply::ERROR)),
                cookie: Cookie(u64_at(bytes, reply::COOKIE)),
            }),
            found => Err(WireError::Magic {
                what: "simple reply",
                found: found.into(),
            }),
        }
    }
}

impl ReplyHeader {
    /// The bytes of the header whose first four are `magic`.
    ///
    /// # Errors
    /// If `framing` has no such reply: the connection can not go on.
    pub fn size(framing: Framing, magic: [u8; 4]) -> Result<usize, WireError> {
        match (framing, u32::from_be_bytes(magic)) {
            (Framing::Simple | Framing::Structured, SIMPLE_REPLY_MAGIC) => Ok(reply::SIMPLE_SIZE),
            (Framing::Structured, STRUCTURED_REPLY_MAGIC) => Ok(reply::STRUCTURED_SIZE),
            (Framing::Extended, EXTENDED_REPLY_MAGIC) => Ok(reply::EXTENDED_SIZE),
            (_, found) => Err(WireError::Magic {
                what: "reply",
                found: found.into(),
            }),
        }
    }

    /// The header in `bytes`.
    ///
    /// # Errors
    /// Those of [`ReplyHeader::size`], a wrong length, and those of the header's own decoder.
    pub fn decode(framing: Framing, bytes: &[u8]) -> Result<ReplyHeader, WireError> {
        let what = "reply";
        let short = WireError::Short {
            what,
            needed: 4,
            found: bytes.len(),
        };
        let size = ReplyHeader::size(framing, *bytes.first_chunk().ok_or(short)?)?;
        check_size(what, bytes, size)?;
        if let Ok(bytes) = bytes.try_into() {
            return SimpleReply::decode(bytes).map(ReplyHeader::Simple);
        }
        if let Ok(bytes) = bytes.try_into() {
            return ChunkHeader::decode_structured(bytes).map(ReplyHeader::Chunk);
        }
        let short = WireError::Short {
            what,
            needed: size,
            found: bytes.len(),
        };
        let bytes = bytes.try_into().map_err(|_| short)?;
        ChunkHeader::decode_extended(bytes).map(ReplyHeader::Chunk)
    }

    /// The request's mark.
    pub const fn cookie(&self) -> Cookie {
        match self {
            ReplyHeader::Simple(reply) => reply.cookie,
            ReplyHeader::Chunk(header) => header.cookie,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::chunk_header::ChunkKind;
    use super::super::flags::ReplyFlags;
    use super::super::testing::hex;
    use super::super::unit::ByteOffset;
    use super::*;

    fn decode(framing: Framing, golden: &str) -> Result<ReplyHeader, WireError> {
        ReplyHeader::decode(framing, &hex(golden))
    }

    #[test]
    fn simple_replies_of_nbdkit() {
        for (golden, error, cookie) in [
            ("67446698 00000000 0000000000000001", None, 1),
            (
                "67446698 00000016 1122334455667788",
                Some(NbdErrno::Invalid),
                0x1122_3344_5566_7788,
            ),
            (
                "67446698 0000001c 0000000000000009",
                Some(NbdErrno::NoSpace),
                9,
            ),
        ] {
            let reply = SimpleReply {
                error,
                cookie: Cookie(cookie),
            };
            assert_eq!(reply.encode().to_vec(), hex(golden));
            assert_eq!(
                decode(Framing::Simple, golden),
                Ok(ReplyHeader::Simple(reply))
            );
            assert_eq!(
                decode(Framing::Structured, golden),
                Ok(ReplyHeader::Simple(reply))
            );
            let magic = WireError::Magic {
                what: "reply",
                found: 0x6744_6698,
            };
            assert_eq!(decode(Framing::Extended, golden), Err(magic));
        }
    }

    #[test]
    fn chunk_headers_of_nbdkit_and_qemu_nbd() {
        let offset = Some(ByteOffset(0x10000));
        for (framing, golden, kind, request_offset, length) in [
            (
                Framing::Structured,
                "668e33ef 0001 0001 0000000000000001 00000208",
                ChunkKind::OFFSET_DATA,
                None,
                520,
            ),
            (
                Framing::Structured,
                "668e33ef 0001 8001 0000000000000001 00000006",
                ChunkKind::ERROR,
                None,
                6,
            ),
            (
                Framing::Extended,
                "6e8a278c 0001 0006 0000000000000001 0000000000010000 0000000000000018",
                ChunkKind::BLOCK_STATUS_EXTENDED,
                offset,
                24,
            ),
            (
                Framing::Extended,
                "6e8a278c 0001 0000 0000000000000001 0000000000010000 0000000000000000",
                ChunkKind::NONE,
                offset,
                0,
            ),
        ] {
            let (flags, cookie) = (ReplyFlags::DONE, Cookie(1));
            let header = ChunkHeader {
                flags,
                kind,
                cookie,
                request_offset,
                length,
            };
            assert_eq!(decode(framing, golden), Ok(ReplyHeader::Chunk(header)));
            assert_eq!(*header.encode(), hex(golden));
        }
    }

    #[test]
    fn framing_decides_which_chunks_there_are() {
        let golden = "668e33ef 0001 0006 0000000000000001 00000018";
        let unknown = |kind| Err(WireError::UnknownChunk { kind });
        assert_eq!(decode(Framing::Structured, golden), unknown(6));
        let golden = "6e8a278c 0001 0005 0000000000000001 0000000000000000 000000000000000c";
        assert_eq!(decode(Framing::Extended, golden), unknown(5));
        let golden = "668e33ef 0001 0003 0000000000000001 00000000";
        assert_eq!(decode(Framing::Structured, golden), unknown(3));
        let magic = WireError::Magic {
            what: "reply",
            found: 0x668e_33ef,
        };
        assert_eq!(decode(Framing::Simple, golden), Err(magic));
    }

    #[test]
    fn headers_that_are_wrong() {
        let golden = "668e33ef 0000 0000 0000000000000001 00000000";
        assert_eq!(decode(Framing::Structured, golden), Err(WireError::NotDone));
        let golden = "6e8a278c 0001 0001 0000000000000001 0000000000000000 0000000100000000";
        let large = WireError::DoesNotFit {
            what: "chunk length",
            value: 1 << 32,
        };
        assert_eq!(decode(Framing::Extended, golden), Err(large));
        let short = |needed, found| {
            Err(WireError::Short {
                what: "reply",
                needed,
                found,
            })
        };
        assert_eq!(decode(Framing::Simple, "674466"), short(4, 3));
        assert_eq!(decode(Framing::Structured, "668e33ef 0001"), short(20, 6));
        let magic = |what| WireError::Magic {
            what,
            found: 0xa5a5_a5a5,
        };
        assert_eq!(SimpleReply::decode(&[0xa5; 16]), Err(magic("simple reply")));
        let result = ChunkHeader::decode_structured(&[0xa5; 20]);
        assert_eq!(result, Err(magic("structured reply")));
        let result = ChunkHeader::decode_extended(&[0xa5; 32]);
        assert_eq!(result, Err(magic("extended reply")));
    }
}
