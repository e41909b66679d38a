//! The headers of chunks.

use super::constants::{
    EXTENDED_REPLY_MAGIC, MAX_EXTENTS, MAX_OPTION_PAYLOAD, STRUCTURED_REPLY_MAGIC, chunk, reply,
};
use super::error::WireError;
use super::flags::ReplyFlags;
use super::head::Head;
use super::unit::{ByteOffset, Cookie};
use super::view::{u16_at, u32_at, u64_at};

/// The number of a chunk's kind. Besides those named here, any error is one: clients take an
/// error that they do not know as an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkKind(u16);

/// The header before a chunk's payload; length and kind fit each other.
///
/// # Shape
/// 32 bits of magic, 16 of [`ReplyFlags`], 16 of kind, 64 of cookie; structured then 32 of payload
/// length; extended then 64 of the request's offset, 64 of payload length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHeader {
    pub(super) flags: ReplyFlags,
    pub(super) kind: ChunkKind,
    pub(super) cookie: Cookie,
    pub(super) request_offset: Option<ByteOffset>,
    pub(super) length: u32,
}

impl ChunkKind {
    /// Nothing; ends a reply.
    pub const NONE: ChunkKind = ChunkKind(chunk::NONE);
    /// Data at an offset.
    pub const OFFSET_DATA: ChunkKind = ChunkKind(chunk::OFFSET_DATA);
    /// Zeroes at an offset.
    pub const OFFSET_HOLE: ChunkKind = ChunkKind(chunk::OFFSET_HOLE);
    /// Extents with 32-bit fields; only structured.
    pub const BLOCK_STATUS: ChunkKind = ChunkKind(chunk::BLOCK_STATUS);
    /// Extents with 64-bit fields; only extended.
    pub const BLOCK_STATUS_EXTENDED: ChunkKind = ChunkKind(chunk::BLOCK_STATUS_EXTENDED);
    /// An error.
    pub const ERROR: ChunkKind = ChunkKind(chunk::ERROR);
    /// An error at an offset.
    pub const ERROR_OFFSET: ChunkKind = ChunkKind(chunk::ERROR_OFFSET);

    /// The wire's number.
    pub const fn to_wire(self) -> u16 {
        self.0
    }

    /// Whether the chunk makes its reply a failure.
    pub const fn is_error(self) -> bool {
        self.0 & chunk::ERROR_BIT != 0
    }

    /// Refuses a length that such a chunk can not have.
    fn check_length(self, length: u32) -> Result<(), WireError> {
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        let list = |head: usize, item: usize| {
            let items = bytes.saturating_sub(head) / item;
            items > 0 && items <= MAX_EXTENTS && head + items * item == bytes
        };
        let fits = match self {
            ChunkKind::NONE => bytes == 0,
            ChunkKind::OFFSET_DATA => bytes > chunk::DATA_HEAD,
            ChunkKind::OFFSET_HOLE => bytes == chunk::HOLE_SIZE,
            ChunkKind::BLOCK_STATUS => list(chunk::STATUS_HEAD, chunk::EXTENT_SIZE),
            ChunkKind::BLOCK_STATUS_EXTENDED => {
                list(chunk::EXTENDED_STATUS_HEAD, chunk::EXTENDED_EXTENT_SIZE)
            }
            ChunkKind::ERROR_OFFSET => {
                (chunk::ERROR_HEAD + chunk::ERROR_TAIL..=MAX_OPTION_PAYLOAD).contains(&bytes)
            }
            _ => (chunk::ERROR_HEAD..=MAX_OPTION_PAYLOAD).contains(&bytes),
        };
        if fits {
            Ok(())
        } else {
            Err(WireError::Length {
                what: "chunk",
                length: length.into(),
            })
        }
    }
}

impl ChunkHeader {
    /// What the chunk is among those of its reply.
    pub const fn flags(&self) -> ReplyFlags {
        self.flags
    }

    /// Whether the chunk is the last one of its reply.
    pub const fn is_done(&self) -> bool {
        self.flags.contains(ReplyFlags::DONE)
    }

    /// What the payload is.
    pub const fn kind(&self) -> ChunkKind {
        self.kind
    }

    /// The request's mark.
    pub const fn cookie(&self) -> Cookie {
        self.cookie
    }

    /// The request's offset, which only an extended header repeats.
    pub const fn request_offset(&self) -> Option<ByteOffset> {
        self.request_offset
    }

    /// The bytes of payload that follow. The client holds that of
    /// [`ChunkKind::OFFSET_DATA`] against its request; that of any other is bounded.
    pub const fn length(&self) -> u32 {
        self.length
    }

