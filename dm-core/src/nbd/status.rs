//! The payload of a block status chunk.

use alloc::vec::Vec;

use bytes::BufMut;

use super::constants::{MAX_EXTENTS, chunk};
use super::error::WireError;
use super::flags::AllocationFlags;
use super::unit::{ByteCount, ContextId, Framing};
use super::view::{Reader, fit, narrow, nonzero, u32_at, u64_at};

/// The extents from a request's offset on, in one metadata context.
///
/// # Shape
/// Structured: 32 bits of context, then 32 of length and 32 of status an extent. Extended: 32 bits
/// of context, 32 of count, then 64 of length and 64 of status an extent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockStatus {
    /// The context that gives each status its meaning.
    pub context: ContextId,
    /// One to [`MAX_EXTENTS`].
    pub extents: Vec<Extent>,
}

/// A run of the export that is alike in one metadata context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Its length; not zero.
    pub length: ByteCount,
    /// What it is. The context says what the bits mean.
    pub status: u64,
}

impl BlockStatus {
    /// The payload's length in `framing`, if the payload can be.
    pub(super) fn payload_length(&self, framing: Framing) -> Result<usize, WireError> {
        let count = self.extents.len();
        nonzero("extents", u64::from(count != 0))?;
        if count > MAX_EXTENTS {
            let count = count.try_into().unwrap_or(u64::MAX);
            return Err(WireError::Count {
                what: "extents",
                count,
            });
        }
        self.extents
            .iter()
            .try_for_each(|extent| extent.check(framing))?;
        Ok(match framing {
            Framing::Extended => chunk::EXTENDED_STATUS_HEAD + count * chunk::EXTENDED_EXTENT_SIZE,
            Framing::Simple | Framing::Structured => {
                chunk::STATUS_HEAD + count * chunk::EXTENT_SIZE
            }
        })
    }

    /// Appends the payload, whose length was found good.
    pub(super) fn put(&self, framing: Framing, out: &mut impl BufMut) -> Result<(), WireError> {
        out.put_u32(self.context.0);
        if framing == Framing::Extended {
            out.put_u32(fit("extents", self.extents.len())?);
        }
        self.extents
            .iter()
            .try_for_each(|extent| extent.put(framing, out))
    }

    /// The payload of a structured chunk.
    pub(super) fn decode_compact(payload: &[u8]) -> Result<BlockStatus, WireError> {
        let mut reader = Reader::new("block status", payload);
        let context = ContextId(reader.u32()?);
        let (fields, _) = reader.rest().as_chunks();
        BlockStatus::checked(context, fields.iter().map(Extent::compact).collect())
    }

    /// The payload of an extended chunk.
    pub(super) fn decode_extended(payload: &[u8]) -> Result<BlockStatus, WireError> {
        let mut reader = Reader::new("block status", payload);
        let (context, count) = (ContextId(reader.u32()?), reader.u32()?);
        let (fields, _) = reader.rest().as_chunks();
        if usize::try_from(count) != Ok(fields.len()) {
            return Err(WireError::Count {
                what: "extents",
                count: count.into(),
            });
        }
        BlockStatus::checked(context, fields.iter().map(Extent::extended).collect())
    }

    fn checked(context: ContextId, extents: Vec<Extent>) -> Result<BlockStatus, WireError> {
        extents
            .iter()
            .try_for_each(|extent| nonzero("extent", extent.length.0))?;
        Ok(BlockStatus { context, extents })
    }
}

impl Extent {
    /// What it is, if the context is `base:allocation`.
    pub const fn allocation(self) -> AllocationFlags {
        AllocationFlags::from_bits_retain(self.status)
    }

    fn compact(field: &[u8; chunk::EXTENT_SIZE]) -> Extent {
        let (length, status) = (u32_at(field, 0), u32_at(field, 4));
        Extent {
            length: ByteCount(length.into()),
            status: status.into(),
        }
    }

    fn extended(field: &[u8; chunk::EXTENDED_EXTENT_SIZE]) -> Extent {
        Extent {
            length: ByteCount(u64_at(field, 0)),
            status: u64_at(field, 8),
        }
    }

