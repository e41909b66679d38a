//! `vdo V4 DEV BLOCKS MIN_IO CACHE ERA [KEY VALUE]…`: blocks that are stored once and packed.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};

use super::cache::Setting;
use super::number::{as_it_stands, number, number_in};
use super::{Device, Keyword, Kind, Reader, Role, Text, words};

pub(super) const KIND: Kind =
    Kind::new("vdo", "blocks that are stored once and packed", |reader| {
        Params::read(reader).map(super::Params::Vdo)
    })
    .with_status(|reader| Status::read(reader).map(super::Status::Vdo))
    .with_message(|reader| Message::read(reader).map(super::Message::Vdo));

/// Blocks that the map's cache has at least for each logical zone.
const CACHE_OF_A_ZONE: u64 = 2 * 2048;

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

/// Named values, as `stats` and `config` are answered: `{ NAME : VALUE, … }`.
///
/// # Source
/// `drivers/md/dm-vdo/message-stats.c`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Values(pub Vec<Named>);

/// A named value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Named {
    /// Its name, such as `dataBlocksUsed`.
    pub name: String,
    /// The value.
    pub value: Value,
}

/// A value of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
pub enum Value {
    /// A number.
    Number(u64),
    /// Any other word.
    Word(String),
    /// Values of its own.
    Values(Values),
}

impl Text for Values {
    fn read(reader: &mut Reader<'_>) -> Result<Values, ParamError> {
        reader.literal("{")?;
        Values::rest(reader, 0)
    }
}

impl Values {
    /// How deep values may lie; the kernel's lie three deep.
    const DEPTH_MAX: u32 = 16;

    /// The values behind an opening brace.
    fn rest(reader: &mut Reader<'_>, depth: u32) -> Result<Values, ParamError> {
        let mut values = Vec::new();
        loop {
            let word = reader.word("name of a value, or }")?;
            if matches!(&*word.text, "}" | "},") {
                return Ok(Values(values));
            }
            if depth >= Values::DEPTH_MAX {
                return Err(word.error(Reason::Other("lies too deep".into())));
            }
            reader.literal(":")?;
            let name = as_it_stands(&word);
            let word = reader.word("value")?;
            let value = match &*word.text {
                "{" => Value::Values(Values::rest(reader, depth + 1)?),
                text => match text.strip_suffix(',').map(str::parse) {
                    Some(Ok(number)) => Value::Number(number),
                    Some(Err(_)) => Value::Word(as_it_stands(&word).trim_end_matches(',').into()),
                    None => return Err(word.error(Reason::Other("has no comma behind it".into()))),
                },
            };
            values.push(Named { name, value });
        }
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for Named { name, value } in &self.0 {
            // Before the index's settings, and there alone, the kernel writes two blanks.
            let more = match value {
                Value::Values(Values(inner)) if is_settings(inner) => " ",
                _ => "",
            };
            write!(f, " {name} : {more}{value},")?;
        }
        f.write_str(" }")
    }
}

/// Whether values are the settings of an index, which `config` tells.
fn is_settings(values: &[Named]) -> bool {
    values
        .first()
        .is_some_and(|first| first.name == "memorySize")
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => number.fmt(f),
            Value::Word(word) => f.write_str(word),
            Value::Values(values) => values.fmt(f),
        }
    }
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
        let word = reader.word("V4")?;
        if word.text != "V4" {
            return Err(word.unknown("version", "V4"));
        }
        reader.multiple_of("the length", "a block of 4 KiB", 8, &word)?;
        let device = reader.device("device")?;
        let blocks = reader.number("blocks of 4 KiB on it")?;
        let word = reader.word("bytes in a block: 512 or 4096")?;
        let min_io = match &*word.text {
            "512" => 512,
            "4096" => 4096,
            _ => return Err(word.unknown("block size", "512, 4096")),
        };
        let cache_word = reader.word("blocks of 4 KiB of the map's cache")?;
        let cache_blocks: u32 = number(&cache_word, "blocks of 4 KiB of the map's cache")?;
        let era_length = reader.number("era length")?;
        let mut settings = Vec::new();
        while !reader.is_empty() {
            settings.push(setting(reader)?);
        }
        let zones = |key: &str| {
            let set = settings.iter().rev().find(|setting| setting.key == key);
            set.and_then(|setting| setting.value.parse().ok())
                .unwrap_or(0_u64)
        };
        let (logical, physical, hash) = (zones("logical"), zones("physical"), zones("hash"));
        if (logical == 0) != (physical == 0) || (physical == 0) != (hash == 0) {
            let why = "logical, physical and hash must be 0 all three, or none of them";
            return Err(Reason::Other(why.into()).into());
        }
        if u64::from(cache_blocks) < CACHE_OF_A_ZONE * logical {
            return Err(cache_word.error(Reason::OutOfRange {
                what: "cache for so many logical zones",
                least: CACHE_OF_A_ZONE * logical,
                most: u32::MAX.into(),
            }));
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

/// A setting. Numbers of threads that no driver at hand knows are let through, as by the kernel.
fn setting(reader: &mut Reader<'_>) -> Result<Setting, ParamError> {
    let key = reader.text("setting")?;
    reader.mark(Role::Option);
    let word = reader.word("value of the setting")?;
    match key.as_str() {
        "deduplication" | "compression" => {
            Switch::of(&word.text).ok_or_else(|| word.unknown("value", Switch::list()))?;
        }
        key => {
            let range = match key {
                "maxDiscard" => 1..=u32::MAX / 4096,
                "bioRotationInterval" => 1..=1024,
                "logical" => 0..=60,
                "physical" => 0..=16,
                "hash" | "ack" => 0..=100,
                "cpu" | "bio" => 1..=100,
                _ => 0..=u32::MAX,
            };
            number_in::<u32>(&word, "value of the setting", range)?;
        }
    }
    let value = word.text.into_owned();
    Ok(Setting { key, value })
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
