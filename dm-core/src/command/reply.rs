//! What replies carry.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroize;

use crate::devid::DevNo;
use crate::flags::DeviceFlags;
use crate::names::{DmName, DmUuid, TargetName};
use crate::table::TableLine;
use crate::version::Version;

use super::Geometry;

/// What a driver answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// To remove, remove_all, setgeometry and probe-paths.
    Done,
    /// To version.
    Version(Version),
    /// To targets, and to target-version: then one.
    Targets(Vec<TargetVersion>),
    /// To list.
    Devices(Vec<DeviceEntry>),
    /// To create, rename, set-uuid, load, clear, suspend, resume and info.
    Device(DeviceInfo),
    /// To deps.
    Deps(DeviceInfo, Vec<Dep>),
    /// To table, status, measure and wait: one line a target.
    Lines(DeviceInfo, Vec<TableLine>),
    /// To message: the target's answer, if it has one.
    Message(DeviceInfo, Option<String>),
    /// To watch: the count of what happened.
    Changes(u32),
}

/// A kind of targets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetVersion {
    /// Its name.
    pub name: TargetName,
    /// Its version.
    pub version: Version,
}

/// A device in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceEntry {
    /// Its name.
    pub name: DmName,
    /// Its number.
    pub number: DevNo,
    /// Its uuid, where the driver tells.
    pub uuid: Option<DmUuid>,
    /// Its event number, where the driver tells.
    pub event: Option<u32>,
}

/// A device that a table stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dep {
    /// Its number.
    pub number: DevNo,
    /// What a table line calls it, where the driver tells.
    pub text: Option<String>,
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// Its name.
    pub name: DmName,
    /// Its uuid.
    pub uuid: Option<DmUuid>,
    /// Its number.
    pub number: DevNo,
    /// Its state.
    pub flags: DeviceFlags,
    /// How many have it open.
    pub open_count: u32,
    /// Its last event.
    pub event: u32,
    /// How many targets the table of the slot asked for has.
    pub target_count: u32,
    /// The geometry that it was given, where the driver tells.
    pub geometry: Option<Geometry>,
}

impl Reply {
    /// Overwrites what may be a key: the parameters of lines, and an answer. For whoever has no more
    /// use for them.
    pub fn wipe(&mut self) {
        match self {
            Reply::Lines(_, lines) => lines.iter_mut().for_each(|line| line.params.zeroize()),
            Reply::Message(_, Some(answer)) => answer.zeroize(),
            _ => {}
        }
    }
}

impl TargetVersion {
    /// A kind of targets.
    pub const fn new(name: TargetName, version: Version) -> TargetVersion {
        TargetVersion { name, version }
    }
}

impl DeviceEntry {
    /// A device in a list, of which no more is known.
    pub const fn new(name: DmName, number: DevNo) -> DeviceEntry {
        DeviceEntry {
            name,
            number,
            uuid: None,
            event: None,
        }
    }
}

impl Dep {
    /// A device that a table stands on.
    pub const fn new(number: DevNo, text: Option<String>) -> Dep {
        Dep { number, text }
    }
}

impl DeviceInfo {
    /// A device of which no more is known.
    pub const fn new(name: DmName, number: DevNo) -> DeviceInfo {
        DeviceInfo {
            name,
            uuid: None,
            number,
            flags: DeviceFlags::empty(),
            open_count: 0,
            event: 0,
            target_count: 0,
            geometry: None,
        }
    }
}
