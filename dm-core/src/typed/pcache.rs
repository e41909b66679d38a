//! `pcache CACHE BACKING [N OPTIONS…]`: persistent memory before a device.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::ParamError;

use super::cache::{Setting, settings};
use super::{Device, Kind, Reader, Text, words};

pub(super) const KIND: Kind = Kind::new("pcache", "persistent memory before a device", |reader| {
    Params::read(reader).map(super::Params::Pcache)
})
.with_status(|reader| Status::read(reader).map(super::Status::Pcache))
.with_message(|reader| Message::read(reader).map(super::Message::Pcache));

/// The devices.
///
/// # Source
/// The documentation of the target, which the kernels at hand do not have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Params {
    /// The persistent memory.
    pub cache: Device,
    /// The device behind it.
    pub backing: Device,
    /// `cache_mode` and `data_crc`.
    pub settings: Vec<Setting>,
}

/// How it is: its fields as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// The fields.
    pub fields: Vec<String>,
}

/// What it can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Message {
    /// It is cleaned from this many percent on, at most 90.
    GcPercent(u8),
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        Ok(Params {
            cache: reader.device("cache device")?,
            backing: reader.device("backing device")?,
            settings: match reader.is_empty() {
                true => Vec::new(),
                false => settings(reader, "number of words of options")?,
            },
        })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Params {
            cache,
            backing,
            settings,
        } = self;
        write!(f, "{cache} {backing}")?;
        let count = 2 * settings.len();
        words(f, (count > 0).then_some(count))?;
        words(f, settings)
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        let fields = reader.rest();
        Ok(Status { fields })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = self.fields.iter();
        if let Some(first) = fields.next() {
            first.fmt(f)?;
        }
        words(f, fields)
    }
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        reader.literal("gc_percent")?;
        let percent = reader.number_in("percentage", 0..=90)?;
        Ok(Message::GcPercent(percent))
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Message::GcPercent(percent) = self;
        write!(f, "gc_percent {percent}")
    }
}
