//! The commands of a device-mapper driver and its replies, typed.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::component::TableMode;
use crate::devid::{DevId, DevNo};
use crate::flags::DeviceFlags;
use crate::names::{DmName, DmUuid, TargetName};
use crate::table::TableLine;
use crate::target::FlushMode;
use crate::units::Sector;
use crate::version::Version;

/// What a driver can be asked. Each variant holds just what that command carries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// The driver's version.
    Version,
    /// The kinds of targets.
    Targets,
    /// The devices.
    List,
    /// Makes a device without a table.
    Create(Create),
    /// Takes a device away.
    Remove {
        /// Which.
        device: DevId,
        /// What if it is in use.
        mode: RemoveMode,
    },
    /// Takes all devices away that are not in use.
    RemoveAll {
        /// What about those in use.
        mode: RemoveMode,
    },
    /// Gives a device another name.
    Rename {
        /// Which.
        device: DevId,
        /// The other name.
        name: DmName,
    },
    /// Gives a device its uuid, once.
    SetUuid {
        /// Which.
        device: DevId,
        /// The uuid.
        uuid: DmUuid,
    },
    /// Puts a table into the inactive slot.
    Load(Load),
    /// Empties the inactive slot.
    Clear {
        /// Which device's.
        device: DevId,
    },
    /// Holds new io and waits for what is under way.
    Suspend {
        /// Which device's.
        device: DevId,
        /// How.
        options: SuspendOptions,
    },
    /// Makes the inactive table, if there is one, the active one, and lets io go on.
    Resume {
        /// Which device's.
        device: DevId,
        /// How the suspend that a swap needs is done.
        options: SuspendOptions,
    },
    /// What a device is.
    Info {
        /// Which.
        device: DevId,
        /// Whose targets are counted.
        slot: Slot,
    },
    /// What a device's table stands on.
    Deps {
        /// Which.
        device: DevId,
        /// Which table.
        slot: Slot,
    },
    /// A device's table.
    Table {
        /// Which.
        device: DevId,
        /// Which table.
        slot: Slot,
    },
    /// The status of a device's targets.
    Status {
        /// Which.
        device: DevId,
        /// Which table.
        slot: Slot,
        /// Whether pending data is written out first.
        flush: FlushMode,
    },
    /// Waits until a device's event number is another than `event`, then its status.
    Wait {
        /// Which.
        device: DevId,
        /// The number that the caller knows.
        event: u32,
    },
    /// Tells a target something.
    Message {
        /// Which device.
        device: DevId,
        /// A sector that the target maps.
        sector: Sector,
        /// What: words as in a table line.
        text: String,
    },
}

/// A device to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Create {
    /// Its name.
    pub name: DmName,
    /// Its uuid.
    pub uuid: Option<DmUuid>,
    /// Its minor number; else the driver chooses.
    pub minor: Option<u32>,
}

/// A table to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// Into which device.
    pub device: DevId,
    /// The table.
    pub lines: Vec<TableLine>,
    /// What it may do to its devices.
    pub mode: TableMode,
}

/// What becomes of a device in use that is to be removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoveMode {
    /// It stays, and the command fails.
    #[default]
    IfUnused,
    /// It goes when its last user closes it.
    Deferred,
    /// It goes at once; its users' requests fail from then on.
    Forced,
}

/// How a device is suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SuspendOptions {
    /// Whether targets write out what is pending, or hand back what they hold.
    pub flush: FlushMode,
    /// Whether a filesystem on the device is frozen first, where the driver can.
    pub lockfs: LockFs,
}

/// Whether a filesystem on a device is frozen before a suspend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LockFs {
    /// It is.
    #[default]
    Freeze,
    /// It is not.
    Skip,
}

/// Which of a device's tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The one that maps its io.
    #[default]
    Active,
    /// The one that the next resume makes active.
    Inactive,
}

/// What a driver answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// To remove and remove_all.
    Done,
    /// To version.
    Version(Version),
    /// To targets.
    Targets(Vec<TargetVersion>),
    /// To list.
    Devices(Vec<DeviceEntry>),
    /// To create, rename, set-uuid, load, clear, suspend, resume and info.
    Device(DeviceInfo),
    /// To deps.
    Deps(DeviceInfo, Vec<Dep>),
    /// To table, status and wait: one line a target.
    Lines(DeviceInfo, Vec<TableLine>),
    /// To message: the target's answer, if it has one.
    Message(DeviceInfo, Option<String>),
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
}

impl Command {
    /// What the command is called in messages.
    pub const fn verb(&self) -> &'static str {
        match self {
            Command::Version => "version",
            Command::Targets => "targets",
            Command::List => "ls",
            Command::Create(_) => "create",
            Command::Remove { .. } => "remove",
            Command::RemoveAll { .. } => "remove_all",
            Command::Rename { .. } => "rename",
            Command::SetUuid { .. } => "setuuid",
            Command::Load(_) => "load",
            Command::Clear { .. } => "clear",
            Command::Suspend { .. } => "suspend",
            Command::Resume { .. } => "resume",
            Command::Info { .. } => "info",
            Command::Deps { .. } => "deps",
            Command::Table { .. } => "table",
            Command::Status { .. } => "status",
            Command::Wait { .. } => "wait",
            Command::Message { .. } => "message",
        }
    }

    /// The device that it is about, for messages.
    pub fn device(&self) -> Option<String> {
        match self {
            Command::Version | Command::Targets | Command::List | Command::RemoveAll { .. } => None,
            Command::Create(create) => Some(create.name.to_string()),
            Command::Load(Load { device, .. })
            | Command::Remove { device, .. }
            | Command::Rename { device, .. }
            | Command::SetUuid { device, .. }
            | Command::Clear { device }
            | Command::Suspend { device, .. }
            | Command::Resume { device, .. }
            | Command::Info { device, .. }
            | Command::Deps { device, .. }
            | Command::Table { device, .. }
            | Command::Status { device, .. }
            | Command::Wait { device, .. }
            | Command::Message { device, .. } => Some(device.to_string()),
        }
    }

    /// Whether it may change what the driver holds.
    pub const fn changes(&self) -> bool {
        !matches!(
            self,
            Command::Version
                | Command::Targets
                | Command::List
                | Command::Info { .. }
                | Command::Deps { .. }
                | Command::Table { .. }
                | Command::Status { .. }
                | Command::Wait { .. }
        )
    }
}

impl Create {
    /// A device of that name, without a uuid, with any minor.
    pub fn new(name: DmName) -> Create {
        Create {
            name,
            uuid: None,
            minor: None,
        }
    }

    /// The same with a uuid.
    #[must_use]
    pub fn uuid(self, uuid: DmUuid) -> Create {
        Create {
            uuid: Some(uuid),
            ..self
        }
    }

    /// The same with a minor number.
    #[must_use]
    pub fn minor(self, minor: u32) -> Create {
        Create {
            minor: Some(minor),
            ..self
        }
    }
}

impl Load {
    /// A table that reads and writes.
    pub fn new(device: impl Into<DevId>, lines: Vec<TableLine>) -> Load {
        Load {
            device: device.into(),
            lines,
            mode: TableMode::ReadWrite,
        }
    }

    /// The same table, read-only.
    #[must_use]
    pub fn read_only(self) -> Load {
        Load {
            mode: TableMode::ReadOnly,
            ..self
        }
    }
}

impl SuspendOptions {
    /// How a device is suspended.
    pub const fn new(flush: FlushMode, lockfs: LockFs) -> SuspendOptions {
        SuspendOptions { flush, lockfs }
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
        }
    }
}
