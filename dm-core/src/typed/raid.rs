//! `raid TYPE N CHUNK OPTIONS… DEVICES (META DATA)…`: arrays of MD.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason, Word};
use crate::units::SectorCount;

use super::reader::{number, number_in};
use super::{Device, Group, Keyword, Kind, Ratio, Reader, Text, or_dash, words};

pub(super) const KIND: Kind = Kind::new("raid", "arrays of MD", |reader| {
    Params::read(reader).map(super::Params::Raid)
})
.with_status(|reader| Status::read(reader).map(super::Status::Raid))
.with_message(|reader| Message::read(reader).map(super::Message::Raid));

/// The most devices of an array.
///
/// # Source
/// `MAX_RAID_DEVICES` in `drivers/md/dm-raid.c`.
pub const DEVICES_MAX: u32 = 253;

/// The names of the types of arrays.
const TYPES: &[&str] = &[
    "raid0",
    "raid1",
    "raid4",
    "raid5_n",
    "raid5_ls",
    "raid5_rs",
    "raid5_la",
    "raid5_ra",
    "raid6_zr",
    "raid6_nr",
    "raid6_nc",
    "raid6_n_6",
    "raid6_ls_6",
    "raid6_rs_6",
    "raid6_la_6",
    "raid6_ra_6",
    "raid10",
    "raid10_offset",
    "raid10_near",
    "raid10_far",
];

/// An array.
///
/// # Source
/// `drivers/md/dm-raid.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// Its type, such as `raid1` or `raid5_ls`.
    pub kind: String,
    /// Sectors in a chunk: a power of two, from 8 on; 0 with `raid1`.
    pub chunk: SectorCount,
    /// What else.
    pub options: Options,
    /// The devices.
    pub devices: Vec<Leg>,
}

/// A device of an array, with its metadata.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Leg {
    /// Where its metadata is.
    pub metadata: Option<Device>,
    /// Where its data is; without, it is missing.
    pub data: Option<Device>,
}

/// What an array is given besides, in the order in which a table tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Options {
    /// Brought up to date in any case, or in none.
    pub sync: Option<Sync>,
    /// Devices that are made anew.
    pub rebuild: Vec<u32>,
    /// Milliseconds between the cleanings of the bitmap.
    pub daemon_sleep: Option<u32>,
    /// The least speed of recovery in KiB a second.
    pub min_recovery_rate: Option<u32>,
    /// The greatest speed of recovery in KiB a second.
    pub max_recovery_rate: Option<u32>,
    /// Devices that are read only if they must.
    pub write_mostly: Vec<u32>,
    /// Sectors of writes to those that may be under way.
    pub max_write_behind: Option<u32>,
    /// Entries of the cache of stripes.
    pub stripe_cache: Option<u32>,
    /// Sectors that a bit of the bitmap stands for.
    pub region_size: Option<u32>,
    /// Copies of data in `raid10`.
    pub raid10_copies: Option<u32>,
    /// Where they lie.
    pub raid10_format: Option<Raid10Format>,
    /// `raid10` of kernels before 3.9.
    pub raid10_use_near_sets: bool,
    /// Devices more, or less.
    pub delta_disks: Option<i64>,
    /// Free sectors before the data.
    pub data_offset: Option<u64>,
    /// The device that closes the write hole.
    pub journal_dev: Option<Device>,
    /// How it is used.
    pub journal_mode: Option<JournalMode>,
}

/// Whether an array is brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Sync {
    /// In any case.
    Sync,
    /// In no case.
    Nosync,
}

/// Where the copies of `raid10` lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Raid10Format {
    /// Beside each other.
    Near,
    /// In another part of the devices.
    Far,
    /// In the next row.
    Offset,
}

/// How a journal is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum JournalMode {
    /// It closes the write hole.
    Writethrough,
    /// It is a cache, too.
    Writeback,
}

