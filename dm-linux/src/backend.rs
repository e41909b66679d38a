//! Linux's device mapper as a backend.

use std::sync::{Arc, OnceLock};

use dm_core::backend::{Backend, Capabilities, Features};
use dm_core::command::{
    Command, Create, Dep, DeviceInfo, ListFilter, RemoveMode, Reply, Slot, SuspendOptions,
};
use dm_core::devid::DevId;
use dm_core::error::{DmError, ErrorKind};
use dm_core::events::Watch;
use dm_core::names::{DmName, DmUuid, TargetName};
use dm_core::units::Sector;
use dm_core::version::Version;
use rustix::fd::{AsFd, BorrowedFd};

use crate::abi::command::Request;
use crate::abi::reply::{self as wire, ReplyData};
use crate::abi::view::View;
use crate::abi::{ByteOrder, Call, Flags, Payload, layout};
use crate::buffer::{self, Buffer, Secrecy};
use crate::control::Control;
use crate::meaning;
use crate::nodes::{NodePolicy, Nodes};
use crate::refusal::{component_missing, probe_refused, refused};
use crate::request;
use crate::sys::{Poller, Sys};
use crate::udev::{Change, Settled, Ticket, Udev, Waiter};

/// The driver of the running kernel.
///
/// Threads may share it: the kernel takes their commands side by side, and a thread that waits for
/// an event holds up no other.
///
/// A node in `/dev/mapper` that can not be made or removed, or for which udev took too long, is a
/// warning in the log, since the command itself was obeyed.
#[derive(Debug)]
pub struct Linux<S = Control> {
    sys: S,
    waiter: Arc<dyn Waiter>,
    /// What the first reply said.
    version: OnceLock<Version>,
}

impl Linux {
    /// Opens the control node, and makes it if it is missing and this user is root. Commands wait
    /// for udev where it runs, and make the nodes in `/dev/mapper` where it does not.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the kernel has no driver, [`ErrorKind::Permission`] if this
    /// user may not use it.
    pub fn open() -> Result<Linux, DmError> {
        Linux::open_with(Udev::new())
    }

    /// As [`Linux::open`], with another way to see to nodes.
    ///
    /// # Errors
    /// As [`Linux::open`].
    pub fn open_with(waiter: impl Waiter + 'static) -> Result<Linux, DmError> {
        let linux = Linux::new(Control::new(), waiter);
        linux.sys.ready()?;
        Ok(linux)
    }
}

impl<S: Sys> Linux<S> {
    /// The driver behind `sys`, which is not asked anything yet, with `waiter` for the nodes.
    pub fn new(sys: S, waiter: impl Waiter + 'static) -> Linux<S> {
        Linux::with_waiter(sys, Arc::new(waiter))
    }

    pub(crate) fn with_waiter(sys: S, waiter: Arc<dyn Waiter>) -> Linux<S> {
        Linux {
            sys,
            waiter,
            version: OnceLock::new(),
        }
    }

    /// Who sees to the nodes.
    pub fn waiter(&self) -> &dyn Waiter {
        &*self.waiter
    }

    pub(crate) fn waiter_handle(&self) -> Arc<dyn Waiter> {
        self.waiter.clone()
    }

    /// Who answers.
    pub const fn sys(&self) -> &S {
        &self.sys
    }

    /// The version of the driver's interface, which is asked for at most once.
    ///
    /// # Errors
    /// As [`Linux::open`]; [`ErrorKind::Protocol`] if it is not version 4.
    pub fn version(&self) -> Result<Version, DmError> {
        match self.version.get() {
            Some(version) => Ok(*version),
            None => Ok(self
                .ask(&request::plain(Call::Version, Flags::empty()))?
                .header
                .version),
        }
    }

