//! `error [DEV START]`: every request fails.

use core::fmt;

use crate::table::ParamError;
use crate::version::Version;

use super::{DeviceAt, Kind, Reader, Text};

pub(super) const KIND: Kind = Kind::new("error", "every request fails", |reader| {
    Params::read(reader).map(super::Params::Error)
});

/// The device whose limits the target takes over, if it is to have any.
///
/// # Source
/// `drivers/md/dm-target.c`: with any other number of words than two, they are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {
    /// The device and the first sector on it.
    pub area: Option<DeviceAt>,
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        if reader.remaining() == 2 && reader.may_have(Version(1, 7, 0)) {
            let area = reader.area(reader.length()).map(Some)?;
            return Ok(Params { area });
        }
        reader.ignore_rest();
        Ok(Params { area: None })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.area {
            Some(area) => area.fmt(f),
            None => Ok(()),
        }
    }
}