    fn check(self, framing: Framing) -> Result<(), WireError> {
        nonzero("extent", self.length.0)?;
        if framing != Framing::Extended {
            narrow("extent length", self.length.0)?;
            narrow("extent status", self.status)?;
        }
        Ok(())
    }

    fn put(self, framing: Framing, out: &mut impl BufMut) -> Result<(), WireError> {
        if framing == Framing::Extended {
            out.put_u64(self.length.0);
            out.put_u64(self.status);
        } else {
            out.put_u32(narrow("extent length", self.length.0)?);
            out.put_u32(narrow("extent status", self.status)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::hex;
    use super::*;
    use alloc::vec;

    fn extent(length: u64, status: u64) -> Extent {
        Extent {
            length: ByteCount(length),
            status,
        }
    }

    fn status(extents: Vec<Extent>) -> BlockStatus {
        BlockStatus {
            context: ContextId(1),
            extents,
        }
    }

    fn both_ways(framing: Framing, golden: &str, status: BlockStatus) {
        let golden = hex(golden);
        let decoded = match framing {
            Framing::Extended => BlockStatus::decode_extended(&golden),
            _ => BlockStatus::decode_compact(&golden),
        };
        assert_eq!(decoded.as_ref(), Ok(&status));
        let mut out = vec![0xa5];
        status.put(framing, &mut out).unwrap();
        assert_eq!(out[1..], golden);
        assert_eq!(status.payload_length(framing), Ok(golden.len()));
    }

    #[test]
    fn block_status_of_nbdkit_and_qemu_nbd() {
        // A file of 1 MiB with data in its first 8 KiB and 4 KiB at 64 KiB.
        let (data, hole) = (AllocationFlags::empty(), AllocationFlags::all());
        let extents = vec![
            extent(0x2000, 0),
            extent(0xe000, 3),
            extent(0x1000, 0),
            extent(0xef000, 3),
        ];
        assert_eq!(
            (extents[0].allocation(), extents[1].allocation()),
            (data, hole)
        );
        both_ways(
            Framing::Structured,
            "00000001 00002000 00000000 0000e000 00000003 00001000 00000000 000ef000 00000003",
            status(extents.clone()),
        );
        both_ways(
            Framing::Extended,
            "00000000 00000004
             0000000000002000 0000000000000000 000000000000e000 0000000000000003
             0000000000001000 0000000000000000 00000000000ef000 0000000000000003",
            BlockStatus {
                context: ContextId(0),
                extents,
            },
        );
    }

    #[test]
    fn status_that_is_wrong() {
        let zero = hex("00000001 00000000 00000003");
        let error = WireError::Zero { what: "extent" };
        assert_eq!(BlockStatus::decode_compact(&zero), Err(error));
        let two = hex("00000001 00000002 0000000000002000 0000000000000000");
        let error = WireError::Count {
            what: "extents",
            count: 2,
        };
        assert_eq!(BlockStatus::decode_extended(&two), Err(error));
    }

    #[test]
    fn status_that_can_not_be_sent() {
        let zero = |what| Err(WireError::Zero { what });
        let large = |what| {
            Err(WireError::DoesNotFit {
                what,
                value: 1 << 32,
            })
        };
        let compact = |extents| status(extents).payload_length(Framing::Structured);
        assert_eq!(compact(vec![]), zero("extents"));
        assert_eq!(compact(vec![extent(0, 0)]), zero("extent"));
        assert_eq!(compact(vec![extent(1 << 32, 0)]), large("extent length"));
        assert_eq!(compact(vec![extent(1, 1 << 32)]), large("extent status"));
        let count = WireError::Count {
            what: "extents",
            count: 1_048_577,
        };
        assert_eq!(compact(vec![extent(1, 0); MAX_EXTENTS + 1]), Err(count));
        let wide = status(vec![extent(1 << 32, 1 << 32)]);
        assert_eq!(wide.payload_length(Framing::Extended), Ok(24));
    }
}
