//! What each command does.

use std::collections::BTreeSet;

use dm_core::version::Version;
use tracing::{info, warn};

use crate::proplib::{Dictionary, Text, Value};

use super::super::flags::WireFlags;
use super::super::keys;
use super::device::{Device, NAME_MAX, UUID_MAX};
use super::entry::{Base, Entry, Module, Params};
use super::load::{Failure, load};
use super::nodes::Nodes;
use super::registry::Registry;
use super::request::Request;
use super::twin::{self, Call};

/// What a command has to do with.
pub(super) struct Context<'a> {
    pub(super) registry: &'a mut Registry,
    pub(super) modules: &'a [Module],
    pub(super) nodes: &'a dyn Nodes,
    pub(super) call: Call<'a>,
}

/// Obeys one command.
pub(super) type Handler = fn(&mut Context<'_>, &mut Request);

pub(super) fn version(_: &mut Context<'_>, _: &mut Request) {}

pub(super) fn targets(context: &mut Context<'_>, request: &mut Request) {
    request.set_data(context.modules.iter().map(|module| {
        let Version(major, minor, patch) = module.version();
        // Signed here, unlike all else that is no status.
        let parts = [major, minor, patch].map(i64::from);
        let mut target = Dictionary::new();
        target
            .set(keys::NAME, module.name())
            .set(keys::VER, parts.into_iter().collect::<Value>());
        target
    }));
}

pub(super) fn names(context: &mut Context<'_>, request: &mut Request) {
    request.set_data(context.registry.devices().iter().map(|device| {
        let mut entry = Dictionary::new();
        entry
            .set(keys::DEV, device.minor)
            .set(keys::NAME, device.name.clone());
        entry
    }));
}

pub(super) fn create(context: &mut Context<'_>, request: &mut Request) {
    let (name, uuid) = (request.text(keys::NAME), request.text(keys::UUID));
    let taken = context.registry.find(0, name.as_ref(), uuid.as_ref());
    if taken.is_some() {
        return request.add_flags(WireFlags::EXISTS);
    }
    let minor = context.registry.next_minor();
    let uuid = uuid.unwrap_or_default();
    if uuid.len() > UUID_MAX {
        warn!("netbsd create: the uuid is cut after {UUID_MAX} bytes (quirk 12)");
    }
    let name = cut(&name.unwrap_or_default(), NAME_MAX);
    let flags = request.flags() & WireFlags::READ_ONLY;
    let device = Device::new(minor, name, cut(&uuid, UUID_MAX), flags);
    request.set(keys::MINOR, minor);
    match context.registry.insert(device) {
        Ok(at) => twin::create(context.registry.at(at), context.call),
        // Cut, it is another's.
        Err(device) => info!("netbsd create: {:?} exists", device.name),
    }
    request.add_flags(WireFlags::EXISTS);
    request.remove_flags(WireFlags::INACTIVE_PRESENT);
}

pub(super) fn info(context: &mut Context<'_>, request: &mut Request) {
    let Some(device) = find(context.registry, request) else {
        return;
    };
    request.set(keys::OPEN_COUNT, 0_u32);
    request.set(keys::MINOR, device.minor);
    request.set(keys::UUID, device.uuid.clone());
    let count = u32::try_from(device.active().len()).unwrap_or(u32::MAX);
    request.set(keys::TARGET_COUNT, count);
    let mut flags = request.flags() | device.flags & WireFlags::SUSPEND;
    flags.set(WireFlags::ACTIVE_PRESENT, count > 0);
    flags.set(WireFlags::INACTIVE_PRESENT, !device.inactive().is_empty());
    request.set_flags(flags);
}

pub(super) fn status(context: &mut Context<'_>, request: &mut Request) {
    let Some(device) = find(context.registry, request) else {
        return;
    };
    let mut flags = request.flags() | device.flags & WireFlags::SUSPEND;
    let active = !device.active().is_empty();
    flags.set(WireFlags::ACTIVE_PRESENT, active);
    if !active {
        // Only then does the driver look.
        flags.set(WireFlags::INACTIVE_PRESENT, !device.inactive().is_empty());
    }
    request.set_flags(flags);
    request.set(keys::MINOR, device.minor);
    let params = match flags.contains(WireFlags::STATUS_TABLE) {
        true => Params::Shown,
        false => Params::Hidden,
    };
    let active = device.active_slot();
    let lines = asked(device, flags).iter();
    request.set_data(lines.map(|entry| entry.show(params, active)));
}

pub(super) fn deps(context: &mut Context<'_>, request: &mut Request) {
    let Some(device) = find(context.registry, request) else {
        return;
    };
    request.set(keys::MINOR, device.minor);
    request.set(keys::NAME, device.name.clone());
    request.set(keys::UUID, device.uuid.clone());
    let entries = asked(device, request.flags());
    request.set_data(entries.iter().flat_map(|entry| entry.deps()));
}

pub(super) fn reload(context: &mut Context<'_>, request: &mut Request) {
    let Some(at) = find_at(context.registry, request) else {
        return;
    };
    let (name, minor) = (
        context.registry.at(at).name.clone(),
        context.registry.at(at).minor,
    );
    let Some(segments) = request.0.array(keys::CMD_DATA) else {
        warn!("netbsd reload of {name:?} is refused: cmd_data is no array (quirk 7)");
        return request.set(keys::MINOR, minor);
    };
    let registry = &*context.registry;
    let find = |path: &Text| {
        let base = base(registry, context.nodes, path);
        let base = base.ok_or_else(|| Failure::NoDevice(path.clone()))?;
        match base {
            Base::Mapped(below) if stands_on(registry, below, minor) => Err(Failure::Cycle),
            base => Ok(base),
        }
    };
    let loaded = load(segments, context.modules, &find);
    request.set(keys::MINOR, minor);
    let device = context.registry.at(at);
    // The driver goes by its flag: what a load that failed left behind stays.
    if device.flags.contains(WireFlags::INACTIVE_PRESENT) {
        device.clear_inactive();
    }
    device.load(loaded.entries);
    let Some((line, failure)) = loaded.failure else {
        device.flags |= WireFlags::INACTIVE_PRESENT;
        return request.add_flags(WireFlags::INACTIVE_PRESENT);
    };
    warn!("netbsd reload of {name:?} is refused: line {line}: {failure}");
    if !failure.keeps_lines() {
        device.clear_inactive();
    }
}

pub(super) fn clear(context: &mut Context<'_>, request: &mut Request) {
    if let Some(device) = find(context.registry, request) {
        device.clear_inactive();
        device.flags -= WireFlags::INACTIVE_PRESENT;
    }
}

pub(super) fn suspend(context: &mut Context<'_>, request: &mut Request) {
    let Some(device) = find(context.registry, request) else {
        return;
    };
    device.flags |= WireFlags::SUSPEND;
    request.set(keys::OPEN_COUNT, 0_u32);
    request.set(keys::MINOR, device.minor);
    request.set_flags(device.flags | WireFlags::EXISTS);
}

pub(super) fn resume(context: &mut Context<'_>, request: &mut Request) {
    let Some(at) = find_at(context.registry, request) else {
        return;
    };
    let device = context.registry.at(at);
    device.flags -= WireFlags::SUSPEND | WireFlags::INACTIVE_PRESENT;
    device.flags |= WireFlags::ACTIVE_PRESENT;
    device.switch();
    let minor = device.minor;
    request.add_flags(WireFlags::EXISTS);
    request.set(keys::OPEN_COUNT, 0_u32);
    request.set(keys::MINOR, minor);
    twin::activate(context.registry, at, context.call);
    // Those above may have had to do without some of its sectors.
    for above in standing_on(context.registry, minor) {
        twin::activate(context.registry, above, context.call);
    }
}

pub(super) fn rename(context: &mut Context<'_>, request: &mut Request) {
    let data = request.0.array(keys::CMD_DATA);
    let new = data.and_then(|data| data.first()).and_then(Value::text);
    let Some(new) = new.cloned() else {
        warn!("netbsd rename is refused: there is no new name in cmd_data (quirk 11)");
        return;
    };
    if new.len() > NAME_MAX {
        info!(
            "netbsd rename is refused: the new name has {} bytes",
            new.len()
        );
        return;
    }
    let (name, uuid) = (request.text(keys::NAME), request.text(keys::UUID));
    let (name, uuid) = (name.as_ref(), uuid.as_ref());
    let found = context.registry.find_to_rename(request.minor(), name, uuid);
    let Some(at) = found else {
        return request.remove_flags(WireFlags::EXISTS);
    };
    let mut device = context.registry.take(at);
    device.name = new;
    request.set(keys::OPEN_COUNT, 0_u32);
    request.set(keys::MINOR, device.minor);
    request.set(keys::UUID, device.uuid.clone());
    match context.registry.insert(device) {
        Ok(at) => twin::rename(context.registry.at(at), context.call),
        Err(device) => {
            let minor = device.minor;
            warn!(
                "netbsd rename: {:?} exists, so that minor {minor} is lost (quirk 2)",
                device.name
            );
            twin::remove(&device, context.call);
        }
    }
}

pub(super) fn remove(context: &mut Context<'_>, request: &mut Request) {
    if let Some(at) = find_at(context.registry, request) {
        let device = context.registry.take(at);
        twin::remove(&device, context.call);
    }
}

/// Where the device is that a request says. If there is none, the reply says so.
fn find_at(registry: &Registry, request: &mut Request) -> Option<usize> {
    let (name, uuid) = (request.text(keys::NAME), request.text(keys::UUID));
    let found = registry.find(request.minor(), name.as_ref(), uuid.as_ref());
    if found.is_none() {
        request.remove_flags(WireFlags::EXISTS);
    }
    found
}

fn find<'a>(registry: &'a mut Registry, request: &mut Request) -> Option<&'a mut Device> {
    find_at(registry, request).map(|at| registry.at(at))
}

