//! Commands that take more than one request: what must be asked before, and what the reply does not tell.

use dm_core::command::{Command, Create, DeviceInfo, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::component::OpenError;
use dm_core::devid::{DevId, DevNo};
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::flags::DeviceFlags;
use dm_core::names::DmName;
use dm_core::table::{Reason, TableError};
use dm_proto::netbsd::client::{self, Outcome};

use crate::backend::NetBsd;
use crate::outcome::{Request, wrong};
use crate::stack::paths;
use crate::sys::Sys;

impl<S: Sys> NetBsd<S> {
    /// The driver answers a name that is taken as it answers who may not make devices.
    pub(crate) fn create(&self, create: &Create) -> Result<DeviceInfo, DmError> {
        let command = Command::Create(create.clone());
        let (outcome, reply) = Request::new(&command)?.send(&self.sys)?;
        match outcome {
            Outcome::Obeyed => {
                let number = DevNo {
                    major: self.majors()?.block,
                    minor: client::minor(&reply).map_err(wrong)?,
                };
                let mut info = DeviceInfo::new(create.name.clone(), number);
                info.uuid = create.uuid.clone();
                Ok(info)
            }
            Outcome::TakenOrDenied => Err(self.taken(create)?.unwrap_or_else(denied)),
            other => Err(failure(other)),
        }
    }

    /// Whose name or uuid a new device would have had.
    fn taken(&self, create: &Create) -> Result<Option<DmError>, DmError> {
        let name = DevId::Name(create.name.clone());
        if self.exists(&name)? {
            let reason = format!("a device named {} exists", create.name);
            return Ok(Some(DmError::because(ErrorKind::Exists, reason)));
        }
        Ok(match &create.uuid {
            Some(uuid) if self.exists(&DevId::Uuid(uuid.clone()))? => {
                let reason = format!("a device with the uuid {uuid} exists");
                Some(DmError::because(ErrorKind::Exists, reason))
            }
            _ => None,
        })
    }

    fn exists(&self, device: &DevId) -> Result<bool, DmError> {
        let (device, slot) = (device.clone(), Slot::Active);
        let info = Request::new(&Command::Info { device, slot })?;
        match info.send(&self.sys)?.0 {
            Outcome::Obeyed => Ok(true),
            Outcome::NoDevice => Ok(false),
            other => Err(failure(other)),
        }
    }

    /// Lines that a load which failed left in the slot would stay behind the new ones (quirk 3), so that it is emptied
    /// before, and after a failure. What the slot held is lost then, as with the driver's own reload.
    pub(crate) fn load(&self, load: &Load) -> Result<DeviceInfo, DmError> {
        // Nothing is done for a table that is wrong.
        let request = Request::new(&Command::Load(load.clone()))?;
        let before = self.info(&load.device)?;
        self.check_stack(&before, &load.lines)?;
        let clear = Command::Clear {
            device: load.device.clone(),
        };
        if before.flags.contains(DeviceFlags::INACTIVE_PRESENT) {
            self.obeyed(&clear)?;
        }
        match request.send(&self.sys)?.0 {
            Outcome::Obeyed => self.info(&load.device),
            outcome @ (Outcome::BadTable | Outcome::BadTableOrDenied) => {
                self.obeyed(&clear)?;
                Err(self.bad_table(load)?.unwrap_or_else(|| failure(outcome)))
            }
            other => Err(failure(other)),
        }
    }

    /// Which line the driver refused, as far as that can be found out.
    fn bad_table(&self, load: &Load) -> Result<Option<DmError>, DmError> {
        let known = client::targets(&self.obeyed(&Command::Targets)?).map_err(wrong)?;
        for (at, line) in load.lines.iter().enumerate() {
            let wrong = |error| Ok(Some(TableError::at(at + 1, line, error).into()));
            if known.iter().all(|kind| kind.name != line.target) {
                return wrong(Reason::UnknownTarget.into());
            }
            for path in paths(line) {
                if self.sys.block_device(path.text.as_ref().as_ref()).is_none() {
                    let error = OpenError::new(Errno::ENOENT, "there is no such block device");
                    return wrong(path.error(Reason::Open(error)));
                }
            }
        }
        Ok(None)
    }

    /// A resume always switches slots, so that one without an inactive table drops the live one (quirk 1).
    pub(crate) fn resume(
        &self,
        device: &DevId,
        options: SuspendOptions,
    ) -> Result<DeviceInfo, DmError> {
        let before = self.info(device)?;
        let has = |flag| before.flags.contains(flag);
        match has(DeviceFlags::INACTIVE_PRESENT) {
            true => {
                let device = device.clone();
                self.obeyed(&Command::Resume { device, options })?;
            }
            false if !has(DeviceFlags::ACTIVE_PRESENT) => {
                return Err(DmError::because(
                    ErrorKind::Invalid,
                    "the device has no table",
                ));
            }
            false if has(DeviceFlags::SUSPENDED) => {
                let reason = "no table is loaded, and this driver's resume would drop the live one: \
                    load it once more, then resume";
                return Err(DmError::because(ErrorKind::Invalid, reason));
            }
            // It is at work.
            false => {}
        }
        let info = self.info(device)?;
        let majors = self.majors()?;
        self.on_nodes(|nodes| nodes.make(&info.name, info.number.minor, majors));
        Ok(info)
    }

    /// The reply is the request, whether the slot was emptied or this user may not.
    pub(crate) fn clear(&self, device: &DevId) -> Result<DeviceInfo, DmError> {
        self.check(device)?;
        self.obeyed(&Command::Clear {
            device: device.clone(),
        })?;
        let after = self.info(device)?;
        match after.flags.contains(DeviceFlags::INACTIVE_PRESENT) {
            true => Err(denied()),
            false => Ok(after),
        }
    }

    /// A device that gets the name of another vanishes (quirk 2).
    pub(crate) fn rename(&self, device: &DevId, name: &DmName) -> Result<DeviceInfo, DmError> {
        let before = self.info(device)?;
        if before.name == *name {
            return Ok(before);
        }
        if self.list()?.iter().any(|entry| entry.name == *name) {
            let reason = format!("a device named {name} exists");
            return Err(DmError::because(ErrorKind::Exists, reason));
        }
        let device = match device {
            DevId::Name(_) => device.clone(),
            // A uuid would be looked for among the names.
            _ => DevId::Number(before.number),
        };
        self.obeyed(&Command::Rename {
            device,
            name: name.clone(),
        })?;
        self.on_nodes(|nodes| nodes.rename(&before.name, name));
        self.info(&DevId::Name(name.clone()))
    }

    /// The driver removes a device in use (quirk 4), and its reply is the request, whatever it did.
    pub(crate) fn remove(&self, device: &DevId, mode: RemoveMode) -> Result<(), DmError> {
        let command = Command::Remove {
            device: device.clone(),
            mode,
        };
        let request = Request::new(&command)?;
        let before = self.info(device)?;
        if mode == RemoveMode::IfUnused {
            self.check_unused(&before)?;
        }
        let (outcome, _) = request.send(&self.sys)?;
        if let Some(error) = outcome.failure() {
            return Err(error);
        }
        // By its number, which no other device ever has.
        match self.exists(&DevId::Number(before.number))? {
            false => {
                self.on_nodes(|nodes| nodes.remove(&before.name));
                Ok(())
            }
            true if self.sys.privileged() => {
                let reason = "the driver kept the device, which is in use";
                Err(DmError::because(ErrorKind::Busy, reason))
            }
            true => Err(denied()),
        }
    }
}

fn denied() -> DmError {
    failure(Outcome::Denied)
}

/// The error of an outcome that is one, or that has no place here.
fn failure(outcome: Outcome) -> DmError {
    let unexpected = || DmError::because(ErrorKind::Protocol, "the reply tells nothing");
    outcome.failure().unwrap_or_else(unexpected)
}
