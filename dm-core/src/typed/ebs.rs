//! `ebs DEV START EMULATED [UNDERLYING]`: small blocks on a device with large ones.

use core::fmt;

use crate::table::{ParamError, Reason};

use super::number::number_in;
use super::{DeviceAt, Kind, Reader, Text, words};

pub(super) const KIND: Kind = Kind::new(
    "ebs",
    "small blocks on a device with large ones",
    |reader| Params::read(reader).map(super::Params::Ebs),
);

/// The device and its blocks.
///
/// # Source
/// `drivers/md/dm-ebs-target.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {
    /// The device and the first sector on it.
    pub area: DeviceAt,
    /// Sectors in a block of the mapped device: a power of two, at most a page.
    pub emulated: u32,
    /// Sectors in a block of the device, if not what it says itself.
    pub underlying: Option<u32>,
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let area = reader.area(reader.length())?;
        let emulated = block(reader, "emulated block size")?;
        let more = !reader.is_empty();
        let underlying = more.then(|| block(reader, "underlying block size"));
        let underlying = underlying.transpose()?;
        Ok(Params {
            area,
            emulated,
            underlying,
        })
    }
}

fn block(reader: &mut Reader<'_>, what: &'static str) -> Result<u32, ParamError> {
    let word = reader.word(what)?;
    let sectors: u32 = number_in(&word, what, 1..=1 << 16)?;
    match sectors.is_power_of_two() {
        true => Ok(sectors),
        false => Err(word.error(Reason::NotAPowerOfTwo { what })),
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.area, self.emulated)?;
        words(f, self.underlying)
    }
}
