//! NetBSD's device mapper as a backend.

use std::sync::OnceLock;

use dm_core::backend::{Backend, Capabilities, Features};
use dm_core::command::{Command, DeviceEntry, DeviceInfo, ListFilter, Reply, Slot};
use dm_core::devid::{DevId, DevNo};
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::{DmName, DmUuid};
use dm_core::table::TableLine;
use dm_core::version::Version;
use dm_proto::netbsd::client;

use crate::control::{Control, Majors};
use crate::nodes::{NodeError, Nodes};
use crate::outcome::{obeyed, wrong};
use crate::sys::Sys;

/// The driver of the running kernel.
///
/// Threads may share it. What one asks before it changes something, another process may change in between: the driver has
/// no lock that would hold it.
///
/// A node in `/dev/mapper` that can not be made or removed is a warning in the log, since the command itself was obeyed.
#[derive(Debug)]
pub struct NetBsd<S = Control> {
    pub(crate) sys: S,
    pub(crate) nodes: Nodes,
    majors: OnceLock<Majors>,
}

impl NetBsd {
    /// Opens the control node, and makes it if it is missing and this user is root.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] on other systems, and if the kernel has no driver; [`ErrorKind::Permission`] if this
    /// user may not use it.
    pub fn open() -> Result<NetBsd, DmError> {
        let netbsd = NetBsd::new(Control::new(), Nodes::default());
        netbsd.sys.ready()?;
        Ok(netbsd)
    }
}

impl<S: Sys> NetBsd<S> {
    /// The driver behind `sys`, which is not asked anything yet.
    pub const fn new(sys: S, nodes: Nodes) -> NetBsd<S> {
        NetBsd {
            sys,
            nodes,
            majors: OnceLock::new(),
        }
    }

    /// Who answers.
    pub const fn sys(&self) -> &S {
        &self.sys
    }

    /// The version of the driver's interface.
    ///
    /// # Errors
    /// As [`NetBsd::open`]; [`ErrorKind::Protocol`] if it is not version 4.
    pub fn version(&self) -> Result<Version, DmError> {
        client::version(&self.obeyed(&Command::Version)?).map_err(wrong)
    }

    pub(crate) fn obeyed(
        &self,
        command: &Command,
    ) -> Result<dm_proto::proplib::Dictionary, DmError> {
        obeyed(&self.sys, command)
    }

    pub(crate) fn majors(&self) -> Result<Majors, DmError> {
        match self.majors.get() {
            Some(majors) => Ok(*majors),
            None => {
                let majors = self.sys.majors()?;
                Ok(*self.majors.get_or_init(|| majors))
            }
        }
    }

    fn obey(&self, command: &Command) -> Result<Reply, DmError> {
        if let Command::Load(load) = command {
            return self.load(load).map(Reply::Device);
        }
        Ok(match command {
            Command::Version => Reply::Version(self.version()?),
            Command::Targets => {
                Reply::Targets(client::targets(&self.obeyed(command)?).map_err(wrong)?)
            }
            Command::List(filter) => Reply::Devices(self.filtered(filter)?),
            Command::Create(create) => Reply::Device(self.create(create)?),
            Command::Remove { device, mode } => {
                self.remove(device, *mode)?;
                Reply::Done
            }
            Command::Rename { device, name } => Reply::Device(self.rename(device, name)?),
            Command::Clear { device } => Reply::Device(self.clear(device)?),
            Command::Suspend { device, .. } => {
                self.check(device)?;
                self.obeyed(command)?;
                Reply::Device(self.info(device)?)
            }
            Command::Resume { device, options } => Reply::Device(self.resume(device, *options)?),
            Command::Info { device, slot } => Reply::Device(self.info_of(device, *slot)?),
            Command::Deps { device, slot } => {
                let info = self.info_of(device, *slot)?;
                let deps = client::deps(&self.obeyed(command)?).map_err(wrong)?;
                Reply::Deps(info, deps)
            }
            Command::Table { device, .. } | Command::Status { device, .. } => {
                let mut info = self.info(device)?;
                let lines = client::lines(&self.obeyed(command)?).map_err(wrong)?;
                info.target_count = count(&lines);
                Reply::Lines(info, lines)
            }
            // What the driver has no word for is refused.
            other => {
                self.obeyed(other)?;
                return Err(DmError::new(ErrorKind::Unsupported));
            }
        })
    }

