//! `zoned DEV [ZONED_DEV…]`: random writes on zoned devices.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::table::ParamError;

use super::{Device, Kind, Ratio, Reader, Text, words};

pub(super) const KIND: Kind = Kind::new("zoned", "random writes on zoned devices", |reader| {
    Params::read(reader).map(super::Params::Zoned)
})
.with_status(|reader| Status::read(reader).map(super::Status::Zoned))
.with_message(|reader| Message::read(reader).map(super::Message::Zoned));

/// The devices.
///
/// # Source
/// `drivers/md/dm-zoned-target.c`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Params {
    /// The zoned device, or the regular one that caches for those behind it; at least one.
    pub devices: Vec<Device>,
}

/// How many zones are free.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// All zones.
    pub zones: u32,
    /// Free zones of the cache.
    pub cache: Ratio,
    /// Of each zoned device.
    pub devices: Vec<Zones>,
    /// Fields of newer kernels.
    pub rest: Vec<String>,
}

/// The free zones of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Zones {
    /// Of those for random writes.
    pub random: Ratio,
    /// Of those for sequential writes.
    pub sequential: Ratio,
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
    /// Frees zones now.
    Reclaim,
}

impl Text for Params {
    fn read(reader: &mut Reader<'_>) -> Result<Params, ParamError> {
        let mut devices = alloc::vec![reader.device("device")?];
        while !reader.is_empty() {
            devices.push(reader.device("zoned device")?);
        }
        Ok(Params { devices })
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut devices = self.devices.iter();
        if let Some(first) = devices.next() {
            first.fmt(f)?;
        }
        words(f, devices)
    }
}

impl Text for Status {
    fn read(reader: &mut Reader<'_>) -> Result<Status, ParamError> {
        let zones = reader.number("number of zones")?;
        reader.literal("zones")?;
        let cache = reader.ratio("free zones of the cache")?;
        reader.literal("cache")?;
        let mut devices = Vec::new();
        while reader.peek().is_some_and(|word| word.contains('/')) {
            let random = reader.ratio("free zones for random writes")?;
            reader.literal("random")?;
            let sequential = reader.ratio("free zones for sequential writes")?;
            reader.literal("sequential")?;
            devices.push(Zones { random, sequential });
        }
        Ok(Status {
            zones,
            cache,
            devices,
            rest: reader.rest(),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} zones {} cache", self.zones, self.cache)?;
        words(f, &self.devices)?;
        words(f, &self.rest)
    }
}

impl fmt::Display for Zones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} random {} sequential", self.random, self.sequential)
    }
}

impl Text for Message {
    fn read(reader: &mut Reader<'_>) -> Result<Message, ParamError> {
        let word = reader.word("message")?;
        match word.text.eq_ignore_ascii_case("reclaim") {
            true => Ok(Message::Reclaim),
            false => Err(word.unknown("message", "reclaim")),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reclaim")
    }
}
