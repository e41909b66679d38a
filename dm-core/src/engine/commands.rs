//! What each command does.

use std::sync::Arc;

use zeroize::Zeroize;

use crate::command::{Command, Dep, DeviceEntry, ListFilter, Load, Reply, Slot, TargetVersion};
use crate::component::Component;
use crate::devid::DevId;
use crate::errno::Errno;
use crate::error::{DmError, ErrorKind};
use crate::locks::lock;
use crate::names::{DmUuid, TargetName};
use crate::table::{Table, TableLine, Words};
use crate::target::{FlushMode, TargetKind};
use crate::typed::{Text, stats};
use crate::units::{Sector, SectorCount};

use super::VERSION;
use super::device::Core;
use super::event::{Cancel, Waited};
use super::opener::TableOpener;
use super::registry::Inner;

/// Obeys one command.
pub(super) fn obey(engine: &Inner, command: Command, cancel: &Cancel) -> Result<Reply, DmError> {
    let device = |core: Arc<Core>| Reply::Device(core.info(Slot::Active));
    match command {
        Command::Version => Ok(Reply::Version(VERSION)),
        Command::Targets => Ok(targets(engine)),
        Command::TargetVersion { target } => target_version(engine, &target),
        Command::List(filter) => Ok(list(engine, &filter)),
        Command::Create(create) => engine.create(create).map(device),
        Command::Remove { device, mode } => engine.remove(&device, mode).map(|()| Reply::Done),
        Command::RemoveAll { mode } => {
            engine.remove_all(mode);
            Ok(Reply::Done)
        }
        Command::Rename { device: id, name } => {
            let core = engine.rename(&id, name)?;
            renamed(engine, &core);
            Ok(device(core))
        }
        Command::SetUuid { device: id, uuid } => {
            let core = engine.set_uuid(&id, uuid)?;
            renamed(engine, &core);
            Ok(device(core))
        }
        Command::Load(mut request) => {
            let loaded = load(engine, &request).map(device);
            request.wipe();
            loaded
        }
        Command::Clear { device: id } => {
            let core = engine.find(&id)?;
            core.clear()?;
            Ok(device(core))
        }
        Command::Suspend {
            device: id,
            options,
        } => {
            let core = engine.find(&id)?;
            core.suspend(options, cancel)?;
            Ok(device(core))
        }
        Command::Resume {
            device: id,
            options,
        } => {
            let core = engine.find(&id)?;
            core.resume(options, cancel)?;
            Ok(device(core))
        }
        Command::Info { device, slot } => Ok(Reply::Device(engine.find(&device)?.info(slot))),
        Command::Deps { device, slot } => {
            let core = engine.find(&device)?;
            let deps = core
                .table(slot)
                .map(|table| deps(&table))
                .unwrap_or_default();
            Ok(Reply::Deps(core.info(slot), deps))
        }
        Command::Table { device, slot } => {
            let core = engine.find(&device)?;
            let lines = core
                .table(slot)
                .map(|table| table.lines())
                .unwrap_or_default();
            Ok(Reply::Lines(core.info(slot), lines))
        }
        Command::Status {
            device,
            slot,
            flush,
        } => {
            let core = engine.find(&device)?;
            Ok(Reply::Lines(core.info(slot), status(&core, slot, flush)))
        }
        Command::Measure { device, slot } => {
            let core = engine.find(&device)?;
            let lines = core
                .table(slot)
                .map(|table| table.measure())
                .unwrap_or_default();
            Ok(Reply::Lines(core.info(slot), lines))
        }
        Command::Wait {
            device,
            event,
            flush,
        } => wait(engine, &device, event, flush, cancel),
        Command::Watch { known } => watch(engine, known, cancel),
        Command::Message {
            device,
            sector,
            mut text,
        } => {
            let answer = message(engine, &device, sector, &text);
            text.zeroize();
            answer
        }
        Command::SetGeometry { device, geometry } => {
            engine.find(&device)?.set_geometry(geometry)?;
            Ok(Reply::Done)
        }
        Command::ProbePaths { device } => {
            engine.find(&device)?;
            let reason = "the active table is no multipath one";
            Err(DmError::because(ErrorKind::Unsupported, reason).with_errno(Errno::ENOTTY))
        }
    }
}

fn version_of(kind: &TargetKind) -> Option<TargetVersion> {
    let name = TargetName::new(kind.name).ok()?;
    Some(TargetVersion::new(name, kind.version))
}

fn targets(engine: &Inner) -> Reply {
    Reply::Targets(engine.kinds.iter().filter_map(version_of).collect())
}

