//! What commands carry.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroize;

use crate::component::TableMode;
use crate::devid::DevId;
use crate::names::{DmName, DmUuid};
use crate::table::TableLine;
use crate::target::FlushMode;

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
    /// Whether it may hold a key.
    pub secrecy: Secrecy,
}

/// Whether what is handed over may be a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Secrecy {
    /// It may: what was handed over is overwritten after use, and so are the buffers that carry it
    /// to a kernel and the kernel's own.
    #[default]
    Secret,
    /// It is none, and no time is spent on that.
    Open,
}

/// Which devices are listed: those whose name and uuid begin so.
///
/// # Examples
/// ```
/// use dm_core::command::ListFilter;
///
/// let volumes = ListFilter::default().uuid("LVM-");
/// assert!(volumes.takes("vg0-lv0", Some("LVM-1234")));
/// assert!(!volumes.takes("vol0", None));
/// assert!(ListFilter::ALL.takes("vol0", None));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListFilter {
    /// How the name begins.
    pub name: String,
    /// How the uuid begins; a device without one has an empty one.
    pub uuid: String,
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
            secrecy: Secrecy::Secret,
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

    /// Overwrites its parameters, if they are [secret](Secrecy::Secret).
    pub fn wipe(&mut self) {
        if self.secrecy == Secrecy::Secret {
            for line in &mut self.lines {
                line.params.zeroize();
            }
        }
    }

    /// The same table, which holds no key.
    #[must_use]
    pub fn open(self) -> Load {
        Load {
            secrecy: Secrecy::Open,
            ..self
        }
    }
}

impl ListFilter {
    /// All devices.
    pub const ALL: ListFilter = ListFilter {
        name: String::new(),
        uuid: String::new(),
    };

    /// The same, but only those whose name begins so.
    #[must_use]
    pub fn name(self, prefix: impl Into<String>) -> ListFilter {
        ListFilter {
            name: prefix.into(),
            ..self
        }
    }

    /// The same, but only those whose uuid begins so.
    #[must_use]
    pub fn uuid(self, prefix: impl Into<String>) -> ListFilter {
        ListFilter {
            uuid: prefix.into(),
            ..self
        }
    }

    /// Whether a device of that name and uuid is listed.
    pub fn takes(&self, name: &str, uuid: Option<&str>) -> bool {
        name.starts_with(&self.name) && uuid.unwrap_or_default().starts_with(&self.uuid)
    }
}

impl SuspendOptions {
    /// How a device is suspended.
    pub const fn new(flush: FlushMode, lockfs: LockFs) -> SuspendOptions {
        SuspendOptions { flush, lockfs }
    }
}
