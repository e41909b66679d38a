//! The methods that ask.

use alloc::vec::Vec;

use crate::backend::Backend;
use crate::command::{
    Command, Dep, DeviceEntry, DeviceInfo, ListFilter, Reply, Slot, TargetVersion,
};
use crate::devid::DevId;
use crate::error::DmError;
use crate::names::TargetName;
use crate::table::TableLine;
use crate::target::FlushMode;
use crate::version::Version;

use super::Dm;
#[cfg(doc)]
use crate::error::ErrorKind;

impl<B: Backend> Dm<B> {
    /// The driver's version.
    ///
    /// # Errors
    /// What the driver answers.
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
    /// println!("interface {}", dm.version()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn version(&self) -> Result<Version, DmError> {
        self.ask(Command::Version, |reply| match reply {
            Reply::Version(version) => Ok(version),
            other => Err(other),
        })
    }

    /// The kinds of targets.
    ///
    /// # Errors
    /// What the driver answers.
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
    /// let targets = dm.targets()?;
    /// assert!(targets.iter().any(|kind| kind.name.as_str() == "linear"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn targets(&self) -> Result<Vec<TargetVersion>, DmError> {
        self.ask(Command::Targets, |reply| match reply {
            Reply::Targets(targets) => Ok(targets),
            other => Err(other),
        })
    }

    /// The version of one kind of targets. The driver may load a module for it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such kind.
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
    /// let zero = dm.target_version(TargetName::new("zero")?)?;
    /// assert_eq!(zero.name.as_str(), "zero");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn target_version(&self, target: TargetName) -> Result<TargetVersion, DmError> {
        self.ask(Command::TargetVersion { target }, |reply| match reply {
            Reply::Targets(found) => match <[TargetVersion; 1]>::try_from(found) {
                Ok([only]) => Ok(only),
                Err(found) => Err(Reply::Targets(found)),
            },
            other => Err(other),
        })
    }

    /// The devices.
    ///
    /// # Errors
    /// What the driver answers.
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
    /// let devices = dm.list()?;
    /// assert_eq!(devices[0].name, vol0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list(&self) -> Result<Vec<DeviceEntry>, DmError> {
        self.list_matching(ListFilter::ALL)
    }

    /// The devices whose name and uuid begin so.
    ///
    /// # Errors
    /// What the driver answers.
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
    /// let volumes = dm.list_matching(ListFilter::default().name("vol"))?;
    /// assert_eq!(volumes.len(), 1);
    /// let lvm = dm.list_matching(ListFilter::default().uuid("LVM-"))?;
    /// assert!(lvm.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn list_matching(&self, filter: ListFilter) -> Result<Vec<DeviceEntry>, DmError> {
        self.ask(Command::List(filter), |reply| match reply {
            Reply::Devices(devices) => Ok(devices),
            other => Err(other),
        })
    }

    /// What a device is.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none.
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
    /// let info = dm.info(vol0, Slot::Active)?;
    /// assert_eq!((info.open_count, info.target_count), (0, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn info(&self, device: impl Into<DevId>, slot: Slot) -> Result<DeviceInfo, DmError> {
        self.ask_device(Command::Info {
            device: device.into(),
            slot,
        })
    }

    /// What a device's table stands on.
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
    /// for dep in dm.deps(vol0, Slot::Inactive)? {
    ///     println!("{}", dep.number);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deps(&self, device: impl Into<DevId>, slot: Slot) -> Result<Vec<Dep>, DmError> {
        self.ask(
            Command::Deps {
                device: device.into(),
                slot,
            },
            |reply| match reply {
                Reply::Deps(_, deps) => Ok(deps),
                other => Err(other),
            },
        )
    }

    /// A device's table.
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
    /// let (_, lines) = dm.table(vol0, Slot::Active)?;
    /// assert_eq!(lines[0].to_string(), "0 8 zero");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn table(
        &self,
        device: impl Into<DevId>,
        slot: Slot,
    ) -> Result<(DeviceInfo, Vec<TableLine>), DmError> {
        self.ask_lines(Command::Table {
            device: device.into(),
            slot,
        })
    }

    /// The status of a device's targets.
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
    /// use dm_core::target::FlushMode;
    ///
    /// let (_, lines) = dm.status(vol0, Slot::Active, FlushMode::NoFlush)?;
    /// assert_eq!(lines.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn status(
        &self,
        device: impl Into<DevId>,
        slot: Slot,
        flush: FlushMode,
    ) -> Result<(DeviceInfo, Vec<TableLine>), DmError> {
        self.ask_lines(Command::Status {
            device: device.into(),
            slot,
            flush,
        })
    }

    /// What an attestation of a device's table measures: a line a target, with names and values in
    /// place of the parameters.
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
    /// let (_, lines) = dm.measure(vol0, Slot::Active)?;
    /// assert_eq!(lines[0].target.as_str(), "zero");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn measure(
        &self,
        device: impl Into<DevId>,
        slot: Slot,
    ) -> Result<(DeviceInfo, Vec<TableLine>), DmError> {
        self.ask_lines(Command::Measure {
            device: device.into(),
            slot,
        })
    }

    /// Waits until a device's event number is another than `event`, then its status.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such device, [`ErrorKind::Interrupted`] if the wait
    /// was given up.
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
    /// use dm_core::target::FlushMode;
    ///
    /// let known = dm.info(vol0.clone(), Slot::Active)?.event;
    /// let vol1 = dm.rename(vol0, DmName::new("vol1")?)?.name;
    /// let (info, _) = dm.wait(vol1, known, FlushMode::Flush)?;
    /// assert_ne!(info.event, known);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wait(
        &self,
        device: impl Into<DevId>,
        event: u32,
        flush: FlushMode,
    ) -> Result<(DeviceInfo, Vec<TableLine>), DmError> {
        self.ask_lines(Command::Wait {
            device: device.into(),
            event,
            flush,
        })
    }
}