/// How an array is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// Its type.
    pub kind: String,
    /// A letter a device: `A` alive and in sync, `a` alive and not in sync, `D` dead, `-` missing.
    pub health: String,
    /// Sectors that are in sync, of those that there are.
    pub in_sync: Ratio,
    /// What it does: `idle`, `frozen`, `resync`, `recover`, `check`, `repair`, `reshape`.
    pub action: Option<String>,
    /// Sectors that a check found different.
    pub mismatches: Option<u64>,
    /// Free sectors before the data.
    pub data_offset: Option<u64>,
    /// The journal: `A` writes through, `a` writes back, `D` dead, `-` none.
    pub journal: Option<String>,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
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
    /// Ends what it does.
    Idle,
    /// Ends what it does and begins nothing.
    Frozen,
    /// Brings all up to date.
    Resync,
    /// Makes replaced devices anew.
    Recover,
    /// Compares.
    Check,
    /// Compares and repairs.
    Repair,
}

impl Keyword for Sync {
    const WORDS: &'static [(&'static str, Sync)] =
        &[("sync", Sync::Sync), ("nosync", Sync::Nosync)];
}

impl Keyword for Raid10Format {
    const WORDS: &'static [(&'static str, Raid10Format)] = &[
        ("near", Raid10Format::Near),
        ("far", Raid10Format::Far),
        ("offset", Raid10Format::Offset),
    ];
}

impl Keyword for JournalMode {
    const WORDS: &'static [(&'static str, JournalMode)] = &[
        ("writethrough", JournalMode::Writethrough),
        ("writeback", JournalMode::Writeback),
    ];
}

impl Keyword for Message {
    const WORDS: &'static [(&'static str, Message)] = &[
        ("idle", Message::Idle),
        ("frozen", Message::Frozen),
        ("resync", Message::Resync),
        ("recover", Message::Recover),
        ("check", Message::Check),
        ("repair", Message::Repair),
    ];
}

impl Params {
    /// An array without options.
    pub fn new(kind: impl Into<String>, chunk: SectorCount, devices: Vec<Leg>) -> Params {
        Params {
            kind: kind.into(),
            chunk,
            options: Options::default(),
            devices,
        }
    }
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let word = reader.word("type of the array")?;
        let kind = word.text.to_ascii_lowercase();
        if !TYPES.contains(&kind.as_str()) {
            return Err(word.unknown("type of array", TYPES.join(", ")));
        }
        let count_word = reader.word("number of words of options")?;
        let count: usize = number(&count_word, "number of words of options")?;
        if count == 0 {
            return Err(count_word.error(Reason::Zero {
                what: "number of words of options",
            }));
        }
        let chunk_word = reader.word("chunk size")?;
        let chunk: u32 = number(&chunk_word, "chunk size")?;
        let chunk = match kind.as_str() {
            "raid1" => 0,
            _ if chunk < 8 || !chunk.is_power_of_two() => {
                return Err(chunk_word.error(Reason::Other(
                    "the chunk size is not a power of two from 8 on".into(),
                )));
            }
            _ => chunk,
        };
        let mut options = Options::default();
        let mut group = Group::of(count - 1, "number of words of options");
        while let Some(word) = group.next(reader, "option")? {
            options.take(&word, &kind, &mut group, reader)?;
        }
        options.clash()?;
        let word = reader.word("number of devices")?;
        let count: u32 = number_in(&word, "number of devices", 1..=DEVICES_MAX)?;
        let words = reader.remaining();
        if 2 * count as usize > words {
            return Err(word.error(Reason::TooFewWords {
                what: "number of words of the devices",
                words,
            }));
        }
        let devices = (0..count).map(|_| {
            let metadata = leg(reader, "metadata device, or -")?;
            let data = leg(reader, "data device, or -")?;
            Ok(Leg { metadata, data })
        });
        let devices: Vec<Leg> = devices.collect::<Result<_, ParamError>>()?;
        options.fits(count)?;
        Ok(Params {
            kind,
            chunk: SectorCount(chunk.into()),
            options,
            devices,
        })
    }
}