    pub(crate) fn list(&self) -> Result<Vec<DeviceEntry>, DmError> {
        let reply = self.obeyed(&Command::List(ListFilter::ALL))?;
        client::devices(&reply, self.majors()?.block).map_err(wrong)
    }

    /// The driver lists all devices, without their uuids.
    fn filtered(&self, filter: &ListFilter) -> Result<Vec<DeviceEntry>, DmError> {
        let mut found = Vec::new();
        for mut entry in self.list()? {
            if !entry.name.as_str().starts_with(&filter.name) {
                continue;
            }
            if !filter.uuid.is_empty() {
                entry.uuid = match self.info_by_number(entry.number, entry.name.clone()) {
                    Err(error) if error.kind == ErrorKind::NotFound => continue,
                    info => info?.uuid,
                };
            }
            let uuid = entry.uuid.as_ref().map(DmUuid::as_str);
            if filter.takes(entry.name.as_str(), uuid) {
                found.push(entry);
            }
        }
        Ok(found)
    }

    fn info_by_number(&self, number: DevNo, name: DmName) -> Result<DeviceInfo, DmError> {
        let (device, slot) = (DevId::Number(number), Slot::Active);
        let reply = self.obeyed(&Command::Info { device, slot })?;
        client::info(&reply, name, number.major).map_err(wrong)
    }

    /// What a device is.
    pub(crate) fn info(&self, device: &DevId) -> Result<DeviceInfo, DmError> {
        self.check(device)?;
        let reply = self.obeyed(&Command::Info {
            device: device.clone(),
            slot: Slot::Active,
        })?;
        let name = match device {
            DevId::Name(name) => name.clone(),
            // The reply has no name then.
            _ => self.name(client::minor(&reply).map_err(wrong)?)?,
        };
        client::info(&reply, name, self.majors()?.block).map_err(wrong)
    }

    /// What a device is, with the count of that slot's targets: the driver counts those of the active one alone.
    fn info_of(&self, device: &DevId, slot: Slot) -> Result<DeviceInfo, DmError> {
        let mut info = self.info(device)?;
        if slot == Slot::Inactive {
            let device = device.clone();
            let reply = self.obeyed(&Command::Table { device, slot })?;
            info.target_count = count(&client::lines(&reply).map_err(wrong)?);
        }
        Ok(info)
    }

    /// The name of the device with that number.
    fn name(&self, minor: u32) -> Result<DmName, DmError> {
        let entries = self.list()?;
        let found = entries
            .into_iter()
            .find(|entry| entry.number.minor == minor);
        found
            .map(|entry| entry.name)
            .ok_or_else(|| DmError::new(ErrorKind::NotFound))
    }

    /// A number must have the driver's major, which the driver itself is not told.
    pub(crate) fn check(&self, device: &DevId) -> Result<(), DmError> {
        match device {
            DevId::Number(number) if number.major != self.majors()?.block => {
                Err(DmError::new(ErrorKind::NotFound))
            }
            _ => Ok(()),
        }
    }

    /// Does something to nodes, if they are ours.
    pub(crate) fn on_nodes(&self, act: impl FnOnce(&Nodes) -> Result<(), NodeError>) {
        if self.nodes.ours()
            && let Err(error) = act(&self.nodes)
        {
            tracing::warn!("{error}");
        }
    }
}

impl<S: Sys> Backend for NetBsd<S> {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("netbsd", Features::empty())
    }

    fn call(&self, command: Command) -> Result<Reply, DmError> {
        self.obey(&command)
            .map_err(|error| error.about(command.verb(), command.device()))
    }
}

fn count(lines: &[TableLine]) -> u32 {
    u32::try_from(lines.len()).unwrap_or(u32::MAX)
}
