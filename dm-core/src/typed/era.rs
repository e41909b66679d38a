//! `era META ORIGIN BLOCK`: a device that remembers when each block was last written.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};
use crate::units::SectorCount;

use super::{Device, Keyword, Kind, Ratio, Reader, Text, or_dash, words};

pub(super) const KIND: Kind = Kind::new(
    "era",
    "a device that remembers when each block was last written",
    |reader| Params::read(reader).map(super::Params::Era),
)
.with_status(|reader| Status::read(reader).map(super::Status::Era))
.with_message(|reader| Message::read(reader).map(super::Message::Era));

/// The devices.
///
/// # Source
/// `drivers/md/dm-era-target.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {
    /// Where the metadata is.
    pub metadata: Device,
    /// The device.
    pub origin: Device,
    /// Sectors in a block.
    pub block: SectorCount,
}

/// How it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Status {
    /// Its metadata could not be read.
    Error,
    /// It is at work.
    Working {
        /// Sectors in a block of metadata.
        metadata_block: u32,
        /// Blocks of metadata used, of those that there are.
        metadata: Ratio,
        /// The present era.
        era: u32,
        /// The block of the metadata snapshot.
        held_root: Option<u64>,
        /// Fields of newer kernels.
        rest: Vec<String>,
    },
}

/// What it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Message {
    /// A new era may begin.
    Checkpoint,
    /// Holds the metadata as it is, for a reader in userspace.
    TakeMetadataSnap,
    /// Ends that.
    DropMetadataSnap,
}

impl Keyword for Message {
    const WORDS: &'static [(&'static str, Message)] = &[
        ("checkpoint", Message::Checkpoint),
        ("take_metadata_snap", Message::TakeMetadataSnap),
        ("drop_metadata_snap", Message::DropMetadataSnap),
    ];
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        Ok(Params {
            metadata: reader.device("metadata device")?,
            origin: reader.device("origin")?,
            block: block(reader)?,
        })
    }
}

/// A block, of whole pages of metadata.
///
/// # Source
/// `MIN_BLOCK_SIZE` in `drivers/md/dm-era-target.c`.
fn block(reader: &mut Reader<'_>) -> Result<SectorCount, ParamError> {
    let word = reader.word("block size")?;
    let block = word.sectors("block size")?;
    match block.0.is_multiple_of(8) {
        true => Ok(block),
        false => Err(word.error(Reason::NotDivisible {
            what: "a block",
            length: block,
            by: "the least block",
            divisor: 8,
        })),
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.metadata, self.origin, self.block)
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        if reader.peek().as_deref() == Some("Error") {
            reader.word("state of the target")?;
            return Ok(Status::Error);
        }
        Ok(Status::Working {
            metadata_block: reader.number("sectors in a block of metadata")?,
            metadata: reader.ratio("blocks of metadata used")?,
            era: reader.number("present era")?,
            held_root: reader.optional("block of the metadata snapshot")?,
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Error => f.write_str("Error"),
            Status::Working {
                metadata_block,
                metadata,
                era,
                held_root,
                rest,
            } => {
                write!(
                    f,
                    "{metadata_block} {metadata} {era} {}",
                    or_dash(*held_root)
                )?;
                words(f, rest)
            }
        }
    }
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        reader.keyword("message")
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