fn leg(reader: &mut Reader<'_>, what: &'static str) -> Result<Option<Device>, ParamError> {
    if reader.peek().as_deref() == Some("-") {
        reader.word(what)?;
        return Ok(None);
    }
    reader.device(what).map(Some)
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = self.options.each();
        let Params { kind, chunk, .. } = self;
        write!(f, "{kind} {} {chunk}", 1 + options.len())?;
        words(f, options)?;
        write!(f, " {}", self.devices.len())?;
        words(f, &self.devices)
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (metadata, data) = (self.metadata.as_ref(), self.data.as_ref());
        write!(f, "{} {}", or_dash(metadata), or_dash(data))
    }
}

impl Options {
    fn take(
        &mut self,
        word: &Word<'_>,
        kind: &str,
        group: &mut Group,
        reader: &mut Reader<'_>,
    ) -> Result<(), ParamError> {
        const INT_MAX: u32 = 0x7fff_ffff;
        let name = word.text.to_ascii_lowercase();
        let (family, _) = kind.split_once('_').unwrap_or((kind, ""));
        let suits = match name.as_str() {
            "data_offset" => true,
            _ if family == "raid0" => false,
            "nosync" => family != "raid6",
            "write_mostly" | "max_write_behind" => family == "raid1",
            "stripe_cache" | "journal_dev" | "journal_mode" => {
                matches!(family, "raid4" | "raid5" | "raid6")
            }
            "raid10_copies" | "raid10_format" | "raid10_use_near_sets" => family == "raid10",
            _ => true,
        };
        if !suits {
            return Err(word.error(Reason::Other(alloc::format!("is not for {kind}"))));
        }
        if let Some(sync) = Sync::of(&name) {
            return match self.sync.replace(sync) {
                None => Ok(()),
                Some(_) => Err(word.error(Reason::Other(
                    "sync and nosync can stand once, and not together".into(),
                ))),
            };
        }
        let mut int = |what| group.number_in(reader, what, 0..=INT_MAX);
        match name.as_str() {
            "raid10_use_near_sets" => self.raid10_use_near_sets = true,
            "rebuild" => self.rebuild.push(int("index of the device")?),
            "write_mostly" => self.write_mostly.push(int("index of the device")?),
            "daemon_sleep" => self.daemon_sleep = Some(int("milliseconds")?),
            "min_recovery_rate" => self.min_recovery_rate = Some(int("KiB a second")?),
            "max_recovery_rate" => self.max_recovery_rate = Some(int("KiB a second")?),
            "max_write_behind" => self.max_write_behind = Some(int("sectors")?),
            "stripe_cache" => self.stripe_cache = Some(int("entries")?),
            "region_size" => self.region_size = Some(int("sectors")?),
            "raid10_copies" => self.raid10_copies = Some(int("number of copies")?),
            "data_offset" => self.data_offset = Some(int("sectors")?.into()),
            "raid10_format" => self.raid10_format = Some(group.keyword(reader, "format")?),
            "journal_mode" => self.journal_mode = Some(group.keyword(reader, "journal mode")?),
            "journal_dev" => self.journal_dev = Some(group.device(reader, "journal")?),
            "delta_disks" => {
                let word = group.value(reader, "number of devices more")?;
                let delta = word.text.parse().map_err(|_| {
                    word.error(Reason::NotANumber {
                        what: "number of devices more",
                    })
                })?;
                self.delta_disks = Some(delta);
            }
            _ => {
                return Err(word.unknown(
                    "option",
                    "sync, nosync, rebuild, daemon_sleep, min_recovery_rate, max_recovery_rate, \
                     write_mostly, max_write_behind, stripe_cache, region_size, raid10_copies, \
                     raid10_format, raid10_use_near_sets, delta_disks, data_offset, journal_dev, \
                     journal_mode",
                ));
            }
        }
        Ok(())
    }

    fn clash(&self) -> Result<(), ParamError> {
        let wrong = |why: &str| Err(Reason::Other(why.into()).into());
        if self.sync.is_some() && !self.rebuild.is_empty() {
            return wrong("sync and nosync exclude rebuild");
        }
        if self.journal_mode.is_some() && self.journal_dev.is_none() {
            return wrong("journal_mode needs journal_dev");
        }
        match (self.min_recovery_rate, self.max_recovery_rate) {
            (Some(least), Some(most)) if most > 0 && least > most => {
                wrong("the min_recovery_rate is above the max_recovery_rate")
            }
            _ => Ok(()),
        }
    }

