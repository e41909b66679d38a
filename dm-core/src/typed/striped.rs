//! `striped N CHUNK (DEV START)…`: chunks dealt to devices in turn.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};
use crate::units::SectorCount;

use super::{Device, DeviceAt, Kind, Reader, Text, words};

pub(super) const KIND: Kind = Kind::new("striped", "chunks dealt to devices in turn", |reader| {
    Params::read(reader).map(super::Params::Striped)
})
.with_status(|reader| Status::read(reader).map(super::Status::Striped));

/// The devices and how much each gets in turn.
///
/// # Source
/// `drivers/md/dm-stripe.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {
    /// Sectors in a chunk.
    pub chunk: SectorCount,
    /// The devices, at least one.
    pub stripes: Vec<DeviceAt>,
}

/// How the devices are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// Each device.
    pub stripes: Vec<Stripe>,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

/// How a device is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Stripe {
    /// The device.
    pub device: Device,
    /// Whether no request to it has failed.
    pub alive: bool,
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let word = reader.word("number of stripes")?;
        let count = word.positive("number of stripes")?;
        let chunk_word = reader.word("chunk size")?;
        let chunk = chunk_word.sectors("chunk size")?;
        let width = match reader.length() {
            None => None,
            Some(length) if !length.0.is_multiple_of(count.into()) => {
                return Err(word.error(Reason::NotDivisible {
                    what: "the length",
                    length,
                    by: "the number of stripes",
                    divisor: count.into(),
                }));
            }
            Some(length) => Some(SectorCount(length.0 / u64::from(count))),
        };
        if let Some(width) = width.filter(|width| !width.0.is_multiple_of(chunk.0)) {
            return Err(chunk_word.error(Reason::NotDivisible {
                what: "a stripe",
                length: width,
                by: "the chunk size",
                divisor: chunk.0,
            }));
        }
        // Each stripe takes two words: a huge count fails here, not in the allocator.
        let words = reader.remaining() as u64;
        if words < 2 * u64::from(count) {
            return Err(word.error(Reason::Other(format!(
                "{count} stripes need {} words behind the chunk size, not {words}",
                2 * u64::from(count)
            ))));
        }
        let stripes = (0..count).map(|_| reader.area(width));
        let stripes = stripes.collect::<Result<_, _>>()?;
        Ok(Params { chunk, stripes })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.stripes.len(), self.chunk)?;
        words(f, &self.stripes)
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        let count = reader.counted("number of stripes", usize::MAX)?.len();
        let devices: Vec<Device> = (0..count)
            .map(|_| reader.device("device"))
            .collect::<Result<_, _>>()?;
        reader.number_in::<u32>("number of groups of letters", 1..=1)?;
        let letters = reader.word("a letter a device: A alive, D failed")?;
        let health: Option<Vec<bool>> = letters.text.chars().map(alive).collect();
        let health = health
            .filter(|health| health.len() == count)
            .ok_or_else(|| {
                letters.error(Reason::Other(format!("is not {count} letters of A and D")))
            })?;
        let stripes = devices.into_iter().zip(health);
        Ok(Status {
            stripes: stripes
                .map(|(device, alive)| Stripe { device, alive })
                .collect(),
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stripes.len())?;
        words(f, self.stripes.iter().map(|stripe| &stripe.device))?;
        f.write_str(" 1 ")?;
        for stripe in &self.stripes {
            f.write_str(if stripe.alive { "A" } else { "D" })?;
        }
        words(f, &self.rest)
    }
}

fn alive(letter: char) -> Option<bool> {
    match letter {
        'A' => Some(true),
        'D' => Some(false),
        _ => None,
    }
}
