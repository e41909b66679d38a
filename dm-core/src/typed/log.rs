//! The logs of `mirror`: which regions are alike.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{EscapedWord, ParamError, Reason};
use crate::units::SectorCount;

use super::number::number;
use super::{Device, Keyword, Reader, Text, words};

/// Where it is kept which regions are alike.
///
/// # Source
/// `drivers/md/dm-log.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Log {
    /// In memory.
    Core {
        /// Sectors in a region: a power of two, from 2 on.
        region: SectorCount,
        /// Whether the mirrors are alike to begin with.
        sync: Option<Sync>,
    },
    /// On a device.
    Disk {
        /// The device.
        device: Device,
        /// Sectors in a region: a power of two, from 2 on.
        region: SectorCount,
        /// Whether the mirrors are alike to begin with.
        sync: Option<Sync>,
    },
    /// With a program: `userspace`, with what the program is told.
    Other {
        /// Its type.
        kind: String,
        /// Its arguments.
        args: Vec<String>,
    },
}

/// Whether the mirrors are alike to begin with, whatever the log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Sync {
    /// They are not.
    Sync,
    /// They are taken to be.
    Nosync,
}

/// How a log is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct LogStatus {
    /// Its type.
    pub kind: String,
    /// What it says: of a log on a device, the device and `A`, `D` (failed) or `F` (its flush
    /// failed).
    pub fields: Vec<String>,
}

impl Keyword for Sync {
    const WORDS: &'static [(&'static str, Sync)] =
        &[("sync", Sync::Sync), ("nosync", Sync::Nosync)];
}

impl Text for Log {
    fn read(reader: &mut Reader<'_>) -> Result<Log, ParamError> {
        let word = reader.word("type of the log")?;
        if !matches!(&*word.text, "core" | "disk" | "userspace") {
            return Err(word.unknown("type of log", "core, disk, userspace"));
        }
        let kind = word.text.into_owned();
        if kind == "userspace" {
            let args = reader.list("number of the log's words", "word of the log")?;
            return Ok(Log::Other { kind, args });
        }
        let on_disk = usize::from(kind == "disk");
        let word = reader.word("number of the log's words")?;
        let count: usize = number(&word, "number of the log's words")?;
        if !(1 + on_disk..=2 + on_disk).contains(&count) {
            let (least, most) = (1 + on_disk, 2 + on_disk);
            return Err(word.error(Reason::Other(format!(
                "a {kind} log takes {least} or {most} words"
            ))));
        }
        let device = (on_disk == 1).then(|| reader.device("device of the log"));
        let device = device.transpose()?;
        let region = region(reader)?;
        let sync = (count == 2 + on_disk).then(|| reader.keyword("state to begin with"));
        let sync = sync.transpose()?;
        Ok(match device {
            None => Log::Core { region, sync },
            Some(device) => Log::Disk {
                device,
                region,
                sync,
            },
        })
    }
}

fn region(reader: &mut Reader<'_>) -> Result<SectorCount, ParamError> {
    let what = "region size";
    let word = reader.word(what)?;
    let region: u32 = number(&word, what)?;
    if region < 2 || !region.is_power_of_two() {
        return Err(word.error(Reason::NotAPowerOfTwo { what }));
    }
    match reader.length() {
        Some(length) if length.0 < region.into() => Err(word.error(Reason::TooLarge {
            what,
            limit: length.0,
        })),
        _ => Ok(SectorCount(region.into())),
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |least: usize, sync: &Option<Sync>| least + usize::from(sync.is_some());
        match self {
            Log::Core { region, sync } => {
                write!(f, "core {} {region}", count(1, sync))?;
                words(f, sync.map(Keyword::text))
            }
            Log::Disk {
                device,
                region,
                sync,
            } => {
                write!(f, "disk {} {device} {region}", count(2, sync))?;
                words(f, sync.map(Keyword::text))
            }
            Log::Other { kind, args } => {
                write!(f, "{} {}", EscapedWord(kind), args.len())?;
                words(f, args)
            }
        }
    }
}

impl Text for LogStatus {
    fn read(reader: &mut Reader<'_>) -> Result<LogStatus, ParamError> {
        let word = reader.word("number of the log's fields")?;
        let count: usize = number(&word, "number of the log's fields")?;
        let words = reader.remaining();
        if count == 0 || count > words {
            return Err(word.error(Reason::TooFewWords {
                what: "number of the log's fields",
                words,
            }));
        }
        let kind = reader.field("type of the log")?;
        let fields = (1..count).map(|_| reader.field("field of the log"));
        let fields = fields.collect::<Result<_, _>>()?;
        Ok(LogStatus { kind, fields })
    }
}

impl fmt::Display for LogStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", 1 + self.fields.len(), self.kind)?;
        words(f, &self.fields)
    }
}
