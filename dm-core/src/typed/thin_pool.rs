//! `thin-pool META DATA BLOCK LOW_WATER [N FEATURES…]`: space that thin devices share.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};
use crate::units::SectorCount;

use super::number::number_in;
use super::snapshot::chosen;
use super::thin::ID_MAX;
use super::{Device, Keyword, Kind, Ratio, Reader, State, Text, or_dash, words};

pub(super) const KIND: Kind = Kind::new("thin-pool", "space that thin devices share", |reader| {
    Params::read(reader).map(super::Params::ThinPool)
})
.with_status(|reader| Status::read(reader).map(super::Status::ThinPool))
.with_message(|reader| Message::read(reader).map(super::Message::ThinPool));

/// The devices of a pool.
///
/// # Source
/// `drivers/md/dm-thin.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// Where the metadata is.
    pub metadata: Device,
    /// Where the data is.
    pub data: Device,
    /// Sectors in a block: a multiple of 128, from 128 to 2,097,152.
    pub block: SectorCount,
    /// An event is raised when fewer blocks than these are free.
    pub low_water: u64,
    /// New blocks are not zeroed.
    pub skip_block_zeroing: bool,
    /// Discards are refused.
    pub ignore_discard: bool,
    /// Discards do not go on to the data device.
    pub no_discard_passdown: bool,
    /// The pool is not changed.
    pub read_only: bool,
    /// Without space, writes fail instead of waiting.
    pub error_if_no_space: bool,
}

/// How a pool is.
pub type Status = State<Working>;

/// How a pool at work is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Working {
    /// The number that users count their changes with.
    pub transaction: u64,
    /// Blocks of metadata used, of those that there are.
    pub metadata: Ratio,
    /// Blocks of data used, of those that there are.
    pub data: Ratio,
    /// The block of the metadata snapshot that is held.
    pub held_root: Option<u64>,
    /// What it takes.
    pub mode: Mode,
    /// What becomes of discards.
    pub discards: Discards,
    /// What becomes of writes without space.
    pub no_space: NoSpace,
    /// Whether the metadata must be checked.
    pub needs_check: bool,
    /// An event is raised when fewer blocks of metadata are free; newer kernels tell it.
    pub metadata_low_water: Option<u64>,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

/// What a pool takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Mode {
    /// Reads and writes.
    ReadWrite,
    /// Reads only.
    ReadOnly,
    /// Writes to blocks that are there.
    OutOfDataSpace,
}

/// What becomes of discards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Discards {
    /// They are refused.
    Ignored,
    /// They free blocks and go on to the data device.
    Passdown,
    /// They free blocks.
    NoPassdown,
}

/// What becomes of writes without space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum NoSpace {
    /// They fail.
    Error,
    /// They wait for a while.
    Queue,
}

/// What a pool can be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Message {
    /// Makes an empty thin device.
    CreateThin(u32),
    /// Makes a thin device that starts as another is.
    CreateSnap {
        /// The new one.
        id: u32,
        /// The other one.
        origin: u32,
    },
    /// Deletes a thin device.
    Delete(u32),
    /// Sets the transaction number.
    SetTransactionId {
        /// What it must be now.
        old: u64,
        /// What it is to be.
        new: u64,
    },
    /// Holds the metadata as it is, for a reader in userspace.
    ReserveMetadataSnap,
    /// Ends that.
    ReleaseMetadataSnap,
}

impl Keyword for Mode {
    const WORDS: &'static [(&'static str, Mode)] = &[
        ("rw", Mode::ReadWrite),
        ("ro", Mode::ReadOnly),
        ("out_of_data_space", Mode::OutOfDataSpace),
    ];
}

impl Keyword for Discards {
    const WORDS: &'static [(&'static str, Discards)] = &[
        ("ignore_discard", Discards::Ignored),
        ("discard_passdown", Discards::Passdown),
        ("no_discard_passdown", Discards::NoPassdown),
    ];
}

impl Keyword for NoSpace {
    const WORDS: &'static [(&'static str, NoSpace)] = &[
        ("error_if_no_space", NoSpace::Error),
        ("queue_if_no_space", NoSpace::Queue),
    ];
}

