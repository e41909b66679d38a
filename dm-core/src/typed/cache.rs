//! `cache META CACHE ORIGIN BLOCK N FEATURES… POLICY N ARGUMENTS…`: a fast device before a slow one.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{EscapedWord, ParamError, Reason};
use crate::units::SectorCount;

use super::number::number_in;
use super::thin_pool::needs_check;
use super::{Device, Keyword, Kind, Ratio, Reader, State, Text, or_dash, words};

pub(super) const KIND: Kind = Kind::new("cache", "a fast device before a slow one", |reader| {
    Params::read(reader).map(super::Params::Cache)
})
.with_status(|reader| Status::read(reader).map(super::Status::Cache))
.with_message(|reader| Message::read(reader).map(super::Message::Cache));

/// The policies, and the settings of each.
///
/// # Source
/// `drivers/md/dm-cache-policy-smq.c`; `migration_threshold` is the cache's own.
const POLICIES: &[(&str, &[&str])] = &[
    ("smq", &["migration_threshold"]),
    ("default", &["migration_threshold"]),
    ("cleaner", &["migration_threshold"]),
    (
        "mq",
        &[
            "migration_threshold",
            "random_threshold",
            "sequential_threshold",
            "discard_promote_adjustment",
            "read_promote_adjustment",
            "write_promote_adjustment",
        ],
    ),
];

/// The devices and the policy.
///
/// # Source
/// `drivers/md/dm-cache-target.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// Where the metadata is.
    pub metadata: Device,
    /// The fast device.
    pub cache: Device,
    /// The slow device.
    pub origin: Device,
    /// Sectors in a block: a multiple of 64, from 64 to 2,097,152.
    pub block: SectorCount,
    /// What it does besides.
    pub features: Features,
    /// Which blocks are cached.
    pub policy: Policy,
}

/// What a cache does besides, in the order in which a status tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Features {
    /// The second version of the metadata, with the dirty bits apart.
    pub metadata2: bool,
    /// How writes go; a driver's default is to write back.
    pub mode: Option<Mode>,
    /// Discards do not go on to the origin.
    pub no_discard_passdown: bool,
}

/// How writes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Mode {
    /// To the cache, and later to the origin.
    Writeback,
    /// To both.
    Writethrough,
    /// To the origin, and what the cache has of it is dropped.
    Passthrough,
}

/// Which blocks are cached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Policy {
    /// Its name: `smq`, its older name `mq`, `default`, or `cleaner`.
    pub name: String,
    /// Its settings.
    pub settings: Vec<Setting>,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Setting {
    /// Which.
    pub key: String,
    /// To what.
    pub value: String,
}

/// How a cache is.
pub type Status = State<Working>;

/// How a cache at work is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Working {
    /// Sectors in a block of metadata.
    pub metadata_block: u32,
    /// Blocks of metadata used, of those that there are.
    pub metadata: Ratio,
    /// Sectors in a block of the cache.
    pub block: u64,
    /// Blocks of the cache used, of those that there are.
    pub cache: Ratio,
    /// Reads that the cache answered.
    pub read_hits: u32,
    /// Reads that it did not.
    pub read_misses: u32,
    /// Writes that the cache took.
    pub write_hits: u32,
    /// Writes that it did not.
    pub write_misses: u32,
    /// Blocks that left the cache.
    pub demotions: u32,
    /// Blocks that came into it.
    pub promotions: u32,
    /// Blocks that the origin does not have as they are.
    pub dirty: u64,
    /// What it does besides.
    pub features: Vec<String>,
    /// Settings of the cache itself.
    pub core: Vec<Setting>,
    /// Which blocks are cached.
    pub policy: Policy,
    /// Whether the metadata can be changed.
    pub writable: bool,
    /// Whether the metadata must be checked.
    pub needs_check: bool,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

/// What a cache can be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Message {
    /// Changes a setting of the cache, such as `migration_threshold`, or of its policy.
    Set(Setting),
    /// Drops blocks from a cache that passes writes through.
    InvalidateBlocks(Vec<Blocks>),
}

