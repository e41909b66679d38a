//! The engine's device for each of the driver's.

use std::collections::BTreeSet;

use dm_core::command::{Command, Create, Load, RemoveMode, Reply, SuspendOptions};
use dm_core::devid::{DevId, DevNo};
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::{DmName, DmUuid, TargetName};
use dm_core::table::TableLine;
use tracing::{debug, warn};

use super::device::Device;
use super::entry::Base;
use super::layout::{Ground, Layout};
use super::registry::Registry;

/// The engine, by its commands.
pub(super) type Call<'a> = &'a dyn Fn(Command) -> Result<Reply, DmError>;

/// How many refusals of one table the log shows.
const REFUSED_SHOWN: usize = 16;

/// Makes the engine's device. It has the driver's name and uuid where those are the engine's to give.
pub(super) fn create(device: &mut Device, call: Call<'_>) {
    let uuid = device.uuid.as_str().and_then(|uuid| DmUuid::new(uuid).ok());
    let mut reason = None;
    for name in names(device) {
        for uuid in BTreeSet::from([None, uuid.clone()]).into_iter().rev() {
            let mut create = Create::new(name.clone());
            create.uuid = uuid;
            match call(Command::Create(create)) {
                Ok(Reply::Device(info)) => {
                    debug!("netbsd minor {} is {} here", device.minor, info.number);
                    device.twin = Some(info.number);
                    return;
                }
                Ok(_) => {}
                Err(error) => reason = Some(error.report()),
            }
        }
    }
    let reason = reason.unwrap_or_default();
    warn!("netbsd {:?} can do no io: {reason}", device.name);
}

/// Gives the engine's device the driver's name, if it may have that.
pub(super) fn rename(device: &Device, call: Call<'_>) {
    let Some(number) = device.twin else {
        return;
    };
    let mut reason = String::new();
    for name in names(device) {
        let device = DevId::Number(number);
        match call(Command::Rename { device, name }) {
            Ok(_) => return,
            Err(error) => reason = error.report(),
        }
    }
    warn!("netbsd {:?} has another name here: {reason}", device.name);
}

/// Takes the engine's device away, from under its users too.
pub(super) fn remove(device: &Device, call: Call<'_>) {
    let Some(number) = device.twin else {
        return;
    };
    let (device, mode) = (DevId::Number(number), RemoveMode::Forced);
    if let Err(error) = call(Command::Remove { device, mode }) {
        warn!("netbsd: {}", error.report());
    }
}

/// Lets the io of a device go through its active table.
pub(super) fn activate(registry: &mut Registry, at: usize, call: Call<'_>) {
    let device = registry.at(at);
    if device.active().is_empty() && !device.laid_out {
        return;
    }
    device.laid_out = true;
    let device = &registry.devices()[at];
    let (name, minor) = (device.name.clone(), device.minor);
    let layout = Layout::new(device.active(), device.size(), &|base| {
        ground(registry, base)
    });
    for refused in layout.refused.iter().take(REFUSED_SHOWN) {
        warn!("netbsd {name:?}: io is refused to {refused}");
    }
    if let Some(more @ 1..) = layout.refused.len().checked_sub(REFUSED_SHOWN) {
        warn!("netbsd {name:?}: io is refused to {more} more runs of sectors");
    }
    if !swap(registry.devices()[at].twin, &layout.lines, call) {
        // The other dialect took it away.
        create(registry.at(at), call);
        swap(registry.devices()[at].twin, &layout.lines, call);
    }
    debug!("netbsd minor {minor} has {} lines here", layout.lines.len());
}

/// Makes `lines` the active table. Those that the engine does not take fail. False if there is no such device.
fn swap(twin: Option<DevNo>, lines: &[TableLine], call: Call<'_>) -> bool {
    let Some(number) = twin else {
        return false;
    };
    let device = DevId::Number(number);
    let mut lines = lines.to_vec();
    loop {
        let load = Load::new(device.clone(), lines.clone());
        match call(Command::Load(load)) {
            Ok(_) => break,
            Err(error) if error.kind == ErrorKind::NotFound => return false,
            Err(error) => {
                warn!(
                    "netbsd: io is refused to what the engine does not take: {}",
                    error.report()
                );
                if !fail_line(&mut lines, error.context.line) {
                    return true;
                }
            }
        }
    }
    let options = SuspendOptions::default();
    if let Err(error) = call(Command::Resume { device, options }) {
        warn!("netbsd: {}", error.report());
    }
    true
}

/// Lets the lines fail that stand on what line `line` stands on, or all. False if none is left to fail.
fn fail_line(lines: &mut [TableLine], line: Option<usize>) -> bool {
    let wrong = line.and_then(|line| lines.get(line.checked_sub(1)?));
    let wrong = wrong.map(|line| line.params.clone()).unwrap_or_default();
    let device = |params: &str| params.split(' ').next().map(str::to_owned);
    let mut failed = false;
    for line in lines {
        let target = line.target.as_str();
        if target == "error" || !wrong.is_empty() && device(&line.params) != device(&wrong) {
            continue;
        }
        line.target = TargetName::new("error").expect("it is a short word");
        line.params.clear();
        failed = true;
    }
    failed
}

/// Where the engine has what a line stands on.
fn ground(registry: &Registry, base: &Base) -> Option<Ground> {
    match base {
        Base::Disk(disk) => Some(Ground {
            word: disk.word.clone(),
            size: (!disk.size.is_zero()).then_some(disk.size.0),
        }),
        Base::Mapped(minor) => {
            let below = &registry.devices()[registry.minor(*minor)?];
            Some(Ground {
                word: below.twin?.to_string(),
                size: Some(below.size().0),
            })
        }
    }
}

/// What the engine may call a device: as the driver does, or else by its number.
fn names(device: &Device) -> impl Iterator<Item = DmName> + use<> {
    let own = device.name.as_str().and_then(|name| DmName::new(name).ok());
    let other = DmName::new(&format!("netbsd-{}", device.minor)).ok();
    own.into_iter().chain(other)
}