    /// Sends a request, with a larger buffer as long as the reply does not fit.
    pub(crate) fn ask(&self, request: &Request<'_>) -> Result<wire::Reply, DmError> {
        let (call, flags) = (request.call, request.header.flags);
        self.require(request.since())?;
        self.sys.ready()?;
        let secrecy = match flags.contains(Flags::SECURE_DATA) {
            true => Secrecy::Secret,
            false => Secrecy::Open,
        };
        let first = match call.reply() {
            Payload::None => 0,
            _ => buffer::FIRST,
        };
        let mut size = request.size().max(first);
        loop {
            let mut buffer = Buffer::new(size, secrecy)?;
            request.encode(buffer.bytes_mut(), ByteOrder::NATIVE)?;
            self.sys
                .ioctl(call, &mut buffer)
                .map_err(|errno| refused(call, flags, errno))?;
            let view = View::new(buffer.bytes(), ByteOrder::NATIVE)?;
            if call.reply() != Payload::None && view.flags()?.contains(Flags::BUFFER_FULL) {
                size = buffer.next_size(view.target_count()?)?;
                continue;
            }
            let reply = wire::Reply::decode(call, buffer.bytes(), ByteOrder::NATIVE)?;
            let version = reply.header.version;
            if version.0 != 4 {
                let reason = format!("the driver speaks version {version}, not 4");
                return Err(DmError::because(ErrorKind::Protocol, reason));
            }
            self.version.get_or_init(|| version);
            return Ok(reply);
        }
    }

    /// The driver must be of that version.
    fn require(&self, wanted: Version) -> Result<(), DmError> {
        if wanted <= Version(4, 0, 0) || self.version()? >= wanted {
            return Ok(());
        }
        let has = self.version()?;
        let reason = format!("this needs version {wanted} of the driver's interface, it has {has}");
        Err(DmError::because(ErrorKind::Unsupported, reason))
    }

    fn obey(&self, command: &Command) -> Result<Reply, DmError> {
        match command {
            Command::Version => {
                let request = request::plain(Call::Version, Flags::empty());
                Ok(Reply::Version(self.ask(&request)?.header.version))
            }
            Command::Targets => {
                let request = request::plain(Call::ListVersions, Flags::empty());
                self.versions(&request)
            }
            Command::TargetVersion { target } => self.target_version(target),
            Command::List(filter) => self.list(filter),
            Command::Create(create) => self.create(create),
            Command::Remove { device, mode } => self.remove(device, *mode),
            Command::RemoveAll { mode } => self.remove_all(*mode),
            Command::Rename { device, name } => self.rename(device, name),
            Command::SetUuid { device, uuid } => self.set_uuid(device, uuid),
            Command::Load(load) => self.load(load),
            Command::Clear { device } => self.device(&request::clear(device)?),
            Command::Suspend { device, options } => {
                self.device(&request::suspend(device, *options)?)
            }
            Command::Resume { device, options } => self.resume(device, *options),
            Command::Info { device, slot } => {
                self.device(&request::about(Call::DevStatus, device, *slot)?)
            }
            Command::Deps { device, slot } => self.deps(device, *slot),
            Command::Table { device, slot } => self.lines(&request::table(device, *slot)?),
            Command::Status {
                device,
                slot,
                flush,
            } => self.lines(&request::status(device, *slot, *flush)?),
            Command::Measure { device, slot } => self.lines(&request::measure(device, *slot)?),
            Command::Wait {
                device,
                event,
                flush,
            } => self.lines(&request::wait(device, *event, *flush)?),
            Command::Message {
                device,
                sector,
                text,
            } => self.message(device, *sector, text),
            Command::SetGeometry { device, geometry } => {
                self.ask(&request::set_geometry(device, *geometry)?)?;
                Ok(Reply::Done)
            }
            Command::ProbePaths { device } => self.probe_paths(device),
            _ => {
                let reason = "this backend does not have the command";
                Err(DmError::because(ErrorKind::Unsupported, reason))
            }
        }
    }

    fn device(&self, request: &Request<'_>) -> Result<Reply, DmError> {
        let reply = self.ask(request)?;
        Ok(Reply::Device(meaning::info(&reply.header)?))
    }

    fn lines(&self, request: &Request<'_>) -> Result<Reply, DmError> {
        let reply = self.ask(request)?;
        match reply.data {
            ReplyData::Lines(lines) => Ok(Reply::Lines(meaning::info(&reply.header)?, lines)),
            _ => Err(mismatch()),
        }
    }

    /// The devices, as the driver has them. Older drivers list more than those asked for.
    pub(crate) fn names(&self, filter: &ListFilter) -> Result<Vec<wire::NameRecord>, DmError> {
        match self.ask(&request::list(filter))?.data {
            ReplyData::Names(records) => Ok(records),
            _ => Err(mismatch()),
        }
    }

