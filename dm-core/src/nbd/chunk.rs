//! Chunks: what replies carry when more than simple ones were agreed on.

use bytes::BufMut;

use super::chunk_header::{ChunkHeader, ChunkKind};
use super::constants::chunk;
use super::error::{NbdErrno, WireError};
use super::flags::ReplyFlags;
use super::reply_to::ReplyTo;
use super::status::BlockStatus;
use super::text::{Text, check_length};
use super::unit::{ByteOffset, Framing};
use super::view::{Reader, check_size, fit, nonzero};

/// One chunk's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunk<'a> {
    /// Nothing; ends a reply.
    None,
    /// Data, at least one byte.
    Data {
        /// Where it stands on the export.
        offset: ByteOffset,
        /// The data.
        data: &'a [u8],
    },
    /// Zeroes.
    Hole {
        /// Where they stand on the export.
        offset: ByteOffset,
        /// How many; not zero.
        length: u32,
    },
    /// The extents from the request's offset on.
    BlockStatus(BlockStatus),
    /// The request failed.
    Error {
        /// Why.
        error: NbdErrno,
        /// A text for people, or empty.
        message: Text,
    },
    /// The request failed at one place.
    ErrorOffset {
        /// Why.
        error: NbdErrno,
        /// A text for people, or empty.
        message: Text,
        /// The place.
        offset: ByteOffset,
    },
}

impl<'a> Chunk<'a> {
    /// The chunk's kind in `framing`.
    pub const fn kind(&self, framing: Framing) -> ChunkKind {
        match (self, framing) {
            (Chunk::None, _) => ChunkKind::NONE,
            (Chunk::Data { .. }, _) => ChunkKind::OFFSET_DATA,
            (Chunk::Hole { .. }, _) => ChunkKind::OFFSET_HOLE,
            (Chunk::BlockStatus(_), Framing::Extended) => ChunkKind::BLOCK_STATUS_EXTENDED,
            (Chunk::BlockStatus(_), _) => ChunkKind::BLOCK_STATUS,
            (Chunk::Error { .. }, _) => ChunkKind::ERROR,
            (Chunk::ErrorOffset { .. }, _) => ChunkKind::ERROR_OFFSET,
        }
    }

    /// Appends the chunk of the reply to `to`, header and payload; nothing on an error.
    ///
    /// For data and for replies without payload, the heads of [`ReplyTo`] do without copies and
    /// allocation.
    ///
    /// # Errors
    /// If the framing has no chunks, a field does not fit, or something is empty that must not.
    pub fn encode(
        &self,
        to: &ReplyTo,
        flags: ReplyFlags,
        out: &mut impl BufMut,
    ) -> Result<(), WireError> {
        if *self == Chunk::None && !flags.contains(ReplyFlags::DONE) {
            return Err(WireError::NotDone);
        }
        let length = self.payload_length(to.framing)?;
        let header = to.chunk_header(self.kind(to.framing), flags, length)?;
        out.put_slice(&header.encode());
        match self {
            Chunk::None => {}
            Chunk::Data { offset, data } => {
                out.put_u64(offset.0);
                out.put_slice(data);
            }
            Chunk::Hole { offset, length } => {
                out.put_u64(offset.0);
                out.put_u32(*length);
            }
            Chunk::BlockStatus(status) => status.put(to.framing, out)?,
            Chunk::Error { error, message } => put_error(*error, message, out),
            Chunk::ErrorOffset {
                error,
                message,
                offset,
            } => {
                put_error(*error, message, out);
                out.put_u64(offset.0);
            }
        }
        Ok(())
    }

