//! `raid TYPE N CHUNK OPTIONS… DEVICES (META DATA)…`: arrays of MD.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};
use crate::units::SectorCount;

use super::number::{number, number_in};
use super::{Device, Group, Keyword, Kind, Ratio, Reader, Text, or_dash, words};

pub use super::raid_options::{JournalMode, Options, Raid10Format, Sync};

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
        let ignored = kind == "raid1" && chunk_word.text.parse::<i32>().is_ok();
        let chunk: u32 = match ignored {
            true => 0,
            false => number(&chunk_word, "chunk size")?,
        };
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
        let least = least(&kind, count, &options, reader.length());
        let devices = (0..count).map(|_| Leg::read(reader, least));
        let devices: Vec<Leg> = devices.collect::<Result<_, ParamError>>()?;
        options.fits(count)?;
        suits(&kind, &devices)?;
        if let Some(stripes) = stripes(&kind, count) {
            let by = "the number of devices with data";
            reader.multiple_of("the length", by, stripes.into(), &word)?;
        }
        reader.ignore_rest();
        Ok(Params {
            kind,
            chunk: SectorCount(chunk.into()),
            options,
            devices,
        })
    }
}

/// Whether devices suit the type of array.
fn suits(kind: &str, devices: &[Leg]) -> Result<(), ParamError> {
    let wrong = |why: &str| Err(Reason::Other(why.into()).into());
    if kind == "raid0" && devices.iter().any(|leg| leg.data.is_none()) {
        return wrong("raid0 has no device to spare");
    }
    // A driver takes the layout of a new array from what it writes there.
    match kind.starts_with("raid10") && devices.iter().all(|leg| leg.metadata.is_none()) {
        true => wrong("raid10 needs devices for its metadata"),
        false => Ok(()),
    }
}

/// How many devices a stripe's data is on, where the length must be a multiple of it.
fn stripes(kind: &str, count: u32) -> Option<u32> {
    let parity = match kind.split_once('_').map_or(kind, |(family, _)| family) {
        "raid0" => 0,
        "raid4" | "raid5" => 1,
        "raid6" => 2,
        _ => return None,
    };
    count.checked_sub(parity).filter(|stripes| *stripes > 0)
}

/// The least sectors of a device's data, where the metadata says nothing else.
fn least(
    kind: &str,
    devices: u32,
    options: &Options,
    length: Option<SectorCount>,
) -> Option<SectorCount> {
    let (length, count) = (length?.0, u64::from(devices));
    let moves = options.delta_disks.is_some() || options.data_offset.is_some();
    let least = match kind {
        _ if moves => None,
        "raid1" => Some(length),
        _ if kind.starts_with("raid10") => {
            let copies = u64::from(options.raid10_copies.unwrap_or(2));
            length.checked_mul(copies).map(|all| all / count)
        }
        _ => stripes(kind, devices).map(|stripes| length / u64::from(stripes)),
    };
    least.map(SectorCount)
}

impl Leg {
    fn read(reader: &mut Reader<'_>, least: Option<SectorCount>) -> Result<Leg, ParamError> {
        let none = |reader: &Reader<'_>| reader.peek().as_deref() == Some("-");
        let what = "metadata device, or -";
        let metadata = match none(reader) {
            true => reader.word(what).map(|_| None),
            false => reader.device(what).map(Some),
        }?;
        let what = "data device, or -";
        if !none(reader) {
            let data = Some(reader.device_of(what, least)?);
            return Ok(Leg { metadata, data });
        }
        let word = reader.word(what)?;
        match metadata {
            Some(_) => Err(word.error(Reason::Other(
                "a device with metadata needs one for its data".into(),
            ))),
            None => Ok(Leg {
                metadata: None,
                data: None,
            }),
        }
    }
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

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        let kind = reader.field("type of the array")?;
        let word = reader.word("number of devices")?;
        let count: usize = number(&word, "number of devices")?;
        let letters = reader.word("a letter a device")?;
        reader.explain(
            "a letter a device: A alive and in sync, a alive and not in sync, D dead, - missing",
        );
        let is_letters = !letters
            .text
            .contains(|char: char| char.is_whitespace() || char == '\\');
        if letters.text.chars().count() != count || !is_letters {
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
