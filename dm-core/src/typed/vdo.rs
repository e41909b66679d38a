//! `vdo V4 DEV BLOCKS MIN_IO CACHE ERA [KEY VALUE]…`: blocks that are stored once and packed.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::ParamError;

use super::cache::Setting;
use super::{Device, Keyword, Kind, Reader, Text, words};

pub(super) const KIND: Kind =
    Kind::new("vdo", "blocks that are stored once and packed", |reader| {
        Params::read(reader).map(super::Params::Vdo)
    })
    .with_status(|reader| Status::read(reader).map(super::Status::Vdo))
    .with_message(|reader| Message::read(reader).map(super::Message::Vdo));

/// The device, and its caches.
///
/// # Source
/// `drivers/md/dm-vdo/dm-vdo-target.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// The device.
    pub device: Device,
    /// Its blocks of 4 KiB.
    pub blocks: u64,
    /// Bytes in a block of the mapped device: 512 or 4096.
    pub min_io: u32,
    /// Blocks of 4 KiB that the map's cache has.
    pub cache_blocks: u32,
    /// How long changes of the map are held back.
    pub era_length: u32,
    /// `ack`, `bio`, `bioRotationInterval`, `cpu`, `hash`, `logical`, `physical` (threads),
    /// `maxDiscard`, `deduplication` and `compression`.
    pub settings: Vec<Setting>,
}

/// How it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// The device.
    pub device: Device,
    /// `normal`, `read-only` or `recovering`.
    pub mode: String,
    /// `recovering`, or `-`.
    pub recovery: String,
    /// The index: `closed`, `closing`, `error`, `offline`, `online`, `opening` or `unknown`.
    pub index: String,
    /// Whether blocks are packed: `online` or `offline`.
    pub compression: String,
    /// Blocks of 4 KiB used.
    pub used: u64,
    /// Blocks of 4 KiB that there are.
    pub total: u64,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

/// What it can be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Message {
    /// Its counters are the reply.
    Stats,
    /// Its settings are the reply.
    Config,
    /// Logs its state: of everything, or of what the words name.
    Dump(Vec<String>),
    /// Does so when it is taken down.
    DumpOnShutdown,
    /// Turns packing on or off.
    Compression(Switch),
    /// Changes the index.
    Index(Index),
}

/// What becomes of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Index {
    /// It is closed.
    Close,
    /// It is made anew.
    Create,
    /// It is not used.
    Disable,
    /// It is used.
    Enable,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

impl Keyword for Switch {
    const WORDS: &'static [(&'static str, Switch)] = &[("on", Switch::On), ("off", Switch::Off)];
}

impl Keyword for Index {
    const WORDS: &'static [(&'static str, Index)] = &[
        ("index-close", Index::Close),
        ("index-create", Index::Create),
        ("index-disable", Index::Disable),
        ("index-enable", Index::Enable),
    ];
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        reader.literal("V4")?;
        let device = reader.device("device")?;
        let blocks = reader.number("blocks of 4 KiB on it")?;
        let word = reader.word("bytes in a block: 512 or 4096")?;
        let min_io = match &*word.text {
            "512" => 512,
            "4096" => 4096,
            _ => return Err(word.unknown("block size", "512, 4096")),
        };
        let cache_blocks = reader.number("blocks of 4 KiB of the map's cache")?;
        let era_length = reader.number("era length")?;
        let mut settings = Vec::new();
        while !reader.is_empty() {
            settings.push(Setting {
                key: reader.text("setting")?,
                value: reader.text("value of the setting")?,
            });
        }
        Ok(Params {
            device,
            blocks,
            min_io,
            cache_blocks,
            era_length,
            settings,
        })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Params {
            device,
            blocks,
            min_io,
            cache_blocks,
            era_length,
            settings,
        } = self;
        write!(
            f,
            "V4 {device} {blocks} {min_io} {cache_blocks} {era_length}"
        )?;
        words(f, settings)
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        Ok(Status {
            device: reader.device("device")?,
            mode: reader.field("mode")?,
            recovery: reader.field("whether it recovers")?,
            index: reader.field("state of the index")?,
            compression: reader.field("state of the packing")?,
            used: reader.number("blocks of 4 KiB used")?,
            total: reader.number("blocks of 4 KiB that there are")?,
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status {
            device,
            mode,
            recovery,
            index,
            compression,
            used,
            total,
            rest,
        } = self;
        write!(
            f,
            "{device} {mode} {recovery} {index} {compression} {used} {total}"
        )?;
        words(f, rest)
    }
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        let word = reader.word("message")?;
        Ok(match word.text.to_ascii_lowercase().as_str() {
            "stats" => Message::Stats,
            "config" => Message::Config,
            "dump" => Message::Dump(reader.rest()),
            "dump-on-shutdown" => Message::DumpOnShutdown,
            "compression" => Message::Compression(reader.keyword("on or off")?),
            name => match Index::of(name) {
                Some(index) => Message::Index(index),
                None => {
                    return Err(word.unknown(
                        "message",
                        "stats, config, dump, dump-on-shutdown, compression, index-close, \
                         index-create, index-disable, index-enable",
                    ));
                }
            },
        })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Stats => f.write_str("stats"),
            Message::Config => f.write_str("config"),
            Message::Dump(what) => {
                f.write_str("dump")?;
                words(f, what)
            }
            Message::DumpOnShutdown => f.write_str("dump-on-shutdown"),
            Message::Compression(switch) => write!(f, "compression {}", switch.text()),
            Message::Index(index) => f.write_str(index.text()),
        }
    }
}