impl Params {
    /// A pool without features.
    pub fn new(metadata: Device, data: Device, block: SectorCount, low_water: u64) -> Params {
        Params {
            metadata,
            data,
            block,
            low_water,
            skip_block_zeroing: false,
            ignore_discard: false,
            no_discard_passdown: false,
            read_only: false,
            error_if_no_space: false,
        }
    }
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let metadata = reader.device("metadata device")?;
        let data = reader.whole("data device")?;
        let word = reader.word("block size")?;
        let block: u64 = number_in(&word, "block size", 128..=2_097_152)?;
        if !block.is_multiple_of(128) {
            return Err(word.error(Reason::NotDivisible {
                what: "a block",
                length: SectorCount(block),
                by: "the least block",
                divisor: 128,
            }));
        }
        let low_water = reader.number("low water mark in blocks")?;
        let mut params = Params::new(metadata, data, SectorCount(block), low_water);
        let mut features = reader.group("number of features", 4)?;
        while let Some(word) = features.next(reader, "feature")? {
            let feature = match word.text.to_ascii_lowercase().as_str() {
                "skip_block_zeroing" => &mut params.skip_block_zeroing,
                "ignore_discard" => &mut params.ignore_discard,
                "no_discard_passdown" => &mut params.no_discard_passdown,
                "read_only" => &mut params.read_only,
                "error_if_no_space" => &mut params.error_if_no_space,
                _ => {
                    return Err(word.unknown(
                        "feature",
                        "skip_block_zeroing, ignore_discard, no_discard_passdown, read_only, \
                         error_if_no_space",
                    ));
                }
            };
            *feature = true;
        }
        reader.ignore_rest();
        Ok(params)
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let features = [
            (self.skip_block_zeroing, "skip_block_zeroing"),
            (self.ignore_discard, "ignore_discard"),
            (self.no_discard_passdown, "no_discard_passdown"),
            (self.read_only, "read_only"),
            (self.error_if_no_space, "error_if_no_space"),
        ];
        let count = chosen(&features).count();
        let Params {
            metadata,
            data,
            block,
            low_water,
            ..
        } = self;
        write!(f, "{metadata} {data} {block} {low_water} {count}")?;
        words(f, chosen(&features))
    }
}

impl Text for Working {
    fn read(reader: &mut Reader<'_>) -> Result<Working, ParamError> {
        Ok(Working {
            transaction: reader.number("transaction number")?,
            metadata: reader.ratio("blocks of metadata used")?,
            data: reader.ratio("blocks of data used")?,
            held_root: reader.optional("block of the held metadata snapshot")?,
            mode: reader.keyword("mode")?,
            discards: reader.keyword("what becomes of discards")?,
            no_space: reader.keyword("what becomes of writes without space")?,
            needs_check: needs_check(reader)?,
            metadata_low_water: match reader.is_empty() {
                true => None,
                false => Some(reader.number("low water mark of the metadata")?),
            },
            rest: reader.rest(),
        })
    }
}

/// `needs_check` or `-`, as targets with metadata say it.
pub(super) fn needs_check(reader: &mut Reader<'_>) -> Result<bool, ParamError> {
    let word = reader.word("whether the metadata must be checked")?;
    match &*word.text {
        "needs_check" => Ok(true),
        "-" => Ok(false),
        _ => Err(word.unknown("flag", "needs_check, -")),
    }
}

impl fmt::Display for Working {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {} {} {}",
            self.transaction,
            self.metadata,
            self.data,
            or_dash(self.held_root),
            self.mode.text(),
            self.discards.text(),
            self.no_space.text(),
            or_dash(self.needs_check.then_some("needs_check")),
        )?;
        words(f, self.metadata_low_water)?;
        words(f, &self.rest)
    }
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        let word = reader.word("message")?;
        let mut id = |what| reader.number_in(what, 0..=ID_MAX);
        Ok(match word.text.to_ascii_lowercase().as_str() {
            "create_thin" => Message::CreateThin(id("identifier of the new device")?),
            "create_snap" => Message::CreateSnap {
                id: id("identifier of the new device")?,
                origin: id("identifier of its origin")?,
            },
            "delete" => Message::Delete(id("identifier of the device")?),
            "set_transaction_id" => Message::SetTransactionId {
                old: reader.number("transaction number as it is")?,
                new: reader.number("transaction number to be")?,
            },
            "reserve_metadata_snap" => Message::ReserveMetadataSnap,
            "release_metadata_snap" => Message::ReleaseMetadataSnap,
            _ => {
                return Err(word.unknown(
                    "message",
                    "create_thin, create_snap, delete, set_transaction_id, \
                     reserve_metadata_snap, release_metadata_snap",
                ));
            }
        })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::CreateThin(id) => write!(f, "create_thin {id}"),
            Message::CreateSnap { id, origin } => write!(f, "create_snap {id} {origin}"),
            Message::Delete(id) => write!(f, "delete {id}"),
            Message::SetTransactionId { old, new } => write!(f, "set_transaction_id {old} {new}"),
            Message::ReserveMetadataSnap => f.write_str("reserve_metadata_snap"),
            Message::ReleaseMetadataSnap => f.write_str("release_metadata_snap"),
        }
    }
}