fn target_version(engine: &Inner, target: &TargetName) -> Result<Reply, DmError> {
    let mut kinds = engine.kinds.iter();
    let kind = kinds.find(|kind| kind.name == target.as_str());
    kind.and_then(version_of)
        .map(|version| Reply::Targets(vec![version]))
        .ok_or_else(|| {
            let reason = format!("there is no target named {target}");
            // The errno is the kernel's.
            DmError::because(ErrorKind::NotFound, reason).with_errno(Errno::EINVAL)
        })
}

fn list(engine: &Inner, filter: &ListFilter) -> Reply {
    let entry = |core: Arc<Core>| {
        let (name, uuid) = (core.name(), core.uuid());
        filter
            .takes(name.as_str(), uuid.as_ref().map(DmUuid::as_str))
            .then(|| DeviceEntry {
                name,
                number: core.number,
                uuid,
                event: Some(core.events.number()),
            })
    };
    Reply::Devices(engine.all().into_iter().filter_map(entry).collect())
}

/// As in the kernel, a change of name or uuid is an event of a device with a table.
fn renamed(engine: &Inner, core: &Core) {
    match core.table(Slot::Active) {
        Some(_) => core.raise(),
        None => engine.watchers.changed(),
    }
}

fn load(engine: &Inner, request: &Load) -> Result<Arc<Core>, DmError> {
    let core = engine.find(&request.device)?;
    let _alone = lock(&engine.loading);
    let mut opener = TableOpener::new(engine, &core);
    let table = Table::build(
        &request.lines,
        request.mode,
        &engine.kinds,
        &core.host(),
        &mut opener,
    )?;
    core.load(table)?;
    Ok(core)
}

fn deps(table: &Table) -> Vec<Dep> {
    let dep = |component: &Component| Dep::new(component.number(), Some(component.to_string()));
    table.components().map(dep).collect()
}

fn status(core: &Core, slot: Slot, flush: FlushMode) -> Vec<TableLine> {
    core.table(slot)
        .map(|table| table.status(flush))
        .unwrap_or_default()
}

fn wait(
    engine: &Inner,
    id: &DevId,
    event: u32,
    flush: FlushMode,
    cancel: &Cancel,
) -> Result<Reply, DmError> {
    let core = engine.find(id)?;
    match core.events.wait(event, cancel) {
        Waited::Raised => {
            let lines = status(&core, Slot::Active, flush);
            Ok(Reply::Lines(core.info(Slot::Active), lines))
        }
        Waited::Over => Err(DmError::because(
            ErrorKind::NotFound,
            "the device was removed",
        )),
        Waited::GivenUp => Err(given_up()),
    }
}

fn watch(engine: &Inner, known: u32, cancel: &Cancel) -> Result<Reply, DmError> {
    let count = engine.watchers.count();
    match count.wait(known, cancel) {
        Waited::GivenUp => Err(given_up()),
        _ => Ok(Reply::Changes(count.number())),
    }
}

fn given_up() -> DmError {
    DmError::because(ErrorKind::Interrupted, "the wait was given up")
}

fn message(engine: &Inner, id: &DevId, sector: Sector, text: &str) -> Result<Reply, DmError> {
    let core = engine.find(id)?;
    let mut words = Words::new(text);
    let first = words.clone().next("message")?;
    if first.text.starts_with('@') {
        return match first.text.as_ref() {
            "@cancel_deferred_remove" => {
                core.cancel_remove()?;
                Ok(Reply::Message(core.info(Slot::Active), None))
            }
            _ => {
                let message = stats::Message::parse(text)?;
                let table = core.table(Slot::Active);
                let size = table.map_or(SectorCount(0), |table| table.size());
                let answer = core.stats.obey(message, size)?;
                Ok(Reply::Message(core.info(Slot::Active), answer))
            }
        };
    }
    let invalid = |reason: String| DmError::because(ErrorKind::Invalid, reason);
    let table = core
        .table(Slot::Active)
        .ok_or_else(|| invalid("the device has no table".into()))?;
    let segment = table
        .segment_at(sector)
        .ok_or_else(|| invalid(format!("sector {sector} is past the end of the device")))?;
    let answer = segment.target().message(&mut words)?;
    Ok(Reply::Message(core.info(Slot::Active), answer))
}

impl From<crate::table::ParamError> for DmError {
    fn from(error: crate::table::ParamError) -> DmError {
        DmError::new(ErrorKind::Invalid).with_source(error)
    }
}
