//! `writecache p|s ORIGIN CACHE BLOCK [N OPTIONS…]`: writes that a fast device takes first.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};
use crate::units::SECTOR_SHIFT;

use super::number::number_in;
use super::{Device, Group, Keyword, Kind, Reader, Text, words};

pub(super) const KIND: Kind = Kind::new(
    "writecache",
    "writes that a fast device takes first",
    |reader| Params::read(reader).map(super::Params::Writecache),
)
.with_status(|reader| Status::read(reader).map(super::Status::Writecache))
.with_message(|reader| Message::read(reader).map(super::Message::Writecache));

/// The devices.
///
/// # Source
/// `drivers/md/dm-writecache.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// What the cache is on.
    pub medium: Medium,
    /// The slow device.
    pub origin: Device,
    /// The fast one.
    pub cache: Device,
    /// Bytes in a block: a power of two, from 512 on.
    pub block: u32,
    /// What else.
    pub options: Options,
}

/// What a cache is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Medium {
    /// Persistent memory.
    Pmem,
    /// A block device.
    Ssd,
}

/// What writecache does besides, in the order in which a table tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Options {
    /// The cache's first sector on its device.
    pub start_sector: Option<u64>,
    /// It is written back from this many percent on.
    pub high_watermark: Option<u8>,
    /// Down to this many percent.
    pub low_watermark: Option<u8>,
    /// Blocks that are written back at a time.
    pub writeback_jobs: Option<u32>,
    /// It is committed after this many blocks.
    pub autocommit_blocks: Option<u32>,
    /// It is committed after this many milliseconds.
    pub autocommit_time: Option<u32>,
    /// Blocks of this age in milliseconds are written back.
    pub max_age: Option<u32>,
    /// All is written back, and nothing cached any more.
    pub cleaner: bool,
    /// Whether blocks are written back with FUA.
    pub fua: Option<bool>,
    /// Only metadata of file systems is cached.
    pub metadata_only: bool,
    /// Blocks wait this many milliseconds before they are written back.
    pub pause_writeback: Option<u32>,
}

/// How it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// 0, or the errno that ended it.
    pub error: i64,
    /// Blocks of the cache.
    pub blocks: u64,
    /// Free blocks.
    pub free: u64,
    /// Blocks being written back.
    pub writeback: u64,
    /// Counters of newer kernels.
    pub counters: Option<Counters>,
    /// Fields of still newer kernels.
    pub rest: Vec<String>,
}

/// What came, in blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Counters {
    /// Reads.
    pub reads: u64,
    /// Reads that the cache answered.
    pub read_hits: u64,
    /// Writes.
    pub writes: u64,
    /// Writes to a block that was not committed.
    pub write_hits_uncommitted: u64,
    /// Writes to a block that was committed.
    pub write_hits_committed: u64,
    /// Writes that went around the cache.
    pub writes_around: u64,
    /// Writes that took a block.
    pub writes_allocated: u64,
    /// Writes that waited for a block.
    pub writes_blocked: u64,
    /// Flushes.
    pub flushes: u64,
    /// Discards.
    pub discards: u64,
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
    /// Writes all back now.
    Flush,
    /// Writes all back at the next suspend.
    FlushOnSuspend,
    /// Writes all back and caches nothing any more.
    Cleaner,
    /// Sets the counters to 0.
    ClearStats,
}

impl Keyword for Medium {
    const WORDS: &'static [(&'static str, Medium)] = &[("p", Medium::Pmem), ("s", Medium::Ssd)];
}

impl Keyword for Message {
    const WORDS: &'static [(&'static str, Message)] = &[
        ("flush", Message::Flush),
        ("flush_on_suspend", Message::FlushOnSuspend),
        ("cleaner", Message::Cleaner),
        ("clear_stats", Message::ClearStats),
    ];
}

impl Params {
    /// A cache without options.
    pub fn new(medium: Medium, origin: Device, cache: Device, block: u32) -> Params {
        Params {
            medium,
            origin,
            cache,
            block,
            options: Options::default(),
        }
    }
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let medium = reader.keyword("medium")?;
        let origin = reader.whole("origin")?;
        let cache = reader.device("cache device")?;
        let word = reader.word("block size in bytes")?;
        let block: u32 = number_in(&word, "block size", 512..=u32::MAX)?;
        if !block.is_power_of_two() {
            return Err(word.error(Reason::NotAPowerOfTwo { what: "block size" }));
        }
        reader.multiple_of(
            "the length",
            "the block size",
            u64::from(block) >> SECTOR_SHIFT,
            &word,
        )?;
        let options = Options::read(medium, reader)?;
        reader.ignore_rest();
        Ok(Params {
            medium,
            origin,
            cache,
            block,
            options,
        })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Params {
            medium,
            origin,
            cache,
            block,
            options,
        } = self;
        let medium = medium.text();
        write!(f, "{medium} {origin} {cache} {block} {options}")
    }
}

