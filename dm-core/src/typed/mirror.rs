//! `mirror LOG N ARGS… MIRRORS (DEV START)… [N FEATURES…]`: the same on several devices.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};

use super::number::number_in;
use super::snapshot::chosen;
use super::{Device, DeviceAt, Keyword, Kind, Ratio, Reader, Text, words};

pub use super::log::{Log, LogStatus, Sync};

pub(super) const KIND: Kind = Kind::new("mirror", "the same on several devices", |reader| {
    Params::read(reader).map(super::Params::Mirror)
})
.with_status(|reader| Status::read(reader).map(super::Status::Mirror));

/// The most mirrors.
///
/// # Source
/// `MAX_NR_MIRRORS` in `drivers/md/dm-raid1.c`.
pub const MIRRORS_MAX: u32 = 9;

/// The devices, and what they have in common.
///
/// # Source
/// `drivers/md/dm-raid1.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// Where it is kept which regions are alike.
    pub log: Log,
    /// The devices, from two to nine.
    pub mirrors: Vec<DeviceAt>,
    /// A device that fails is left out.
    pub handle_errors: bool,
    /// The log says so even without a program that repairs. Needs `handle_errors`.
    pub keep_log: bool,
}

/// How a mirror is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// Each device.
    pub mirrors: Vec<Mirror>,
    /// Regions that are alike, of those that there are.
    pub in_sync: Ratio,
    /// The log.
    pub log: LogStatus,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

/// How a device of a mirror is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Mirror {
    /// The device.
    pub device: Device,
    /// How it is.
    pub health: Health,
}

/// How a device of a mirror is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Health {
    /// Good.
    Alive,
    /// A write to it failed.
    WriteFailed,
    /// Bringing it up to date failed.
    SyncFailed,
    /// A read from it failed.
    ReadFailed,
    /// A flush of it failed.
    FlushFailed,
    /// It failed otherwise.
    Unknown,
}

impl Keyword for Health {
    const WORDS: &'static [(&'static str, Health)] = &[
        ("A", Health::Alive),
        ("D", Health::WriteFailed),
        ("S", Health::SyncFailed),
        ("R", Health::ReadFailed),
        ("F", Health::FlushFailed),
        ("U", Health::Unknown),
    ];
}

impl Params {
    /// A mirror without features.
    pub fn new(log: Log, mirrors: Vec<DeviceAt>) -> Params {
        Params {
            log,
            mirrors,
            handle_errors: false,
            keep_log: false,
        }
    }
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let log = Log::read(reader)?;
        let word = reader.word("number of mirrors")?;
        let count: u32 = number_in(&word, "number of mirrors", 2..=MIRRORS_MAX)?;
        let mirrors = (0..count).map(|_| reader.area(reader.length()));
        let mut params = Params::new(log, mirrors.collect::<Result<_, _>>()?);
        let mut features = reader.group("number of features", 2)?;
        let mut keep = None;
        while let Some(word) = features.next(reader, "feature")? {
            match &*word.text {
                "handle_errors" => params.handle_errors = true,
                "keep_log" => {
                    params.keep_log = true;
                    keep = Some(word);
                }
                _ => return Err(word.unknown("feature", "handle_errors, keep_log")),
            }
        }
        match keep {
            Some(word) if !params.handle_errors => {
                Err(word.error(Reason::Other("needs handle_errors too".into())))
            }
            _ => Ok(params),
        }
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.log, self.mirrors.len())?;
        words(f, &self.mirrors)?;
        let features = [
            (self.handle_errors, "handle_errors"),
            (self.keep_log, "keep_log"),
        ];
        let count = chosen(&features).count();
        words(f, (count > 0).then_some(count))?;
        words(f, chosen(&features))
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        let count = reader.counted("number of mirrors", usize::MAX)?.len();
        let devices = (0..count).map(|_| reader.device("mirror"));
        let devices: Vec<Device> = devices.collect::<Result<_, _>>()?;
        let in_sync = reader.ratio("regions that are alike")?;
        reader.number_in::<u32>("number of groups of letters", 1..=1)?;
        let letters = reader.word("a letter a mirror")?;
        let health = letters.text.chars();
        let health = health.map(|letter| Health::of(letter.encode_utf8(&mut [0; 4])));
        let health: Option<Vec<Health>> = health.collect();
        let health = health
            .filter(|health| health.len() == count)
            .ok_or_else(|| {
                letters.error(Reason::Other(format!(
                    "is not {count} letters of {}",
                    Health::list()
                )))
            })?;
        let mirrors = devices.into_iter().zip(health);
        Ok(Status {
            mirrors: mirrors
                .map(|(device, health)| Mirror { device, health })
                .collect(),
            in_sync,
            log: LogStatus::read(reader)?,
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mirrors.len())?;
        words(f, self.mirrors.iter().map(|mirror| &mirror.device))?;
        write!(f, " {} 1 ", self.in_sync)?;
        for mirror in &self.mirrors {
            f.write_str(mirror.health.text())?;
        }
        write!(f, " {}", self.log)?;
        words(f, &self.rest)
    }
}