    /// The bytes to send: extended if there is a [`ChunkHeader::request_offset`].
    pub fn encode(&self) -> Head {
        let magic = match self.request_offset {
            Some(_) => EXTENDED_REPLY_MAGIC,
            None => STRUCTURED_REPLY_MAGIC,
        };
        let head = Head::new()
            .with(magic.to_be_bytes())
            .with(self.flags.bits().to_be_bytes())
            .with(self.kind.0.to_be_bytes())
            .with(self.cookie.0.to_be_bytes());
        match self.request_offset {
            Some(offset) => head
                .with(offset.0.to_be_bytes())
                .with(u64::from(self.length).to_be_bytes()),
            None => head.with(self.length.to_be_bytes()),
        }
    }

    /// The header in `bytes`.
    ///
    /// # Errors
    /// If the magic is wrong, the framing has no such chunk, or the length does not fit the kind:
    /// the connection can not go on.
    pub fn decode_structured(
        bytes: &[u8; reply::STRUCTURED_SIZE],
    ) -> Result<ChunkHeader, WireError> {
        check_magic("structured reply", bytes, STRUCTURED_REPLY_MAGIC)?;
        decode(bytes, None, u32_at(bytes, reply::STRUCTURED_LENGTH))
    }

    /// The header in `bytes`.
    ///
    /// # Errors
    /// Those of [`ChunkHeader::decode_structured`].
    pub fn decode_extended(bytes: &[u8; reply::EXTENDED_SIZE]) -> Result<ChunkHeader, WireError> {
        check_magic("extended reply", bytes, EXTENDED_REPLY_MAGIC)?;
        let value = u64_at(bytes, reply::EXTENDED_LENGTH);
        // Payloads have 32 bits of length even where the field has 64.
        let length = u32::try_from(value).map_err(|_| WireError::DoesNotFit {
            what: "chunk length",
            value,
        })?;
        decode(
            bytes,
            Some(ByteOffset(u64_at(bytes, reply::OFFSET))),
            length,
        )
    }
}

fn check_magic(what: &'static str, bytes: &[u8], magic: u32) -> Result<(), WireError> {
    let found = u32_at(bytes, 0);
    if found == magic {
        Ok(())
    } else {
        Err(WireError::Magic {
            what,
            found: found.into(),
        })
    }
}

/// The part of both decoders that is the same.
fn decode(
    bytes: &[u8],
    request_offset: Option<ByteOffset>,
    length: u32,
) -> Result<ChunkHeader, WireError> {
    let kind = ChunkKind(u16_at(bytes, reply::KIND));
    let status = match request_offset {
        Some(_) => ChunkKind::BLOCK_STATUS_EXTENDED,
        None => ChunkKind::BLOCK_STATUS,
    };
    let known = [
        ChunkKind::NONE,
        ChunkKind::OFFSET_DATA,
        ChunkKind::OFFSET_HOLE,
        status,
    ];
    if !kind.is_error() && !known.contains(&kind) {
        return Err(WireError::UnknownChunk { kind: kind.0 });
    }
    kind.check_length(length)?;
    let flags = ReplyFlags::from_bits_retain(u16_at(bytes, reply::FLAGS));
    if kind == ChunkKind::NONE && !flags.contains(ReplyFlags::DONE) {
        return Err(WireError::NotDone);
    }
    let cookie = Cookie(u64_at(bytes, reply::COOKIE));
    Ok(ChunkHeader {
        flags,
        kind,
        cookie,
        request_offset,
        length,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_length_fits_its_kind() {
        for (kind, good, bad) in [
            (ChunkKind::NONE, &[0][..], &[1][..]),
            (ChunkKind::OFFSET_DATA, &[9, u32::MAX], &[0, 8]),
            (ChunkKind::OFFSET_HOLE, &[12], &[11, 13]),
            (
                ChunkKind::BLOCK_STATUS,
                &[12, 20, 8_388_612],
                &[0, 4, 13, 8_388_620],
            ),
            (ChunkKind::BLOCK_STATUS_EXTENDED, &[24, 40], &[0, 8, 23, 25]),
            (ChunkKind::ERROR, &[6, 65_536], &[5, 65_537]),
            (ChunkKind::ERROR_OFFSET, &[14, 65_536], &[13, 65_537]),
            (ChunkKind(0x8fff), &[6], &[5]),
        ] {
            for length in good {
                assert_eq!(kind.check_length(*length), Ok(()));
            }
            for length in bad {
                let wrong = WireError::Length {
                    what: "chunk",
                    length: (*length).into(),
                };
                assert_eq!(kind.check_length(*length), Err(wrong));
            }
        }
    }
}