impl Options {
    fn read(medium: Medium, reader: &mut Reader<'_>) -> Result<Options, ParamError> {
        let mut options = Options::default();
        let mut group = reader.counted("number of words of options", 18)?;
        while let Some(word) = group.next(reader, "option")? {
            let name = word.text.to_ascii_lowercase();
            match name.as_str() {
                "cleaner" => options.cleaner = true,
                "metadata_only" => options.metadata_only = true,
                "fua" | "nofua" if medium == Medium::Ssd => {
                    return Err(word.error(Reason::Other("is for persistent memory alone".into())));
                }
                "fua" => options.fua = Some(true),
                "nofua" => options.fua = Some(false),
                name if options.set(name, &mut group, reader)? => {}
                _ => {
                    return Err(word.unknown(
                        "option",
                        "start_sector, high_watermark, low_watermark, writeback_jobs, \
                         autocommit_blocks, autocommit_time, max_age, cleaner, fua, nofua, \
                         metadata_only, pause_writeback",
                    ));
                }
            }
        }
        let high = options.high_watermark.unwrap_or(50);
        match options.low_watermark.unwrap_or(45) > high {
            true => Err(Reason::Other(
                "the low_watermark, 45 without one, is above the high_watermark, 50 without one"
                    .into(),
            )
            .into()),
            false => Ok(options),
        }
    }

    /// Whether there is an option of that name with a value.
    fn set(
        &mut self,
        name: &str,
        group: &mut Group,
        reader: &mut Reader<'_>,
    ) -> Result<bool, ParamError> {
        match name {
            "start_sector" => self.start_sector = Some(group.number(reader, "sector")?),
            "high_watermark" => {
                self.high_watermark = Some(group.number_in(reader, "percentage", 0..=100)?);
            }
            "low_watermark" => {
                self.low_watermark = Some(group.number_in(reader, "percentage", 0..=100)?);
            }
            "writeback_jobs" => self.writeback_jobs = Some(group.number(reader, "jobs")?),
            "autocommit_blocks" => self.autocommit_blocks = Some(group.number(reader, "blocks")?),
            "autocommit_time" => {
                let range = 0..=3_600_000;
                self.autocommit_time = Some(group.number_in(reader, "milliseconds", range)?);
            }
            "max_age" => {
                let range = 0..=86_400_000;
                self.max_age = Some(group.number_in(reader, "milliseconds", range)?);
            }
            "pause_writeback" => {
                let range = 0..=60_000;
                self.pause_writeback = Some(group.number_in(reader, "milliseconds", range)?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = [
            ("start_sector", self.start_sector),
            ("high_watermark", self.high_watermark.map(u64::from)),
            ("low_watermark", self.low_watermark.map(u64::from)),
            ("writeback_jobs", self.writeback_jobs.map(u64::from)),
            ("autocommit_blocks", self.autocommit_blocks.map(u64::from)),
            ("autocommit_time", self.autocommit_time.map(u64::from)),
            ("max_age", self.max_age.map(u64::from)),
        ];
        let pause = [("pause_writeback", self.pause_writeback.map(u64::from))];
        let flags = [
            self.cleaner.then_some("cleaner"),
            self.fua.map(|fua| if fua { "fua" } else { "nofua" }),
            self.metadata_only.then_some("metadata_only"),
        ];
        let valued = |values: &[(&str, Option<u64>)]| {
            2 * values.iter().filter(|(_, value)| value.is_some()).count()
        };
        let count = valued(&before) + valued(&pause) + flags.iter().flatten().count();
        write!(f, "{count}")?;
        let write = |f: &mut fmt::Formatter<'_>, values: &[(&str, Option<u64>)]| {
            values.iter().try_for_each(|(name, value)| match value {
                Some(value) => write!(f, " {name} {value}"),
                None => Ok(()),
            })
        };
        write(f, &before)?;
        words(f, flags.into_iter().flatten())?;
        write(f, &pause)
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        Ok(Status {
            error: reader.signed("0, or the errno that ended it")?,
            blocks: reader.number("blocks of the cache")?,
            free: reader.number("free blocks")?,
            writeback: reader.number("blocks being written back")?,
            counters: match reader.remaining() < 10 {
                true => None,
                false => Some(Counters::read(reader)?),
            },
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status {
            error,
            blocks,
            free,
            writeback,
            ..
        } = self;
        write!(f, "{error} {blocks} {free} {writeback}")?;
        words(f, self.counters)?;
        words(f, &self.rest)
    }
}

impl Text for Counters {
    fn read(reader: &mut Reader<'_>) -> Result<Counters, ParamError> {
        Ok(Counters {
            reads: reader.number("reads")?,
            read_hits: reader.number("read hits")?,
            writes: reader.number("writes")?,
            write_hits_uncommitted: reader.number("write hits, not committed")?,
            write_hits_committed: reader.number("write hits, committed")?,
            writes_around: reader.number("writes around the cache")?,
            writes_allocated: reader.number("writes that took a block")?,
            writes_blocked: reader.number("writes that waited for a block")?,
            flushes: reader.number("flushes")?,
            discards: reader.number("discards")?,
        })
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {} {} {} {} {} {}",
            self.reads,
            self.read_hits,
            self.writes,
            self.write_hits_uncommitted,
            self.write_hits_committed,
            self.writes_around,
            self.writes_allocated,
            self.writes_blocked,
            self.flushes,
            self.discards,
        )
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
