//! `unstriped N CHUNK INDEX DEV START`: one stripe of a striped device.

use core::fmt;

use crate::table::{ParamError, Reason};
use crate::units::SectorCount;

use super::number::number;
use super::{DeviceAt, Kind, Reader, Text};

pub(super) const KIND: Kind = Kind::new("unstriped", "one stripe of a striped device", |reader| {
    Params::read(reader).map(super::Params::Unstriped)
});

/// Which stripe.
///
/// # Source
/// `drivers/md/dm-unstripe.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {
    /// How many stripes there are.
    pub stripes: u32,
    /// Sectors in a chunk.
    pub chunk: SectorCount,
    /// Which stripe: 0 is the first.
    pub index: u32,
    /// The striped device and the first sector on it.
    pub area: DeviceAt,
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let word = reader.word("number of stripes")?;
        let stripes = word.positive("number of stripes")?;
        let chunk_word = reader.word("chunk size")?;
        let chunk = chunk_word.sectors("chunk size")?;
        let index_word = reader.word("index of the stripe")?;
        let index: u32 = number(&index_word, "index of the stripe")?;
        if index >= stripes {
            return Err(index_word.error(Reason::OutOfRange {
                what: "index of the stripe",
                least: 0,
                most: u64::from(stripes) - 1,
            }));
        }
        if let Some(length) = reader
            .length()
            .filter(|length| !length.0.is_multiple_of(chunk.0))
        {
            return Err(chunk_word.error(Reason::NotDivisible {
                what: "the length",
                length,
                by: "the chunk size",
                divisor: chunk.0,
            }));
        }
        let area = reader.area(reader.length())?;
        Ok(Params {
            stripes,
            chunk,
            index,
            area,
        })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Params {
            stripes,
            chunk,
            index,
            area,
        } = self;
        write!(f, "{stripes} {chunk} {index} {area}")
    }
}
