//! `thin POOL ID [ORIGIN]`: a thin device of a pool.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::{ParamError, Reason};

use super::{Device, Kind, Reader, Text, or_dash, words};

pub(super) const KIND: Kind = Kind::new("thin", "a thin device of a pool", |reader| {
    Params::read(reader).map(super::Params::Thin)
})
.with_status(|reader| Status::read(reader).map(super::Status::Thin));

/// The largest identifier of a thin device.
pub const ID_MAX: u32 = (1 << 24) - 1;

/// Which thin device.
///
/// # Source
/// `drivers/md/dm-thin.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {
    /// The pool.
    pub pool: Device,
    /// The device's identifier within it, of 24 bits.
    pub id: u32,
    /// What reads as where the device has no data of its own.
    pub origin: Option<Device>,
}

/// How much of it there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Status {
    /// The pool failed.
    Fail,
    /// The device is not at work.
    Unknown,
    /// The pool's metadata could not be read.
    Error,
    /// How much of it there is.
    Mapped {
        /// Sectors that have data.
        mapped: u64,
        /// The last of them.
        highest: Option<u64>,
        /// Fields of newer kernels.
        rest: Vec<String>,
    },
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let pool = reader.device("pool")?;
        let id = reader.number_in("identifier of the thin device", 0..=ID_MAX)?;
        let origin = (!reader.is_empty()).then(|| reader.device("external origin"));
        let origin = origin.transpose()?;
        match origin.as_ref() == Some(&pool) {
            true => {
                Err(Reason::Other("the pool can not be its device's external origin".into()).into())
            }
            false => Ok(Params { pool, id, origin }),
        }
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pool, self.id)?;
        words(f, &self.origin)
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        let simple = match reader.peek().unwrap_or_default().as_ref() {
            "Fail" => Status::Fail,
            "-" => Status::Unknown,
            "Error" => Status::Error,
            _ => {
                return Ok(Status::Mapped {
                    mapped: reader.number("sectors that have data")?,
                    highest: reader.optional("last sector that has data")?,
                    rest: reader.rest(),
                });
            }
        };
        reader.word("state of the thin device")?;
        Ok(simple)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Status::Fail => f.write_str("Fail"),
            Status::Unknown => f.write_str("-"),
            Status::Error => f.write_str("Error"),
            Status::Mapped {
                mapped,
                highest,
                rest,
            } => {
                write!(f, "{mapped} {}", or_dash(*highest))?;
                words(f, rest)
            }
        }
    }
}