    /// The chunk of `header` with `payload`. An error of a kind that this codec does not know is
    /// [`Chunk::Error`].
    ///
    /// # Errors
    /// If the payload is not as the header says or the kind has it: the connection can not go on.
    pub fn decode(header: &ChunkHeader, payload: &'a [u8]) -> Result<Chunk<'a>, WireError> {
        check_size(
            "chunk",
            payload,
            usize::try_from(header.length).unwrap_or(usize::MAX),
        )?;
        let mut reader = Reader::new("chunk", payload);
        match header.kind {
            ChunkKind::NONE => Ok(Chunk::None),
            ChunkKind::OFFSET_DATA => Ok(Chunk::Data {
                offset: ByteOffset(reader.u64()?),
                data: reader.rest(),
            }),
            ChunkKind::OFFSET_HOLE => {
                let (offset, length) = (ByteOffset(reader.u64()?), reader.u32()?);
                nonzero("hole", length.into())?;
                Ok(Chunk::Hole { offset, length })
            }
            ChunkKind::BLOCK_STATUS => BlockStatus::decode_compact(payload).map(Chunk::BlockStatus),
            ChunkKind::BLOCK_STATUS_EXTENDED => {
                BlockStatus::decode_extended(payload).map(Chunk::BlockStatus)
            }
            ChunkKind::ERROR_OFFSET => {
                let (error, message) = error(&mut reader)?;
                let offset = ByteOffset(reader.u64()?);
                Ok(Chunk::ErrorOffset {
                    error,
                    message,
                    offset,
                })
            }
            // What stands behind the message is for kinds that we do not know.
            _ => error(&mut reader).map(|(error, message)| Chunk::Error { error, message }),
        }
    }

    /// The payload's length, if the payload can be.
    fn payload_length(&self, framing: Framing) -> Result<u32, WireError> {
        let length = match self {
            Chunk::None => 0,
            Chunk::Data { data, .. } => {
                nonzero("data", u64::from(!data.is_empty()))?;
                data.len().saturating_add(chunk::DATA_HEAD)
            }
            Chunk::Hole { length, .. } => {
                nonzero("hole", (*length).into())?;
                chunk::HOLE_SIZE
            }
            Chunk::BlockStatus(status) => status.payload_length(framing)?,
            Chunk::Error { message, .. } => chunk::ERROR_HEAD + message.as_bytes().len(),
            Chunk::ErrorOffset { message, .. } => {
                chunk::ERROR_HEAD + message.as_bytes().len() + chunk::ERROR_TAIL
            }
        };
        fit("chunk length", length)
    }
}

/// Appends what all errors begin with.
fn put_error(error: NbdErrno, message: &Text, out: &mut impl BufMut) {
    out.put_u32(error.to_wire());
    out.put_u16(message.length_u16());
    out.put_slice(message.as_bytes());
}

/// What all errors begin with.
fn error(reader: &mut Reader<'_>) -> Result<(NbdErrno, Text), WireError> {
    let zero = WireError::Zero { what: "error" };
    let error = NbdErrno::from_wire(reader.u32()?).ok_or(zero)?;
    let length = usize::from(reader.u16()?);
    check_length("error message", length)?;
    Ok((error, Text::lossy(reader.take(length)?)))
}

#[cfg(test)]
mod tests {
    use super::super::reply::ReplyHeader;
    use super::super::status::Extent;
    use super::super::testing::hex;
    use super::super::unit::{ByteCount, ContextId, Cookie};
    use super::*;
    use alloc::vec;

    fn to(framing: Framing, offset: u64) -> ReplyTo {
        ReplyTo {
            framing,
            cookie: Cookie(1),
            offset: ByteOffset(offset),
        }
    }