/// Blocks of the cache, the last of which is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Blocks {
    /// The first one.
    pub first: u64,
    /// The one behind the last, if there are several.
    pub end: Option<u64>,
}

impl Keyword for Mode {
    const WORDS: &'static [(&'static str, Mode)] = &[
        ("writeback", Mode::Writeback),
        ("writethrough", Mode::Writethrough),
        ("passthrough", Mode::Passthrough),
    ];
}

impl Params {
    /// A cache with the policy `smq` and its defaults.
    pub fn new(metadata: Device, cache: Device, origin: Device, block: SectorCount) -> Params {
        Params {
            metadata,
            cache,
            origin,
            block,
            features: Features::default(),
            policy: Policy {
                name: "smq".into(),
                settings: Vec::new(),
            },
        }
    }
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let metadata = reader.device("metadata device")?;
        let cache = reader.device("cache device")?;
        let origin = reader.whole("origin")?;
        let word = reader.word("block size")?;
        let block: u64 = number_in(&word, "block size", 64..=2_097_152)?;
        if !block.is_multiple_of(64) {
            return Err(word.error(Reason::NotDivisible {
                what: "a block",
                length: SectorCount(block),
                by: "the least block",
                divisor: 64,
            }));
        }
        let features = Features::read(reader)?;
        let word = reader.word("policy")?;
        let Some((_, known)) = POLICIES.iter().find(|(name, _)| *name == word.text) else {
            let names: Vec<&str> = POLICIES.iter().map(|(name, _)| *name).collect();
            return Err(word.unknown("policy", names.join(", ")));
        };
        let what = "number of words of the policy's settings";
        let policy = Policy {
            name: word.text.into_owned(),
            settings: settings_of(reader, what, known)?,
        };
        reader.ignore_rest();
        Ok(Params {
            metadata,
            cache,
            origin,
            block: SectorCount(block),
            features,
            policy,
        })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Params {
            metadata,
            cache,
            origin,
            block,
            features,
            policy,
        } = self;
        write!(f, "{metadata} {cache} {origin} {block} {features} {policy}")
    }
}

impl Text for Features {
    fn read(reader: &mut Reader<'_>) -> Result<Features, ParamError> {
        let mut features = Features::default();
        let mut group = reader.counted("number of features", 3)?;
        while let Some(word) = group.next(reader, "feature")? {
            let text = word.text.to_ascii_lowercase();
            match (text.as_str(), Mode::of(&text)) {
                ("metadata2", _) => features.metadata2 = true,
                ("no_discard_passdown", _) => features.no_discard_passdown = true,
                (_, Some(mode)) => {
                    if features.mode.replace(mode).is_some() {
                        let why = "writeback, writethrough and passthrough exclude each other";
                        return Err(word.error(Reason::Other(why.into())));
                    }
                }
                _ => {
                    return Err(word.unknown(
                        "feature",
                        "metadata2, writeback, writethrough, passthrough, no_discard_passdown",
                    ));
                }
            }
        }
        Ok(features)
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let features = [
            self.metadata2.then_some("metadata2"),
            self.mode.map(Mode::text),
            self.no_discard_passdown.then_some("no_discard_passdown"),
        ];
        write!(f, "{}", features.iter().flatten().count())?;
        words(f, features.into_iter().flatten())
    }
}

impl Text for Policy {
    fn read(reader: &mut Reader<'_>) -> Result<Policy, ParamError> {
        Ok(Policy {
            name: reader.text("policy")?,
            settings: settings(reader, "number of words of the policy's settings")?,
        })
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", EscapedWord(&self.name), 2 * self.settings.len())?;
        words(f, &self.settings)
    }
}

/// Settings behind their number of words, which is even.
pub(super) fn settings(
    reader: &mut Reader<'_>,
    what: &'static str,
) -> Result<Vec<Setting>, ParamError> {
    settings_of(reader, what, &[])
}

