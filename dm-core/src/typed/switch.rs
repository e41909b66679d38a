//! `switch N REGION 0 (DEV START)…`: regions, each sent to one of several paths.

use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason, Word};
use crate::units::SectorCount;

use super::number::number;
use super::{DeviceAt, Kind, Reader, Text, words};

pub(super) const KIND: Kind = Kind::new(
    "switch",
    "regions, each sent to one of several paths",
    |reader| Params::read(reader).map(super::Params::Switch),
)
.with_message(|reader| Message::read(reader).map(super::Message::Switch));

/// The paths, and how much goes one way.
///
/// # Source
/// `drivers/md/dm-switch.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {
    /// Sectors in a region.
    pub region: SectorCount,
    /// The paths, at least one.
    pub paths: Vec<DeviceAt>,
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
    /// Sends regions other ways.
    SetRegionMappings(Vec<Regions>),
}

/// Regions that are sent another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
pub enum Regions {
    /// One goes to a path, `INDEX:PATH` in hexadecimal; without an index, the next one.
    To {
        /// Which, or the one after the last that was set.
        region: Option<u64>,
        /// The path's index.
        path: u32,
    },
    /// The ways of the last `cycle` regions are repeated for `count` regions: `Rn,m`.
    Repeat {
        /// How many are repeated.
        cycle: u64,
        /// For how many.
        count: u64,
    },
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let word = reader.word("number of paths")?;
        let count = word.positive("number of paths")?;
        let region = reader.word("region size")?.sectors("region size")?;
        let optional = reader.word("number of optional words")?;
        if number::<u32>(&optional, "number of optional words")? != 0 {
            let why = "the number of optional words must be 0, since the target knows none";
            return Err(optional.error(Reason::Other(why.into())));
        }
        let left = reader.remaining() as u64;
        if left < 2 * u64::from(count) {
            return Err(word.error(Reason::Other(format!(
                "{count} paths need {} words behind them, not {left}",
                2 * u64::from(count)
            ))));
        }
        let paths = (0..count).map(|_| reader.area(reader.length()));
        let paths = paths.collect::<Result<_, _>>()?;
        Ok(Params { region, paths })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} 0", self.paths.len(), self.region)?;
        words(f, &self.paths)
    }
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        let word = reader.word("message")?;
        if !word.text.eq_ignore_ascii_case("set_region_mappings") {
            return Err(word.unknown("message", "set_region_mappings"));
        }
        let mut mappings = Vec::new();
        while !reader.is_empty() {
            let word = reader.word("regions: INDEX:PATH, :PATH or Rn,m, in hexadecimal")?;
            let mapping = regions(&word).ok_or_else(|| {
                word.error(Reason::Other(
                    "is none of INDEX:PATH, :PATH and Rn,m in hexadecimal".into(),
                ))
            })?;
            if mappings.is_empty()
                && !matches!(
                    mapping,
                    Regions::To {
                        region: Some(_),
                        ..
                    }
                )
            {
                return Err(word.error(Reason::Other("the first region needs an index".into())));
            }
            mappings.push(mapping);
        }
        Ok(Message::SetRegionMappings(mappings))
    }
}

fn regions(word: &Word<'_>) -> Option<Regions> {
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    if let Some(repeat) = word.text.strip_prefix('R') {
        let (cycle, count) = repeat.split_once(',')?;
        return Some(Regions::Repeat {
            cycle: hex(cycle)?,
            count: hex(count)?,
        });
    }
    let (region, path) = word.text.split_once(':')?;
    Some(Regions::To {
        region: match region {
            "" => None,
            region => Some(hex(region)?),
        },
        path: u32::try_from(hex(path)?).ok()?,
    })
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Message::SetRegionMappings(mappings) = self;
        f.write_str("set_region_mappings")?;
        words(f, mappings)
    }
}

impl fmt::Display for Regions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Regions::To {
                region: Some(region),
                path,
            } => write!(f, "{region:x}:{path:x}"),
            Regions::To { region: None, path } => write!(f, ":{path:x}"),
            Regions::Repeat { cycle, count } => write!(f, "R{cycle:x},{count:x}"),
        }
    }
}