    fn decode<'a>(framing: Framing, golden: &'a [u8]) -> Result<Chunk<'a>, WireError> {
        let size = ReplyHeader::size(framing, *golden.first_chunk().unwrap()).unwrap();
        let (head, payload) = golden.split_at(size);
        match ReplyHeader::decode(framing, head)? {
            ReplyHeader::Chunk(header) => Chunk::decode(&header, payload),
            ReplyHeader::Simple(_) => panic!("simple reply"),
        }
    }

    fn both_ways(to: ReplyTo, golden: &str, chunk: Chunk<'_>) {
        let golden = hex(golden);
        assert_eq!(decode(to.framing, &golden).as_ref(), Ok(&chunk));
        let mut out = vec![0xa5];
        chunk.encode(&to, ReplyFlags::DONE, &mut out).unwrap();
        assert_eq!(out[1..], golden);
    }

    #[test]
    fn data_and_holes() {
        // The first is nbdkit 1.32.5's reply to a read, cut to 4 bytes.
        let offset = ByteOffset(0x10000);
        both_ways(
            to(Framing::Structured, 0x10000),
            "668e33ef 0001 0001 0000000000000001 0000000c 0000000000010000 41414141",
            Chunk::Data {
                offset,
                data: b"AAAA",
            },
        );
        both_ways(
            to(Framing::Extended, 0x1000),
            "6e8a278c 0001 0002 0000000000000001 0000000000001000 000000000000000c
             0000000000010000 00001000",
            Chunk::Hole {
                offset,
                length: 4096,
            },
        );
        both_ways(
            to(Framing::Structured, 0),
            "668e33ef 0001 0000 0000000000000001 00000000",
            Chunk::None,
        );
    }

    #[test]
    fn errors_of_nbdkit_and_qemu_nbd() {
        both_ways(
            to(Framing::Structured, 0),
            "668e33ef 0001 8001 0000000000000001 00000006 00000016 0000",
            Chunk::Error {
                error: NbdErrno::Invalid,
                message: Text::EMPTY,
            },
        );
        both_ways(
            to(Framing::Extended, 0x10_0000),
            "6e8a278c 0001 8001 0000000000000001 0000000000100000 0000000000000019
             00000016 0013 4578706f727420697320726561642d6f6e6c79",
            Chunk::Error {
                error: NbdErrno::Invalid,
                message: "Export is read-only".parse().unwrap(),
            },
        );
        both_ways(
            to(Framing::Structured, 0),
            "668e33ef 0001 8002 0000000000000001 00000010 00000005 0002 6869 0000000000000200",
            Chunk::ErrorOffset {
                error: NbdErrno::Io,
                message: "hi".parse().unwrap(),
                offset: ByteOffset(512),
            },
        );
    }

    #[test]
    fn unknown_error_is_an_error() {
        let golden = hex("668e33ef 0000 8abc 0000000000000001 00000009 0000001c 0001 6e a5a5");
        let message = "n".parse().unwrap();
        assert_eq!(
            decode(Framing::Structured, &golden),
            Ok(Chunk::Error {
                error: NbdErrno::NoSpace,
                message
            })
        );
    }

    #[test]
    fn payloads_that_are_wrong() {
        let head = "668e33ef 0001";
        for (golden, error) in [
            (
                "0002 0000000000000001 0000000c 0000000000000000 00000000",
                WireError::Zero { what: "hole" },
            ),
            (
                "0005 0000000000000001 0000000c 00000001 00000000 00000003",
                WireError::Zero { what: "extent" },
            ),
            (
                "8001 0000000000000001 00000006 00000000 0000",
                WireError::Zero { what: "error" },
            ),
            (
                "8001 0000000000000001 00000006 00000005 0001",
                WireError::Short {
                    what: "chunk",
                    needed: 1,
                    found: 0,
                },
            ),
            (
                "8001 0000000000000001 00000006 00000005 1001",
                WireError::TooLong {
                    what: "error message",
                    length: 4097,
                    limit: 4096,
                },
            ),
            (
                "8002 0000000000000001 0000000e 00000005 0001 6100000000000000",
                WireError::Short {
                    what: "chunk",
                    needed: 8,
                    found: 7,
                },
            ),
            (
                "0002 0000000000000001 0000000c 0000000000000000",
                WireError::Short {
                    what: "chunk",
                    needed: 12,
                    found: 8,
                },
            ),
        ] {
            let golden = [hex(head), hex(golden)].concat();
            assert_eq!(decode(Framing::Structured, &golden), Err(error));
        }
    }

    #[test]
    fn block_status_behind_its_header() {
        let length = ByteCount(0x2000);
        let extents = vec![Extent { length, status: 3 }];
        let status = BlockStatus {
            context: ContextId(1),
            extents,
        };
        both_ways(
            to(Framing::Structured, 0),
            "668e33ef 0001 0005 0000000000000001 0000000c 00000001 00002000 00000003",
            Chunk::BlockStatus(status.clone()),
        );
        both_ways(
            to(Framing::Extended, 0x10000),
            "6e8a278c 0001 0006 0000000000000001 0000000000010000 0000000000000018
             00000001 00000001 0000000000002000 0000000000000003",
            Chunk::BlockStatus(status),
        );
    }

    #[test]
    fn chunks_that_can_not_be_sent() {
        let offset = ByteOffset(0);
        let status = BlockStatus {
            context: ContextId(1),
            extents: vec![],
        };
        let zero = |what| WireError::Zero { what };
        let encode = |chunk: Chunk<'_>, framing, flags| {
            let mut out = vec![];
            let result = chunk.encode(&to(framing, 0), flags, &mut out);
            assert!(result.is_ok() || out.is_empty());
            result.unwrap_err()
        };
        for (framing, chunk, error) in [
            (
                Framing::Structured,
                Chunk::Data { offset, data: &[] },
                zero("data"),
            ),
            (
                Framing::Structured,
                Chunk::Hole { offset, length: 0 },
                zero("hole"),
            ),
            (
                Framing::Structured,
                Chunk::BlockStatus(status),
                zero("extents"),
            ),
            (
                Framing::Simple,
                Chunk::None,
                WireError::NotAgreed { what: "chunk" },
            ),
        ] {
            assert_eq!(encode(chunk, framing, ReplyFlags::DONE), error);
        }
        let error = encode(Chunk::None, Framing::Extended, ReplyFlags::empty());
        assert_eq!(error, WireError::NotDone);
    }
}
