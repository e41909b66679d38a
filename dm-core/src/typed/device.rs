//! Devices as table lines name them.

use alloc::string::String;
use core::fmt;

use crate::table::EscapedWord;
use crate::units::Sector;

/// A device: a path, `major:minor`, or whatever else a driver opens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct Device(pub String);

/// A device and the first sector that is used there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DeviceAt {
    /// The device.
    pub device: Device,
    /// The first sector.
    pub start: Sector,
}

impl Device {
    /// The device that `name` names.
    pub fn new(name: impl Into<String>) -> Device {
        Device(name.into())
    }

    /// From `start` on.
    pub fn at(self, start: u64) -> DeviceAt {
        DeviceAt {
            device: self,
            start: Sector(start),
        }
    }
}

/// Escaped, so that it is one word.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        EscapedWord(&self.0).fmt(f)
    }
}

/// As table lines have it: `DEV START`.
impl fmt::Display for DeviceAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.device, self.start)
    }
}
