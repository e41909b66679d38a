//! Replies as JSON.

use dm_core::command::{Dep, DeviceEntry, DeviceInfo, TargetVersion};
use dm_core::flags::DeviceFlags;
use dm_core::table::TableLine;
use dm_core::typed::{Reader, kind};
use serde::Serialize;
use serde_json::{Value, json};

use crate::daemon::order::AttachedAs;

/// A device.
pub(crate) fn info(info: &DeviceInfo) -> Value {
    let has = |flag| info.flags.contains(flag);
    json!({
        "name": info.name.as_str(),
        "uuid": info.uuid.as_ref().map(|uuid| uuid.as_str()),
        "major": info.number.major,
        "minor": info.number.minor,
        "suspended": has(DeviceFlags::SUSPENDED),
        "read_only": has(DeviceFlags::READ_ONLY),
        "deferred_remove": has(DeviceFlags::DEFERRED_REMOVE),
        "table": has(DeviceFlags::ACTIVE_PRESENT),
        "inactive_table": has(DeviceFlags::INACTIVE_PRESENT),
        "open_count": info.open_count,
        "event": info.event,
        "targets": info.target_count,
    })
}

/// A device that is a block device.
pub(crate) fn attached(attached: &AttachedAs) -> Value {
    let AttachedAs {
        name, path, node, ..
    } = attached;
    json!({ "name": name, "path": path, "node": node })
}

/// A device's table, with what it stands on.
pub(crate) fn table(info: &DeviceInfo, lines: &[TableLine], on: &[Dep]) -> Value {
    let lines: Value = lines
        .iter()
        .map(|line| {
            let kind = kind(line.target.as_str());
            let read = kind.and_then(|kind| kind.params(Reader::new(&line.params)).ok());
            self::line(line, "params", read.map(|typed| self::typed(&typed)))
        })
        .collect();
    json!({ "name": info.name.as_str(), "lines": lines, "deps": deps(on) })
}

/// The status of a device's targets.
pub(crate) fn status(info: &DeviceInfo, lines: &[TableLine]) -> Value {
    let lines: Value = lines
        .iter()
        .map(|line| {
            let kind = kind(line.target.as_str());
            let read = kind.and_then(|kind| kind.status(Reader::new(&line.params)).ok());
            self::line(line, "status", read.map(|typed| self::typed(&typed)))
        })
        .collect();
    json!({ "name": info.name.as_str(), "event": info.event, "lines": lines })
}

/// What a table stands on.
pub(crate) fn deps(deps: &[Dep]) -> Value {
    let dep = |dep: &Dep| json!({ "major": dep.number.major, "minor": dep.number.minor, "device": dep.text });
    deps.iter().map(dep).collect()
}

/// The devices of a list.
pub(crate) fn list(devices: &[DeviceEntry]) -> Value {
    let entry = |entry: &DeviceEntry| {
        json!({
            "name": entry.name.as_str(),
            "uuid": entry.uuid.as_ref().map(|uuid| uuid.as_str()),
            "major": entry.number.major,
            "minor": entry.number.minor,
            "event": entry.event,
        })
    };
    devices.iter().map(entry).collect()
}

/// The kinds of targets.
pub(crate) fn targets(targets: &[TargetVersion]) -> Value {
    let kind = |kind: &TargetVersion| json!({ "name": kind.name.as_str(), "version": kind.version.to_string() });
    targets.iter().map(kind).collect()
}

/// A typed text's fields; a key is zeroes.
pub(crate) fn typed(text: &impl Serialize) -> Value {
    // Types without maps of other keys than strings are always JSON.
    serde_json::to_value(text).unwrap_or_default()
}

/// A line, with what its text means if that is known.
pub(crate) fn line(line: &TableLine, text: &str, typed: Option<Value>) -> Value {
    let mut fields = json!({
        "start": line.start.0,
        "length": line.length.0,
        "target": line.target.as_str(),
        text: line.params,
    });
    if let Some(typed) = typed {
        fields["typed"] = typed;
    }
    fields
}
