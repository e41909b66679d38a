//! `dust DEV START BLOCK`: a device with bad blocks, for tests.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};

use super::reply::write_lines;
use super::{Device, DeviceAt, Keyword, Kind, Reader, Text, words};

pub(super) const KIND: Kind = Kind::new("dust", "a device with bad blocks, for tests", |reader| {
    Params::read(reader).map(super::Params::Dust)
})
.with_status(|reader| Status::read(reader).map(super::Status::Dust))
.with_message(|reader| Message::read(reader).map(super::Message::Dust));

/// The device.
///
/// # Source
/// `drivers/md/dm-dust.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {
    /// The device and the first sector on it.
    pub area: DeviceAt,
    /// Bytes in a block: a power of two, from 512 to 1 GiB.
    pub block_bytes: u32,
}

/// What it does now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// The device.
    pub device: Device,
    /// Whether reads of bad blocks fail.
    pub mode: Mode,
    /// Whether the kernel logs changes.
    pub logging: Logging,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

/// Whether reads of bad blocks fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Mode {
    /// No: all requests pass.
    Bypass,
    /// Yes.
    FailReadOnBadBlock,
}

/// Whether the kernel logs changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Logging {
    /// It does.
    Verbose,
    /// It does not.
    Quiet,
}

/// What it can be told. Blocks are counted from the target's start.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Message {
    /// A block is bad.
    AddBadBlock {
        /// Which.
        block: u64,
        /// How many writes to it fail before one mends it.
        write_failures: Option<u8>,
    },
    /// A block is good.
    RemoveBadBlock(u64),
    /// Whether a block is bad: the kernel's log, or its reply, says so.
    QueryBlock(u64),
    /// How many blocks are bad.
    CountBadBlocks,
    /// No block is bad.
    ClearBadBlocks,
    /// Which blocks are bad.
    ListBadBlocks,
    /// Reads of bad blocks fail.
    Enable,
    /// All requests pass.
    Disable,
    /// Turns logging off, or on again.
    Quiet,
}

/// What it answers; kernels before 5.8 log it instead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Reply {
    /// Whether a block is bad.
    Queried {
        /// Which.
        block: u64,
        /// Whether it is.
        bad: bool,
    },
    /// How many blocks are bad.
    Count(u64),
    /// Whether there were bad blocks, which are good now.
    Cleared(bool),
    /// The bad blocks.
    List(Vec<u64>),
}

/// An empty list of bad blocks.
const NO_BLOCKS: &str = "No blocks in badblocklist";

impl Message {
    /// Reads the answer to this message; `None` if it is to have none.
    ///
    /// # Errors
    /// [`ParamError`], which names the wrong word and says why.
    pub fn reply(&self, text: &str) -> Result<Option<Reply>, ParamError> {
        let mut reader = Reader::new(text);
        let reply = match self {
            Message::QueryBlock(_) => {
                reader.literal("dust_query_block:")?;
                reader.literal("block")?;
                let block = reader.number("block")?;
                let bad = reader.peek().as_deref() != Some("not");
                if !bad {
                    reader.literal("not")?;
                }
                reader.literal("found")?;
                reader.literal("in")?;
                reader.literal("badblocklist")?;
                Reply::Queried { block, bad }
            }
            Message::CountBadBlocks => {
                reader.literal("countbadblocks:")?;
                let count = reader.number("number of bad blocks")?;
                reader.literal("badblock(s)")?;
                reader.literal("found")?;
                Reply::Count(count)
            }
            Message::ClearBadBlocks => {
                reader.literal("dust_clear_badblocks:")?;
                let none = reader.peek().as_deref() == Some("no");
                let words: &[&str] = match none {
                    true => &["no", "badblocks", "found"],
                    false => &["badblocks", "cleared"],
                };
                for word in words {
                    reader.literal(word)?;
                }
                Reply::Cleared(!none)
            }
            Message::ListBadBlocks => {
                let mut blocks = Vec::new();
                if reader.peek().as_deref() == Some("No") {
                    for word in NO_BLOCKS.split(' ') {
                        reader.literal(word)?;
                    }
                }
                while !reader.is_empty() {
                    blocks.push(reader.number("bad block")?);
                }
                Reply::List(blocks)
            }
            _ => return Ok(None),
        };
        reader.end()?;
        Ok(Some(reply))
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Queried { block, bad } => {
                let not = if *bad { "" } else { "not " };
                write!(
                    f,
                    "dust_query_block: block {block} {not}found in badblocklist"
                )
            }
            Reply::Count(count) => write!(f, "countbadblocks: {count} badblock(s) found"),
            Reply::Cleared(true) => f.write_str("dust_clear_badblocks: badblocks cleared"),
            Reply::Cleared(false) => f.write_str("dust_clear_badblocks: no badblocks found"),
            Reply::List(blocks) if blocks.is_empty() => f.write_str(NO_BLOCKS),
            Reply::List(blocks) => write_lines(f, blocks),
        }
    }
}

