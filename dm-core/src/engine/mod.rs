//! The engine: a device-mapper driver in userspace.

mod commands;
mod device;
mod event;
mod gate;
mod io;
mod lane;
mod opener;
mod quick;
mod registry;
mod section;
mod stack;
mod stats;
mod sync;
mod watch;
mod way;

use std::sync::Arc;

use crate::backend::{Backend, Capabilities, Features};
use crate::blockdev::nbd::Secure;
use crate::blockdev::{BlockDev, Caching, DevInfo};
use crate::command::{Command, Reply};
use crate::component::{OpenError, TableMode};
use crate::devid::{DevId, DevNo};
use crate::disklabel::DiskInfo;
use crate::error::{DmError, ErrorKind};
use crate::events::Watch;
use crate::names::DmName;
use crate::target::{TARGETS, TargetKind};
use crate::version::Version;

use self::registry::Inner;

pub use self::device::OpenDevice;
pub use self::event::Cancel;

/// The interface version that the engine answers: the newest kernel interface whose commands it
/// has.
pub const VERSION: Version = Version(4, 48, 0);

/// A device-mapper driver in userspace, with the Linux driver's semantics: devices with two table
/// slots, io through files, block devices and each other, live table swaps.
///
/// Handles are cheap to clone and share the devices. The devices go with the last handle.
///
/// # Examples
/// ```
/// use dm_core::blockdev::Blocking;
/// use dm_core::client::Dm;
/// use dm_core::command::{Create, Load, SuspendOptions};
/// use dm_core::component::TableMode;
/// use dm_core::engine::Engine;
/// use dm_core::names::DmName;
/// use dm_core::table::TableLine;
/// use dm_core::units::Sector;
///
/// let engine = Engine::new();
/// let dm = Dm::new(engine.clone());
/// let name = DmName::new("vol0")?;
/// dm.create(Create::new(name.clone()))?;
/// dm.load(Load::new(name.clone(), TableLine::parse_table("0 8 zero\n8 8 error")?))?;
/// dm.resume(name.clone(), SuspendOptions::default())?;
///
/// let device = engine.open(&name.into(), TableMode::ReadWrite)?;
/// let mut sector = [1; 512];
/// device.read_at(Sector(0), &mut sector)?;
/// assert_eq!(sector, [0; 512]);
/// assert!(device.read_at(Sector(8), &mut sector).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl Engine {
    /// An engine without devices.
    pub fn new() -> Engine {
        Engine::with_targets(&[])
    }

    /// An engine that knows `more` kinds of targets besides [`TARGETS`].
    pub fn with_targets(more: &[TargetKind]) -> Engine {
        Engine {
            inner: Inner::new(TARGETS.iter().chain(more).copied().collect()),
        }
    }

    /// Says how the tables that are loaded from now on have their files and block devices.
    pub fn set_caching(&self, caching: Caching) {
        self.inner.files.set_caching(caching);
    }

    /// Says what makes connections to NBD servers under TLS, for tables that are loaded from now on.
    pub fn set_secure(&self, secure: Arc<dyn Secure>) {
        self.inner.files.set_secure(secure);
    }

    /// Obeys one command; `cancel` can give it up while it waits.
    ///
    /// # Errors
    /// [`DmError`], with the command and the device in its context.
    pub fn call_with(&self, command: Command, cancel: &Cancel) -> Result<Reply, DmError> {
        let (verb, device) = (command.verb(), command.device());
        commands::obey(&self.inner, command, cancel).map_err(|error| error.about(verb, device))
    }

    /// Opens a device for io. It counts as a user until it is dropped.
    ///
    /// # Errors
    /// [`NotFound`](crate::error::ErrorKind::NotFound) if there is none, [`Invalid`](crate::error::ErrorKind::Invalid) if it never had a table,
    /// [`Permission`](crate::error::ErrorKind::Permission) if it is to be written and is read-only.
    pub fn open(&self, id: &DevId, mode: TableMode) -> Result<OpenDevice, DmError> {
        self.inner
            .find(id)
            .and_then(|core| device::open_core(&core, mode))
            .map_err(|error| error.about("open", Some(id.to_string())))
    }

    /// What NetBSD's driver says of such a device as a disk.
    ///
    /// # Errors
    /// [`NotFound`](crate::error::ErrorKind::NotFound) if there is none,
    /// [`Unsupported`](crate::error::ErrorKind::Unsupported) before its first table is active.
    pub fn disk_info(&self, id: &DevId) -> Result<DiskInfo, DmError> {
        let core = self.inner.find(id);
        let table = core.map(|core| core.lane.table());
        let info = table.and_then(|table| match table {
            Some(table) => Ok(DiskInfo::of(table.size())),
            None => Err(DmError::because(
                ErrorKind::Unsupported,
                "the device has no active table",
            )),
        });
        info.map_err(|error| error.about("diskinfo", Some(id.to_string())))
    }

    /// Lets `word` name `dev` in table lines, before any file of that name: a device in memory,
    /// one that records or fails, or a driver of one's own.
    pub fn attach(&self, word: &str, dev: Arc<dyn BlockDev>) -> DevNo {
        self.inner.files.attach(word, dev)
    }

    /// What the device that `word` names in a table line is: its number and its shape.
    ///
    /// # Errors
    /// [`OpenError`] if a table line could not stand on it.
    pub fn probe(&self, word: &str) -> Result<(DevNo, DevInfo), OpenError> {
        opener::probe(&self.inner, word)
    }

    /// The names of the devices that have an active table, sorted.
    pub fn active_names(&self) -> Vec<DmName> {
        let active = self
            .inner
            .all()
            .into_iter()
            .filter(|core| core.lane.table().is_some());
        active.map(|core| core.name()).collect()
    }
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::new()
    }
}

impl Backend for Engine {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("engine", Features::all() - Features::PROBE_PATHS)
    }

    fn call(&self, command: Command) -> Result<Reply, DmError> {
        self.call_with(command, &Cancel::new())
    }

    fn watch(&self) -> Result<Box<dyn Watch>, DmError> {
        self.inner.watchers.watch()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Engine").field(&self.active_names()).finish()
    }
}
