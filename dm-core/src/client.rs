//! A driver's commands as methods.

use alloc::string::String;
use alloc::vec::Vec;

use crate::backend::{Backend, Capabilities};
use crate::command::{
    Command, Create, Dep, DeviceEntry, DeviceInfo, Load, RemoveMode, Reply, Slot, SuspendOptions,
    TargetVersion,
};
use crate::devid::DevId;
use crate::error::{DmError, ErrorKind};
use crate::names::{DmName, DmUuid};
use crate::table::TableLine;
use crate::target::FlushMode;
use crate::units::Sector;
use crate::version::Version;

/// A driver's commands, one method each.
#[derive(Clone, Debug)]
pub struct Dm<B> {
    backend: B,
}

/// The driver answered another command than the one it was asked.
fn mismatch(_: Reply) -> DmError {
    DmError::because(
        ErrorKind::Protocol,
        "the driver's reply belongs to another command",
    )
}

impl<B: Backend> Dm<B> {
    /// The commands of `backend`.
    pub const fn new(backend: B) -> Dm<B> {
        Dm { backend }
    }

    /// The driver.
    pub const fn backend(&self) -> &B {
        &self.backend
    }

    /// What the driver can do.
    pub fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    /// Asks for any command, and gets what `pick` takes from its reply.
    fn ask<T>(
        &self,
        command: Command,
        pick: impl FnOnce(Reply) -> Result<T, Reply>,
    ) -> Result<T, DmError> {
        let (verb, device) = (command.verb(), command.device());
        self.backend
            .call(command)
            .and_then(|reply| pick(reply).map_err(mismatch))
            .map_err(|error| error.about(verb, device))
    }

    fn ask_device(&self, command: Command) -> Result<DeviceInfo, DmError> {
        self.ask(command, |reply| match reply {
            Reply::Device(info) => Ok(info),
            other => Err(other),
        })
    }

    fn ask_done(&self, command: Command) -> Result<(), DmError> {
        self.ask(command, |reply| match reply {
            Reply::Done => Ok(()),
            other => Err(other),
        })
    }

    fn ask_lines(&self, command: Command) -> Result<(DeviceInfo, Vec<TableLine>), DmError> {
        self.ask(command, |reply| match reply {
            Reply::Lines(info, lines) => Ok((info, lines)),
            other => Err(other),
        })
    }

    /// The driver's version.
    ///
    /// # Errors
    /// What the driver answers.
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
    pub fn targets(&self) -> Result<Vec<TargetVersion>, DmError> {
        self.ask(Command::Targets, |reply| match reply {
            Reply::Targets(targets) => Ok(targets),
            other => Err(other),
        })
    }

    /// The devices.
    ///
    /// # Errors
    /// What the driver answers.
    pub fn list(&self) -> Result<Vec<DeviceEntry>, DmError> {
        self.ask(Command::List, |reply| match reply {
            Reply::Devices(devices) => Ok(devices),
            other => Err(other),
        })
    }

    /// Makes a device without a table.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] if its name, uuid or number is taken.
    pub fn create(&self, create: Create) -> Result<DeviceInfo, DmError> {
        self.ask_device(Command::Create(create))
    }

    /// Takes a device away.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if it is in use, unless `mode` says otherwise.
    pub fn remove(&self, device: impl Into<DevId>, mode: RemoveMode) -> Result<(), DmError> {
        self.ask_done(Command::Remove {
            device: device.into(),
            mode,
        })
    }

    /// Takes all devices away that are not in use.
    ///
    /// # Errors
    /// What the driver answers; a device in use is no error.
    pub fn remove_all(&self, mode: RemoveMode) -> Result<(), DmError> {
        self.ask_done(Command::RemoveAll { mode })
    }

    /// Gives a device another name.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] if the name is taken.
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
    pub fn load(&self, load: Load) -> Result<DeviceInfo, DmError> {
        self.ask_device(Command::Load(load))
    }

    /// Empties the inactive slot.
    ///
    /// # Errors
    /// What the driver answers; an empty slot is no error.
    pub fn clear(&self, device: impl Into<DevId>) -> Result<DeviceInfo, DmError> {
        self.ask_device(Command::Clear {
            device: device.into(),
        })
    }

    /// Holds new io and waits for what is under way.
    ///
    /// # Errors
    /// What the driver answers; a suspended device is no error.
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

    /// What a device is.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none.
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

    /// Waits until a device's event number is another than `event`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such device, [`ErrorKind::Interrupted`] if the wait
    /// was given up.
    pub fn wait(
        &self,
        device: impl Into<DevId>,
        event: u32,
    ) -> Result<(DeviceInfo, Vec<TableLine>), DmError> {
        self.ask_lines(Command::Wait {
            device: device.into(),
            event,
        })
    }

    /// Tells the target that maps `sector` something.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the target refuses it.
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
}