    /// Whether the options suit so many devices.
    fn fits(&self, count: u32) -> Result<(), ParamError> {
        let mut indices = self.rebuild.iter().chain(&self.write_mostly);
        if let Some(index) = indices.find(|index| **index >= count) {
            return Err(Reason::Other(alloc::format!(
                "there is no device {index}: {count} devices are counted from 0"
            ))
            .into());
        }
        let mostly = self
            .write_mostly
            .iter()
            .collect::<alloc::collections::BTreeSet<_>>();
        if mostly.len() >= count as usize {
            return Err(Reason::Other("all devices are write_mostly".into()).into());
        }
        match self.raid10_copies {
            Some(copies) if !(2..=count).contains(&copies) => Err(Reason::OutOfRange {
                what: "number of copies",
                least: 2,
                most: count.into(),
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// Each word of the options that are set.
    fn each(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut pair = |name: &str, value: Option<&dyn fmt::Display>| {
            if let Some(value) = value {
                all.extend([String::from(name), alloc::format!("{value}")]);
            }
        };
        fn some<T: fmt::Display>(value: &Option<T>) -> Option<&dyn fmt::Display> {
            value.as_ref().map(|value| value as &dyn fmt::Display)
        }
        for index in &self.rebuild {
            pair("rebuild", Some(index));
        }
        pair("daemon_sleep", some(&self.daemon_sleep));
        pair("min_recovery_rate", some(&self.min_recovery_rate));
        pair("max_recovery_rate", some(&self.max_recovery_rate));
        for index in &self.write_mostly {
            pair("write_mostly", Some(index));
        }
        pair("max_write_behind", some(&self.max_write_behind));
        pair("stripe_cache", some(&self.stripe_cache));
        pair("region_size", some(&self.region_size));
        pair("raid10_copies", some(&self.raid10_copies));
        pair(
            "raid10_format",
            some(&self.raid10_format.map(Keyword::text)),
        );
        pair("delta_disks", some(&self.delta_disks));
        pair("data_offset", some(&self.data_offset));
        pair("journal_dev", some(&self.journal_dev));
        pair("journal_mode", some(&self.journal_mode.map(Keyword::text)));
        if self.raid10_use_near_sets {
            all.insert(0, "raid10_use_near_sets".into());
        }
        if let Some(sync) = self.sync {
            all.insert(0, sync.text().into());
        }
        all
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        let kind = reader.field("type of the array")?;
        let word = reader.word("number of devices")?;
        let count: usize = number(&word, "number of devices")?;
        let letters = reader.word("a letter a device")?;
        if letters.text.chars().count() != count {
            return Err(letters.error(Reason::Other(alloc::format!("is not {count} letters"))));
        }
        let health = letters.text.into_owned();
        let in_sync = reader.ratio("sectors in sync")?;
        let more = |reader: &Reader<'_>| !reader.is_empty();
        let action = more(reader).then(|| reader.field("what it does"));
        let action = action.transpose()?;
        let mismatches = more(reader).then(|| reader.number("sectors that differ"));
        let mismatches = mismatches.transpose()?;
        let data_offset = more(reader).then(|| reader.number("free sectors before the data"));
        let data_offset = data_offset.transpose()?;
        let journal = more(reader).then(|| reader.field("state of the journal"));
        Ok(Status {
            kind,
            health,
            in_sync,
            action,
            mismatches,
            data_offset,
            journal: journal.transpose()?,
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.health.chars().count();
        write!(f, "{} {count} {} {}", self.kind, self.health, self.in_sync)?;
        words(f, &self.action)?;
        words(f, self.mismatches)?;
        words(f, self.data_offset)?;
        words(f, &self.journal)?;
        words(f, &self.rest)
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