/// Settings behind their number of words: of a driver, or of these that a policy knows.
fn settings_of(
    reader: &mut Reader<'_>,
    what: &'static str,
    known: &[&str],
) -> Result<Vec<Setting>, ParamError> {
    let mut settings = Vec::new();
    let mut group = reader.counted(what, usize::MAX)?;
    while let Some(key) = group.next(reader, "setting")? {
        let is_known = known
            .iter()
            .any(|known| key.text.eq_ignore_ascii_case(known));
        if !known.is_empty() && !is_known {
            return Err(key.unknown("setting of the policy", known.join(", ")));
        }
        let value = group.value(reader, "value of the setting")?;
        if is_known || key.text.eq_ignore_ascii_case("migration_threshold") {
            value.number("value of the setting")?;
        }
        settings.push(Setting {
            value: value.text.into_owned(),
            key: key.text.into_owned(),
        });
    }
    Ok(settings)
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", EscapedWord(&self.key), EscapedWord(&self.value))
    }
}

impl Text for Working {
    fn read(reader: &mut Reader<'_>) -> Result<Working, ParamError> {
        Ok(Working {
            metadata_block: reader.number("sectors in a block of metadata")?,
            metadata: reader.ratio("blocks of metadata used")?,
            block: reader.number("sectors in a block of the cache")?,
            cache: reader.ratio("blocks of the cache used")?,
            read_hits: reader.number("read hits")?,
            read_misses: reader.number("read misses")?,
            write_hits: reader.number("write hits")?,
            write_misses: reader.number("write misses")?,
            demotions: reader.number("demotions")?,
            promotions: reader.number("promotions")?,
            dirty: reader.number("dirty blocks")?,
            features: reader.list("number of features", "feature")?,
            core: settings(reader, "number of words of the cache's settings")?,
            policy: Policy::read(reader)?,
            writable: writable(reader)?,
            needs_check: needs_check(reader)?,
            rest: reader.rest(),
        })
    }
}

/// `rw` or `ro`, as targets with metadata say it.
pub(super) fn writable(reader: &mut Reader<'_>) -> Result<bool, ParamError> {
    let word = reader.word("whether the metadata can be changed")?;
    match &*word.text {
        "rw" => Ok(true),
        "ro" => Ok(false),
        _ => Err(word.unknown("mode", "rw, ro")),
    }
}

impl fmt::Display for Working {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {} {} {} {} {} {} {}",
            self.metadata_block,
            self.metadata,
            self.block,
            self.cache,
            self.read_hits,
            self.read_misses,
            self.write_hits,
            self.write_misses,
            self.demotions,
            self.promotions,
            self.dirty,
            self.features.len(),
        )?;
        words(f, &self.features)?;
        write!(f, " {}", 2 * self.core.len())?;
        words(f, &self.core)?;
        write!(
            f,
            " {} {} {}",
            self.policy,
            if self.writable { "rw" } else { "ro" },
            or_dash(self.needs_check.then_some("needs_check")),
        )?;
        words(f, &self.rest)
    }
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        let word = reader.word("message")?;
        if !word.text.eq_ignore_ascii_case("invalidate_cblocks") {
            return Ok(Message::Set(Setting {
                key: word.text.into_owned(),
                value: reader.text("value")?,
            }));
        }
        let mut blocks = Vec::new();
        while !reader.is_empty() {
            let word = reader.word("blocks of the cache: FIRST or FIRST-END")?;
            let (first, end) = match word.text.split_once('-') {
                None => (word.text.parse().ok(), None),
                Some((first, end)) => (first.parse().ok(), Some(end.parse().ok())),
            };
            let wrong = || word.error(Reason::Other("is neither FIRST nor FIRST-END".into()));
            blocks.push(Blocks {
                first: first.ok_or_else(wrong)?,
                end: end.map(|end| end.ok_or_else(wrong)).transpose()?,
            });
        }
        Ok(Message::InvalidateBlocks(blocks))
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Set(setting) => setting.fmt(f),
            Message::InvalidateBlocks(blocks) => {
                f.write_str("invalidate_cblocks")?;
                words(f, blocks)
            }
        }
    }
}

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            None => self.first.fmt(f),
            Some(end) => write!(f, "{}-{end}", self.first),
        }
    }
}
