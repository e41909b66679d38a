//! The methods that change something.

use alloc::string::String;
use core::ops::ControlFlow;

use crate::backend::Backend;
use crate::command::{
    Command, Create, DeviceInfo, Geometry, Load, RemoveMode, Reply, SuspendOptions,
};
use crate::devid::DevId;
use crate::error::{DmError, ErrorKind};
use crate::names::{DmName, DmUuid};
use crate::units::Sector;

use super::Dm;

impl<B: Backend> Dm<B> {
    /// Makes a device without a table.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] if its name, uuid or number is taken.
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// let info = dm.create(Create::new(vol0).uuid(DmUuid::new("U-1")?).minor(7))?;
    /// assert_eq!(info.number.minor, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(&self, create: Create) -> Result<DeviceInfo, DmError> {
        self.ask_device(Command::Create(create))
    }

    /// Takes a device away.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if it is in use, unless `mode` says otherwise.
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// # dm.create(Create::new(vol0.clone()))?;
    /// dm.remove(vol0, RemoveMode::Deferred)?;
    /// assert!(dm.list()?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&self, device: impl Into<DevId>, mode: RemoveMode) -> Result<(), DmError> {
        self.ask_done(Command::Remove {
            device: device.into(),
            mode,
        })
    }

    /// Takes a device away, and tries again as long as it is in use and `again` says so, with the
    /// count of tries until then. How long to wait in between is up to `again`.
    ///
    /// # Errors
    /// As [`Dm::remove`].
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// # dm.create(Create::new(vol0.clone()))?;
    /// use std::ops::ControlFlow;
    /// use std::time::Duration;
    ///
    /// dm.remove_retrying(vol0, RemoveMode::IfUnused, |tries| {
    ///     std::thread::sleep(Duration::from_millis(200));
    ///     if tries < 25 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove_retrying(
        &self,
        device: impl Into<DevId>,
        mode: RemoveMode,
        mut again: impl FnMut(u32) -> ControlFlow<()>,
    ) -> Result<(), DmError> {
        let device = device.into();
        let mut tries = 0;
        loop {
            let done = self.remove(device.clone(), mode);
            tries += 1;
            match done {
                Err(error) if error.kind == ErrorKind::Busy && again(tries).is_continue() => {}
                done => return done,
            }
        }
    }

    /// Takes all devices away that are not in use.
    ///
    /// # Errors
    /// What the driver answers; a device in use is no error.
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// # dm.create(Create::new(vol0.clone()))?;
    /// dm.remove_all(RemoveMode::IfUnused)?;
    /// assert!(dm.list()?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove_all(&self, mode: RemoveMode) -> Result<(), DmError> {
        self.ask_done(Command::RemoveAll { mode })
    }

    /// Gives a device another name.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] if the name is taken.
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// # dm.create(Create::new(vol0.clone()))?;
    /// let info = dm.rename(vol0, DmName::new("vol1")?)?;
    /// assert_eq!(info.name.as_str(), "vol1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rename(&self, device: impl Into<DevId>, name: DmName) -> Result<DeviceInfo, DmError> {
        self.ask_device(Command::Rename {
            device: device.into(),
            name,
        })
    }

    /// Gives a device its uuid, once.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] if the uuid is taken, [`ErrorKind::Invalid`] if the device has one.
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// # dm.create(Create::new(vol0.clone()))?;
    /// let uuid = DmUuid::new("U-1")?;
    /// dm.set_uuid(vol0, uuid.clone())?;
    /// assert_eq!(dm.info(uuid, Slot::Active)?.name.as_str(), "vol0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_uuid(&self, device: impl Into<DevId>, uuid: DmUuid) -> Result<DeviceInfo, DmError> {
        self.ask_device(Command::SetUuid {
            device: device.into(),
            uuid,
        })
    }

    /// Puts a table into the inactive slot.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTable`] says which line is wrong and why; both slots stay as they were.
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// # dm.create(Create::new(vol0.clone()))?;
    /// let lines = TableLine::parse_table("0 8 zero\n8 8 error")?;
    /// dm.load(Load::new(vol0.clone(), lines).read_only().open())?;
    /// let error = dm.load(Load::new(vol0, vec!["1 8 zero".parse()?])).unwrap_err();
    /// assert_eq!(error.context.line, Some(1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(&self, load: Load) -> Result<DeviceInfo, DmError> {
        self.ask_device(Command::Load(load))
    }

    /// Empties the inactive slot.
    ///
    /// # Errors
    /// What the driver answers; an empty slot is no error.
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// # dm.create(Create::new(vol0.clone()))?;
    /// # dm.load(Load::new(vol0.clone(), TableLine::parse_table("0 8 zero")?))?;
    /// dm.clear(vol0.clone())?;
    /// assert_eq!(dm.info(vol0, Slot::Inactive)?.target_count, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clear(&self, device: impl Into<DevId>) -> Result<DeviceInfo, DmError> {
        self.ask_device(Command::Clear {
            device: device.into(),
        })
    }

    /// Holds new io and waits for what is under way.
    ///
    /// # Errors
    /// What the driver answers; a suspended device is no error.
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// # dm.create(Create::new(vol0.clone()))?;
    /// # dm.load(Load::new(vol0.clone(), TableLine::parse_table("0 8 zero")?))?;
    /// # dm.resume(vol0.clone(), SuspendOptions::default())?;
    /// use dm_core::flags::DeviceFlags;
    /// use dm_core::target::FlushMode;
    ///
    /// let quick = SuspendOptions::new(FlushMode::NoFlush, LockFs::Skip);
    /// let info = dm.suspend(vol0, quick)?;
    /// assert!(info.flags.contains(DeviceFlags::SUSPENDED));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn suspend(
        &self,
        device: impl Into<DevId>,
        options: SuspendOptions,
    ) -> Result<DeviceInfo, DmError> {
        self.ask_device(Command::Suspend {
            device: device.into(),
            options,
        })
    }

    /// Makes the inactive table, if there is one, the active one, and lets io go on.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a suspended device without any table.
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// # dm.create(Create::new(vol0.clone()))?;
    /// # dm.load(Load::new(vol0.clone(), TableLine::parse_table("0 8 zero")?))?;
    /// use dm_core::flags::DeviceFlags;
    ///
    /// let info = dm.resume(vol0, SuspendOptions::default())?;
    /// assert!(info.flags.contains(DeviceFlags::ACTIVE_PRESENT));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resume(
        &self,
        device: impl Into<DevId>,
        options: SuspendOptions,
    ) -> Result<DeviceInfo, DmError> {
        self.ask_device(Command::Resume {
            device: device.into(),
            options,
        })
    }

    /// Tells the target that maps `sector` something.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the target refuses it.
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// # dm.create(Create::new(vol0.clone()))?;
    /// # dm.load(Load::new(vol0.clone(), TableLine::parse_table("0 8 zero")?))?;
    /// # dm.resume(vol0.clone(), SuspendOptions::default())?;
    /// use dm_core::units::Sector;
    ///
    /// let answer = dm.message(vol0, Sector::ZERO, "@cancel_deferred_remove")?;
    /// assert_eq!(answer, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn message(
        &self,
        device: impl Into<DevId>,
        sector: Sector,
        text: impl Into<String>,
    ) -> Result<Option<String>, DmError> {
        let command = Command::Message {
            device: device.into(),
            sector,
            text: text.into(),
        };
        self.ask(command, |reply| match reply {
            Reply::Message(_, answer) => Ok(answer),
            other => Err(other),
        })
    }

    /// Gives a device the geometry that it tells who asks for one.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such device.
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// # dm.create(Create::new(vol0.clone()))?;
    /// # dm.load(Load::new(vol0.clone(), TableLine::parse_table("0 8 zero")?))?;
    /// # dm.resume(vol0.clone(), SuspendOptions::default())?;
    /// use dm_core::units::Sector;
    ///
    /// dm.set_geometry(vol0, Geometry::new(1, 2, 4, Sector(0))?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_geometry(
        &self,
        device: impl Into<DevId>,
        geometry: Geometry,
    ) -> Result<(), DmError> {
        self.ask_done(Command::SetGeometry {
            device: device.into(),
            geometry,
        })
    }

    /// Tries each path of a `multipath` device, and takes those into use again that answer.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if its active table is no `multipath` one, or the driver is too
    /// old; [`ErrorKind::Io`] if no path answers.
    ///
    /// # Examples
    /// ```
    /// # use dm_core::client::Dm;
    /// # use dm_core::command::*;
    /// # use dm_core::engine::Engine;
    /// # use dm_core::names::*;
    /// # use dm_core::table::TableLine;
    /// # let dm = Dm::new(Engine::new());
    /// # let vol0 = DmName::new("vol0")?;
    /// # dm.create(Create::new(vol0.clone()))?;
    /// # dm.load(Load::new(vol0.clone(), TableLine::parse_table("0 8 zero")?))?;
    /// # dm.resume(vol0.clone(), SuspendOptions::default())?;
    /// use dm_core::error::ErrorKind;
    ///
    /// let error = dm.probe_paths(vol0).unwrap_err();
    /// assert_eq!(error.kind, ErrorKind::Unsupported);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn probe_paths(&self, device: impl Into<DevId>) -> Result<(), DmError> {
        self.ask_done(Command::ProbePaths {
            device: device.into(),
        })
    }
}
