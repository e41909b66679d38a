//! `zero`: reads as zeroes, takes any write.

use core::fmt;

use crate::table::ParamError;

use super::{Kind, Reader, Text};

pub(super) const KIND: Kind = Kind::new("zero", "reads as zeroes, takes any write", |reader| {
    Params::read(reader).map(super::Params::Zero)
});

/// It has none.
///
/// # Source
/// `drivers/md/dm-zero.c`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {}

impl Text for Params {
    fn read(_: &mut Reader<'_>) -> Result<Params, ParamError> {
        Ok(Params {})
    }
}

impl fmt::Display for Params {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
