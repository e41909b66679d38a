//! `delay (DEV START MS){1,2,3}`: requests arrive later, on one device or on one each for reads,
//! writes and flushes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};

use super::{DeviceAt, Kind, Reader, Text, words};

pub(super) const KIND: Kind = Kind::new("delay", "requests arrive later", |reader| {
    Params::read(reader).map(super::Params::Delay)
})
.with_status(|reader| Status::read(reader).map(super::Status::Delay));

/// Where requests go, and how late.
///
/// # Source
/// `drivers/md/dm-delay.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {
    /// Reads, and what no other says.
    pub read: Delayed,
    /// Writes, and flushes if no other says.
    pub write: Option<Delayed>,
    /// Flushes. Only with `write`.
    pub flush: Option<Delayed>,
}

/// A device behind a delay.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Delayed {
    /// The device and the first sector on it.
    pub area: DeviceAt,
    /// The delay in milliseconds.
    pub milliseconds: u32,
}

/// How many requests are being delayed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// Reads.
    pub reads: u32,
    /// Writes.
    pub writes: u32,
    /// Flushes.
    pub flushes: u32,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let count = reader.remaining();
        if !matches!(count, 3 | 6 | 9) {
            return Err(Reason::Other(format!(
                "takes 3, 6 or 9 words, DEV START MILLISECONDS for each, not {count}"
            ))
            .into());
        }
        let read = delayed(reader)?;
        let mut more = |present: bool| present.then(|| delayed(reader)).transpose();
        Ok(Params {
            read,
            write: more(count >= 6)?,
            flush: more(count == 9)?,
        })
    }
}

fn delayed(reader: &mut Reader<'_>) -> Result<Delayed, ParamError> {
    Ok(Delayed {
        area: reader.area(reader.length())?,
        milliseconds: reader.number("delay in milliseconds")?,
    })
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read.fmt(f)?;
        words(f, [&self.write, &self.flush].into_iter().flatten())
    }
}

impl fmt::Display for Delayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.area, self.milliseconds)
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        Ok(Status {
            reads: reader.number("delayed reads")?,
            writes: reader.number("delayed writes")?,
            flushes: reader.number("delayed flushes")?,
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.reads, self.writes, self.flushes)?;
        words(f, &self.rest)
    }
}
