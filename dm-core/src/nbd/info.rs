//! Facts about an export, which the server tells during the handshake.

use alloc::vec::Vec;

use bytes::BufMut;

use super::constants::{MAX_MINIMUM_BLOCK, MIN_PREFERRED_BLOCK, info};
use super::error::WireError;
use super::flags::TransmissionFlags;
use super::text::Text;
use super::unit::ByteCount;
use super::view::Reader;

/// One fact about an export.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Info {
    /// Size and abilities; a successful reply has this one.
    Export {
        /// The export's size.
        size: ByteCount,
        /// What it can do.
        flags: TransmissionFlags,
    },
    /// The export's own name.
    Name(Text),
    /// A text for people.
    Description(Text),
    /// Block and payload sizes.
    BlockSize(BlockSizes),
    /// A fact that this codec does not know; clients pass over it.
    Other {
        /// Its number.
        kind: InfoKind,
        /// Its bytes.
        payload: Vec<u8>,
    },
}

/// The sizes that requests have to keep to.
///
/// # Units
/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockSizes {
    minimum: u32,
    preferred: u32,
    maximum_payload: u32,
}

/// The number of a fact about an export, known or not: servers pass over what they do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InfoKind(pub u16);

impl InfoKind {
    /// Size and transmission flags.
    pub const EXPORT: InfoKind = InfoKind(info::EXPORT);
    /// The export's own name.
    pub const NAME: InfoKind = InfoKind(info::NAME);
    /// A text for people.
    pub const DESCRIPTION: InfoKind = InfoKind(info::DESCRIPTION);
    /// Block and payload sizes.
    pub const BLOCK_SIZE: InfoKind = InfoKind(info::BLOCK_SIZE);
}

impl Info {
    /// The fact's number.
    pub fn kind(&self) -> InfoKind {
        match self {
            Info::Export { .. } => InfoKind::EXPORT,
            Info::Name(_) => InfoKind::NAME,
            Info::Description(_) => InfoKind::DESCRIPTION,
            Info::BlockSize(_) => InfoKind::BLOCK_SIZE,
            Info::Other { kind, .. } => *kind,
        }
    }

    /// Appends the payload of the reply.
    pub(super) fn put(&self, out: &mut impl BufMut) {
        out.put_u16(self.kind().0);
        match self {
            Info::Export { size, flags } => {
                out.put_u64(size.0);
                out.put_u16(flags.bits());
            }
            Info::Name(text) | Info::Description(text) => out.put_slice(text.as_bytes()),
            Info::BlockSize(sizes) => {
                out.put_u32(sizes.minimum);
                out.put_u32(sizes.preferred);
                out.put_u32(sizes.maximum_payload);
            }
            Info::Other { payload, .. } => out.put_slice(payload),
        }
    }

    /// The fact in the payload of the reply.
    pub(super) fn decode(payload: &[u8]) -> Result<Info, WireError> {
        let mut reader = Reader::new("info reply", payload);
        let kind = InfoKind(reader.u16()?);
        let fact = match kind.0 {
            info::EXPORT => Info::Export {
                size: ByteCount(reader.u64()?),
                flags: TransmissionFlags::from_bits_retain(reader.u16()?),
            },
            info::NAME => return Text::from_bytes("export name", reader.rest()).map(Info::Name),
            info::DESCRIPTION => {
                let text = Text::from_bytes("export description", reader.rest())?;
                return Ok(Info::Description(text));
            }
            info::BLOCK_SIZE => Info::BlockSize(BlockSizes::new(
                reader.u32()?,
                reader.u32()?,
                reader.u32()?,
            )?),
            _ => {
                return Ok(Info::Other {
                    kind,
                    payload: reader.rest().to_vec(),
                });
            }
        };
        reader.finish()?;
        Ok(fact)
    }
}

impl BlockSizes {
    /// The sizes `minimum` (a power of two, 1 to 65,536), `preferred` (a power of two, at least
    /// 512 and the minimum) and `maximum_payload` (at least the preferred).
    ///
    /// # Errors
    /// If a size breaks these rules.
    pub const fn new(
        minimum: u32,
        preferred: u32,
        maximum_payload: u32,
    ) -> Result<BlockSizes, WireError> {
        if minimum.is_power_of_two()
            && minimum <= MAX_MINIMUM_BLOCK
            && preferred.is_power_of_two()
            && preferred >= MIN_PREFERRED_BLOCK
            && preferred >= minimum
            && maximum_payload >= preferred
        {
            Ok(BlockSizes {
                minimum,
                preferred,
                maximum_payload,
            })
        } else {
            Err(WireError::BlockSizes {
                minimum,
                preferred,
                maximum: maximum_payload,
            })
        }
    }

    /// The unit of offsets and lengths.
    pub const fn minimum(self) -> u32 {
        self.minimum
    }

    /// The unit that is efficient.
    pub const fn preferred(self) -> u32 {
        self.preferred
    }

    /// The most data in one request or reply.
    pub const fn maximum_payload(self) -> u32 {
        self.maximum_payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_sizes_that_are_wrong() {
        for (minimum, preferred, maximum) in [
            (0, 4096, 1 << 25),
            (3, 4096, 1 << 25),
            (1 << 17, 1 << 17, 1 << 25),
            (1, 256, 1 << 25),
            (1, 4097, 1 << 25),
            (4096, 512, 1 << 25),
            (512, 4096, 512),
        ] {
            assert_eq!(
                BlockSizes::new(minimum, preferred, maximum),
                Err(WireError::BlockSizes {
                    minimum,
                    preferred,
                    maximum
                })
            );
        }
        assert!(BlockSizes::new(1 << 16, 1 << 16, u32::MAX).is_ok());
    }
}