impl Keyword for Mode {
    const WORDS: &'static [(&'static str, Mode)] = &[
        ("bypass", Mode::Bypass),
        ("fail_read_on_bad_block", Mode::FailReadOnBadBlock),
    ];
}

impl Keyword for Logging {
    const WORDS: &'static [(&'static str, Logging)] =
        &[("verbose", Logging::Verbose), ("quiet", Logging::Quiet)];
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let area = reader.area(reader.length())?;
        let word = reader.word("block size in bytes")?;
        let range = 512..=1 << 30;
        let block_bytes: u32 = super::number::number_in(&word, "block size in bytes", range)?;
        if !block_bytes.is_power_of_two() {
            return Err(word.error(Reason::NotAPowerOfTwo { what: "block size" }));
        }
        Ok(Params { area, block_bytes })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.area, self.block_bytes)
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        Ok(Status {
            device: reader.device("device")?,
            mode: reader.keyword("mode")?,
            logging: reader.keyword("logging")?,
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mode, logging) = (self.mode.text(), self.logging.text());
        write!(f, "{} {mode} {logging}", self.device)?;
        words(f, &self.rest)
    }
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        let word = reader.word("message")?;
        Ok(match word.text.to_ascii_lowercase().as_str() {
            "addbadblock" => Message::AddBadBlock {
                block: reader.number("block")?,
                write_failures: match reader.is_empty() {
                    true => None,
                    false => Some(reader.number("writes that fail")?),
                },
            },
            "removebadblock" => Message::RemoveBadBlock(reader.number("block")?),
            "queryblock" => Message::QueryBlock(reader.number("block")?),
            "countbadblocks" => Message::CountBadBlocks,
            "clearbadblocks" => Message::ClearBadBlocks,
            "listbadblocks" => Message::ListBadBlocks,
            "enable" => Message::Enable,
            "disable" => Message::Disable,
            "quiet" => Message::Quiet,
            _ => {
                return Err(word.unknown(
                    "message",
                    "addbadblock, removebadblock, queryblock, countbadblocks, \
                            clearbadblocks, listbadblocks, enable, disable, quiet",
                ));
            }
        })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::AddBadBlock {
                block,
                write_failures: None,
            } => write!(f, "addbadblock {block}"),
            Message::AddBadBlock {
                block,
                write_failures: Some(count),
            } => write!(f, "addbadblock {block} {count}"),
            Message::RemoveBadBlock(block) => write!(f, "removebadblock {block}"),
            Message::QueryBlock(block) => write!(f, "queryblock {block}"),
            Message::CountBadBlocks => f.write_str("countbadblocks"),
            Message::ClearBadBlocks => f.write_str("clearbadblocks"),
            Message::ListBadBlocks => f.write_str("listbadblocks"),
            Message::Enable => f.write_str("enable"),
            Message::Disable => f.write_str("disable"),
            Message::Quiet => f.write_str("quiet"),
        }
    }
}
