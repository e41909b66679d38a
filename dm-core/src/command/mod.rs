//! The commands of a device-mapper driver and its replies, typed.

mod debug;
mod geometry;
mod reply;
mod request;

use alloc::string::{String, ToString};

use zeroize::Zeroize;

use crate::devid::DevId;
use crate::names::{DmName, DmUuid, TargetName};
use crate::target::FlushMode;
use crate::units::Sector;

pub use self::geometry::{Geometry, GeometryError};
pub use self::reply::{Dep, DeviceEntry, DeviceInfo, Reply, TargetVersion};
pub use self::request::{
    Create, ListFilter, Load, LockFs, RemoveMode, Secrecy, Slot, SuspendOptions,
};

/// What a driver can be asked. Each variant holds just what that command carries.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// The driver's version.
    Version,
    /// The kinds of targets that the driver has now.
    Targets,
    /// The version of one kind of targets, which the driver may bring in for it.
    TargetVersion {
        /// Which kind.
        target: TargetName,
    },
    /// The devices, or some of them.
    List(ListFilter),
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
    /// What a device's table is, as an attestation measures it: one line a target.
    Measure {
        /// Which.
        device: DevId,
        /// Which table.
        slot: Slot,
    },
    /// Waits until a device's event number is another than `event`, then its status.
    Wait {
        /// Which.
        device: DevId,
        /// The number that the caller knows.
        event: u32,
        /// Whether pending data is written out before the status.
        flush: FlushMode,
    },
    /// Waits until the count of what happened to all devices is another than `known`, then that
    /// count. It is never 0. For whoever tells others; [`Events`] is for all else.
    ///
    /// [`Events`]: ../events/struct.Events.html
    Watch {
        /// The count that the caller knows; 0 if it knows none.
        known: u32,
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
    /// Gives a device the geometry that it tells who asks for one. A table of another size takes
    /// it away again.
    SetGeometry {
        /// Which.
        device: DevId,
        /// The geometry.
        geometry: Geometry,
    },
    /// Tries each path of a device whose active table is a `multipath` one.
    ProbePaths {
        /// Which.
        device: DevId,
    },
}

impl Command {
    /// What the command is called in messages.
    pub const fn verb(&self) -> &'static str {
        match self {
            Command::Version => "version",
            Command::Targets => "targets",
            Command::TargetVersion { .. } => "target-version",
            Command::List(_) => "ls",
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
            Command::Measure { .. } => "measure",
            Command::Wait { .. } => "wait",
            Command::Watch { .. } => "watch",
            Command::Message { .. } => "message",
            Command::SetGeometry { .. } => "setgeometry",
            Command::ProbePaths { .. } => "probe-paths",
        }
    }

    /// The device that it is about, for messages.
    pub fn device(&self) -> Option<String> {
        match self {
            Command::Version
            | Command::Targets
            | Command::TargetVersion { .. }
            | Command::List(_)
            | Command::Watch { .. }
            | Command::RemoveAll { .. } => None,
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
            | Command::Measure { device, .. }
            | Command::Wait { device, .. }
            | Command::Message { device, .. }
            | Command::SetGeometry { device, .. }
            | Command::ProbePaths { device } => Some(device.to_string()),
        }
    }

    /// Whether it may change what the driver holds.
    pub const fn changes(&self) -> bool {
        !matches!(
            self,
            Command::Version
                | Command::Targets
                | Command::TargetVersion { .. }
                | Command::List(_)
                | Command::Info { .. }
                | Command::Deps { .. }
                | Command::Table { .. }
                | Command::Status { .. }
                | Command::Measure { .. }
                | Command::Wait { .. }
                | Command::Watch { .. }
                | Command::ProbePaths { .. }
        )
    }

    /// Whether what it carries may be a key: a table, unless that is said to hold none, and a
    /// message.
    pub fn is_secret(&self) -> bool {
        match self {
            Command::Load(load) => load.secrecy == Secrecy::Secret,
            Command::Message { .. } => true,
            _ => false,
        }
    }

    /// Overwrites what may be a key, if it [is secret](Command::is_secret). For whoever obeyed it.
    pub fn wipe(&mut self) {
        match self {
            Command::Load(load) => load.wipe(),
            Command::Message { text, .. } => text.zeroize(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableLine;
    use alloc::vec;

    #[test]
    fn wiped_command_has_no_words_left_unless_it_is_open() {
        let line: TableLine = "0 8 crypt aes-xts-plain64 00112233 0 /dev/sda 0"
            .parse()
            .unwrap();
        let load = Load::new(DmName::new("vol0").unwrap(), vec![line.clone()]);
        let mut secret = Command::Load(load.clone());
        assert!(secret.is_secret());
        secret.wipe();
        let Command::Load(wiped) = secret else {
            panic!("a load stays one");
        };
        assert_eq!(wiped.lines[0].params, "");
        let mut open = Command::Load(load.open());
        open.wipe();
        let Command::Load(kept) = open else {
            panic!("a load stays one");
        };
        assert_eq!(kept.lines, [line]);
    }
}
