//! A kernel whose driver is the engine, and whose ioctls fail on request.

use std::ops::Range;
use std::sync::Mutex;

use dm_core::backend::Backend;
use dm_core::client::Dm;
use dm_core::command::{
    Command, Create, DeviceEntry, DeviceInfo, ListFilter, Load, LockFs, RemoveMode, Reply, Slot,
    SuspendOptions,
};
use dm_core::devid::DevId;
use dm_core::engine::Engine;
use dm_core::errno::Errno;
use dm_core::names::{DmName, DmUuid};
use dm_core::target::FlushMode;
use dm_linux::Linux;
use dm_linux::abi::command::{Request, RequestData};
use dm_linux::abi::reply::{NameRecord, Reply as WireReply, ReplyData};
use dm_linux::abi::view::Header;
use dm_linux::abi::{ByteOrder, Call, Flags};
use dm_linux::buffer::Buffer;
use dm_linux::nodes::{NodePolicy, Nodes};
use dm_linux::sys::Sys;

/// When an ioctl fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before it does anything.
    Before,
    /// After it is done: the reply is lost.
    After,
}

/// Ioctls that fail.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Which, counted from 0.
    pub(crate) at: Range<usize>,
    /// Of which kinds.
    pub(crate) of: fn(Call) -> bool,
    pub(crate) errno: Errno,
    pub(crate) when: When,
}

/// A kernel whose driver is the engine.
pub(crate) struct Driver {
    engine: Engine,
    faults: Vec<Fault>,
    asked: Mutex<Vec<Call>>,
}

/// A backend over such a kernel, which makes no nodes.
pub(crate) fn driver(engine: &Engine, faults: Vec<Fault>) -> Dm<Linux<Driver>> {
    let driver = Driver {
        engine: engine.clone(),
        faults,
        asked: Mutex::default(),
    };
    Dm::new(Linux::new(driver, Nodes::new(NodePolicy::Never)))
}

impl Driver {
    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Call> {
        self.asked.lock().unwrap().clone()
    }
}

impl Sys for Driver {
    fn ioctl(&self, call: Call, buffer: &mut Buffer) -> Result<(), Errno> {
        let mut asked = self.asked.lock().unwrap();
        let at = asked.len();
        asked.push(call);
        drop(asked);
        let mut faults = self.faults.iter();
        let fault = faults.find(|fault| fault.at.contains(&at) && (fault.of)(call));
        match fault {
            Some(fault) if fault.when == When::Before => return Err(fault.errno),
            _ => {}
        }
        let request = Request::decode(call, buffer.bytes(), ByteOrder::NATIVE).unwrap();
        let reply = self.engine.call(command(&request));
        let reply = reply.map_err(|error| error.context.errno.unwrap())?;
        if let Some(fault) = fault {
            return Err(fault.errno);
        }
        let reply = wire(&request.header, reply);
        reply.encode(buffer.bytes_mut(), ByteOrder::NATIVE).unwrap();
        Ok(())
    }
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// What the driver is to do.
fn command(request: &Request<'_>) -> Command {
    let (header, has) = (&request.header, |flag| request.header.flags.contains(flag));
    let uuid = || DmUuid::new(text(&header.uuid)).unwrap();
    let device = || match header.dev {
        Some(number) => DevId::Number(number),
        None if header.name.is_empty() => DevId::Uuid(uuid()),
        None => DevId::Name(DmName::new(text(&header.name)).unwrap()),
    };
    let slot = match has(Flags::QUERY_INACTIVE_TABLE) {
        true => Slot::Inactive,
        false => Slot::Active,
    };
    let flush = match has(Flags::NOFLUSH) {
        true => FlushMode::NoFlush,
        false => FlushMode::Flush,
    };
    let lockfs = match has(Flags::SKIP_LOCKFS) {
        true => LockFs::Skip,
        false => LockFs::Freeze,
    };
    let options = SuspendOptions::new(flush, lockfs);
    match (request.call, &request.data) {
        (Call::Version, _) => Command::Version,
        (Call::ListDevices, _) => Command::List(ListFilter::ALL),
        (Call::DevCreate, _) => {
            let mut create = Create::new(DmName::new(text(&header.name)).unwrap());
            create.uuid = (!header.uuid.is_empty()).then(uuid);
            if has(Flags::PERSISTENT_DEV) {
                create.minor = header.dev.map(|number| number.minor);
            }
            Command::Create(create)
        }
        (Call::DevRemove, _) => {
            let (device, mode) = (device(), RemoveMode::IfUnused);
            Command::Remove { device, mode }
        }
        (Call::DevRename, RequestData::Text(name)) => {
            let name = DmName::new(text(name)).unwrap();
            let device = device();
            Command::Rename { device, name }
        }
        (Call::DevSuspend, _) if has(Flags::SUSPEND) => Command::Suspend {
            device: device(),
            options,
        },
        (Call::DevSuspend, _) => Command::Resume {
            device: device(),
            options,
        },
        (Call::DevStatus, _) => Command::Info {
            device: device(),
            slot,
        },
        (Call::TableLoad, RequestData::Lines(lines)) => {
            let load = Load::new(device(), lines.to_vec());
            Command::Load(match has(Flags::READONLY) {
                true => load.read_only(),
                false => load,
            })
        }
        (Call::TableClear, _) => Command::Clear { device: device() },
        (Call::TableDeps, _) => Command::Deps {
            device: device(),
            slot,
        },
        (Call::TableStatus, _) if has(Flags::STATUS_TABLE) => Command::Table {
            device: device(),
            slot,
        },
        (Call::TableStatus, _) => Command::Status {
            device: device(),
            slot,
            flush,
        },
        (call, _) => panic!("{call:?} is none of a transaction's"),
    }
}

/// What the driver answers.
fn wire(asked: &Header, reply: Reply) -> WireReply {
    let header = |info: &DeviceInfo| Header {
        version: super::header().version,
        flags: Flags::from_bits_retain(info.flags.bits()),
        name: info.name.as_str().into(),
        uuid: info.uuid.as_ref().map_or("", DmUuid::as_str).into(),
        dev: Some(info.number),
        event: info.event,
        open_count: info.open_count,
        target_count: info.target_count,
    };
    let same = || Header {
        version: super::header().version,
        ..asked.clone()
    };
    match reply {
        Reply::Device(info) => WireReply::new(header(&info), ReplyData::None),
        Reply::Lines(info, lines) => WireReply::new(header(&info), ReplyData::Lines(lines)),
        Reply::Deps(info, deps) => {
            let deps = deps.into_iter().map(|dep| dep.number).collect();
            WireReply::new(header(&info), ReplyData::Deps(deps))
        }
        Reply::Devices(devices) => {
            let devices = devices.into_iter().map(record).collect();
            WireReply::new(same(), ReplyData::Names(devices))
        }
        _ => WireReply::new(same(), ReplyData::None),
    }
}

fn record(entry: DeviceEntry) -> NameRecord {
    let mut record = NameRecord::new(entry.name.as_str(), entry.number);
    record.event = entry.event;
    record.uuid = entry.uuid.map(|uuid| uuid.as_str().into());
    record
}