/// The lines of the slot that is asked about.
fn asked(device: &Device, flags: WireFlags) -> &[Entry] {
    match flags.contains(WireFlags::QUERY_INACTIVE_TABLE) {
        true => device.inactive(),
        false => device.active(),
    }
}

/// What a path in a table line names.
fn base(registry: &Registry, nodes: &dyn Nodes, path: &Text) -> Option<Base> {
    let text = path.as_str()?;
    let named = text
        .strip_prefix("/dev/mapper/")
        .and_then(|name| registry.name(&Text::from(name)))
        .map(|at| registry.devices()[at].minor);
    match nodes.mapped(text, named) {
        Some(minor) => registry.minor(minor).map(|_| Base::Mapped(minor)),
        None => nodes.disk(text).map(Base::Disk),
    }
}

/// Whether `upper` is `lower`, or its io goes there.
fn stands_on(registry: &Registry, upper: u32, lower: u32) -> bool {
    let (mut seen, mut todo) = (BTreeSet::new(), vec![upper]);
    while let Some(minor) = todo.pop() {
        if minor == lower {
            return true;
        }
        if let (true, Some(at)) = (seen.insert(minor), registry.minor(minor)) {
            todo.extend(registry.devices()[at].below());
        }
    }
    false
}

/// Where the devices are whose io goes to the one with `minor` at once, but for itself.
fn standing_on(registry: &Registry, minor: u32) -> Vec<usize> {
    let stands =
        |device: &Device| device.minor != minor && device.below().any(|below| below == minor);
    let all = registry.devices().iter().enumerate();
    all.filter(|(_, device)| stands(device))
        .map(|(at, _)| at)
        .collect()
}

/// At most the first `limit` bytes.
fn cut(text: &Text, limit: usize) -> Text {
    Text::from(&text.as_bytes()[..text.len().min(limit)])
}