    fn list(&self, filter: &ListFilter) -> Result<Reply, DmError> {
        let mut devices = Vec::new();
        for record in self.names(filter)? {
            let entry = meaning::entry(&record)?;
            if filter.takes(entry.name.as_str(), entry.uuid.as_ref().map(DmUuid::as_str)) {
                devices.push(entry);
            }
        }
        Ok(Reply::Devices(devices))
    }

    fn versions(&self, request: &Request<'_>) -> Result<Reply, DmError> {
        match self.ask(request)?.data {
            ReplyData::Versions(kinds) => Ok(Reply::Targets(kinds)),
            _ => Err(mismatch()),
        }
    }

    fn target_version(&self, target: &TargetName) -> Result<Reply, DmError> {
        let reply = self.versions(&request::target_version(target))?;
        match &reply {
            Reply::Targets(kinds) if matches!(&kinds[..], [kind] if kind.name == *target) => {
                Ok(reply)
            }
            _ => {
                let reason = format!("the driver does not answer with the target {target} alone");
                Err(DmError::because(ErrorKind::Protocol, reason))
            }
        }
    }

    /// The ioctl is the mapped device's own.
    fn probe_paths(&self, device: &DevId) -> Result<Reply, DmError> {
        self.require(layout::PROBE_PATHS_SINCE)?;
        let reply = self.ask(&request::about(Call::DevStatus, device, Slot::Active)?)?;
        let number = meaning::info(&reply.header)?.number;
        self.sys.probe_paths(number).map_err(probe_refused)?;
        Ok(Reply::Done)
    }

    /// Makes the [control node](Control) readable, for whoever polls it, from the next event of any
    /// device on. Until then it is not.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] from a driver older than 4.37.
    pub fn arm_poll(&self) -> Result<(), DmError> {
        let request = request::plain(Call::DevArmPoll, Flags::empty());
        self.ask(&request)
            .map(drop)
            .map_err(|error| error.about("arm-poll", None))
    }

    fn create(&self, create: &Create) -> Result<Reply, DmError> {
        self.device(&request::create(create)?)
    }

    fn resume(&self, device: &DevId, options: SuspendOptions) -> Result<Reply, DmError> {
        let reply = self.change(request::resume(device, options)?, |reply| {
            let name = reply.header.name.clone();
            let number = reply.header.dev?;
            Some(Change::Resumed { name, number })
        })?;
        Ok(Reply::Device(meaning::info(&reply.header)?))
    }

    /// The driver finds the device by its name only, and its reply lacks the uuid and whether
    /// there is an inactive table: so it is looked at first.
    fn rename(&self, device: &DevId, name: &DmName) -> Result<Reply, DmError> {
        let before = self.ask(&request::about(Call::DevStatus, device, Slot::Active)?)?;
        let from = &before.header.name;
        let reply = self.change(request::rename(from, name)?, |reply| {
            let to = crate::mangle::write(name.as_str()).ok()?;
            Some(Change::Renamed {
                from: from.clone(),
                to: to.as_bytes().into(),
                number: reply.header.dev?,
            })
        })?;
        let mut info = meaning::info(&reply.header)?;
        let old = meaning::info(&before.header)?;
        info.name = name.clone();
        info.uuid = old.uuid;
        info.flags |= old.flags & meaning::INACTIVE;
        Ok(Reply::Device(info))
    }

    fn set_uuid(&self, device: &DevId, uuid: &DmUuid) -> Result<Reply, DmError> {
        let before = self.ask(&request::about(Call::DevStatus, device, Slot::Active)?)?;
        let request = request::set_uuid(&before.header.name, uuid)?;
        let reply = self.change(request, |_| Some(Change::Other))?;
        let mut info: DeviceInfo = meaning::info(&reply.header)?;
        info.uuid = Some(uuid.clone());
        info.flags |= meaning::info(&before.header)?.flags & meaning::INACTIVE;
        Ok(Reply::Device(info))
    }

