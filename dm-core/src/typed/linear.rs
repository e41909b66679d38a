//! `linear DEV START`: a run of sectors of a device.

use core::fmt;

use crate::table::ParamError;

use super::{DeviceAt, Kind, Reader, Text};

pub(super) const KIND: Kind = Kind::new("linear", "a run of sectors of a device", |reader| {
    Params::read(reader).map(super::Params::Linear)
});

/// Where the sectors lie.
///
/// # Source
/// `drivers/md/dm-linear.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {
    /// The device and the first sector on it.
    pub area: DeviceAt,
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let area = reader.area(reader.length())?;
        Ok(Params { area })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.area.fmt(f)
    }
}