    fn load(&self, load: &dm_core::command::Load) -> Result<Reply, DmError> {
        let request = request::load(&load.device, load.lines.as_slice(), load.mode, load.secrecy)?;
        self.device(&request).map_err(|error| {
            if error.kind != ErrorKind::NotFound {
                return error;
            }
            // The kernel gives ENXIO for a device that the table names, too.
            let device = request::about(Call::DevStatus, &load.device, Slot::Active);
            match device.and_then(|request| self.ask(&request)) {
                Ok(_) => component_missing(),
                Err(_) => error,
            }
        })
    }

    fn deps(&self, device: &DevId, slot: Slot) -> Result<Reply, DmError> {
        let reply = self.ask(&request::about(Call::TableDeps, device, slot)?)?;
        match reply.data {
            ReplyData::Deps(numbers) => {
                let deps = numbers.into_iter().map(|number| Dep::new(number, None));
                Ok(Reply::Deps(meaning::info(&reply.header)?, deps.collect()))
            }
            _ => Err(mismatch()),
        }
    }

    fn message(&self, device: &DevId, sector: Sector, text: &str) -> Result<Reply, DmError> {
        let reply = self.ask(&request::message(device, sector, text)?)?;
        match reply.data {
            ReplyData::Answer(answer) => Ok(Reply::Message(meaning::info(&reply.header)?, answer)),
            _ => Err(mismatch()),
        }
    }

    fn remove(&self, device: &DevId, mode: RemoveMode) -> Result<Reply, DmError> {
        let flags = match mode {
            RemoveMode::Deferred => Flags::DEFERRED_REMOVE,
            RemoveMode::Forced => {
                self.fail_io(device)?;
                Flags::empty()
            }
            _ => Flags::empty(),
        };
        self.change(request::remove(device, flags)?, |reply| {
            let waits = reply.header.flags.contains(Flags::DEFERRED_REMOVE);
            let name = reply.header.name.clone();
            (!waits).then_some(Change::Removed { name })
        })?;
        Ok(Reply::Done)
    }

    /// Sends a request that raises an event, and waits until the nodes are as the change says that
    /// `changed` makes of the reply.
    pub(crate) fn change(
        &self,
        mut request: Request<'_>,
        changed: impl FnOnce(&wire::Reply) -> Option<Change>,
    ) -> Result<wire::Reply, DmError> {
        let ticket = self.waiter.begin()?;
        request.header.event = ticket.event();
        if let Err(error) = ticket.expect() {
            self.settle(ticket, &[]);
            return Err(error.into());
        }
        let reply = self.ask(&request);
        let raised = |reply: &wire::Reply| reply.header.flags.contains(Flags::UEVENT_GENERATED);
        if !reply.as_ref().is_ok_and(raised)
            && let Err(error) = ticket.complete()
        {
            tracing::warn!("{error}");
        }
        let change = reply.as_ref().ok().and_then(changed);
        self.settle(ticket, change.as_slice());
        reply
    }

    /// What becomes of the nodes is a warning in the log: the command was obeyed.
    pub(crate) fn settle(&self, ticket: Ticket, changes: &[Change]) -> Settled {
        let settled = self.waiter.settle(ticket, changes);
        if settled.is_trouble() {
            tracing::warn!("{settled}");
        }
        settled
    }
}

impl<S: Sys> Backend for Linux<S> {
    fn capabilities(&self) -> Capabilities {
        // The driver says only an errno.
        Capabilities::new("linux", Features::all() - Features::TABLE_ERRORS)
    }

    fn call(&self, mut command: Command) -> Result<Reply, DmError> {
        let done = self.obey(&command);
        command.wipe();
        done.map_err(|error| error.about(command.verb(), command.device()))
    }

    fn watch(&self) -> Result<Box<dyn Watch>, DmError> {
        let nodes = Nodes::new(NodePolicy::Never);
        Ok(Box::new(EventWatch(Linux::new(self.sys.poller()?, nodes))))
    }
}

/// The driver's own word that something happened.
#[derive(Debug)]
struct EventWatch(Linux<Box<dyn Poller>>);

impl Watch for EventWatch {
    fn arm(&mut self) -> Result<(), DmError> {
        self.0.arm_poll()
    }
}

impl AsFd for EventWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.sys.as_fd()
    }
}

/// A reply whose payload is of another kind than its ioctl's. The codec gives none.
pub(crate) fn mismatch() -> DmError {
    let reason = "the reply belongs to another command";
    DmError::because(ErrorKind::Protocol, reason)
}
