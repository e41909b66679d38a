//! Commands as requests.

use std::borrow::Cow;

use dm_core::command::{Create, Geometry, ListFilter, LockFs, Secrecy, Slot, SuspendOptions};
use dm_core::component::TableMode;
use dm_core::devid::{DevId, DevNo};
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::{DmName, DmUuid, NAME_MAX, TargetName, UUID_MAX};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::Sector;

use crate::abi::command::{Request, RequestData};
use crate::abi::layout::{MAJOR_MAX, MINOR_MAX, REQUEST_VERSION};
use crate::abi::view::Header;
use crate::abi::{Call, Flags};
use crate::mangle::{self, stays};

/// The flags of a request that reads a table of that slot.
pub(crate) fn slot_flags(slot: Slot) -> Flags {
    match slot {
        Slot::Active => Flags::empty(),
        Slot::Inactive => Flags::QUERY_INACTIVE_TABLE,
    }
}

fn flush_flags(flush: FlushMode) -> Flags {
    match flush {
        FlushMode::Flush => Flags::empty(),
        FlushMode::NoFlush => Flags::NOFLUSH,
    }
}

/// A header that says only the interface's version.
fn header() -> Header {
    Header {
        version: REQUEST_VERSION,
        ..Header::default()
    }
}

fn text(text: &str) -> Result<Vec<u8>, DmError> {
    Ok(mangle::write(text)?.into_owned().into_bytes())
}

/// A header that says which device is meant: by one of the three ways.
fn of(device: &DevId) -> Result<Header, DmError> {
    let header = header();
    Ok(match device {
        DevId::Name(name) => Header {
            name: text(name.as_str())?,
            ..header
        },
        DevId::Uuid(uuid) => Header {
            uuid: text(uuid.as_str())?,
            ..header
        },
        DevId::Number(number) if number.major > MAJOR_MAX || number.minor > MINOR_MAX => {
            return Err(DmError::new(ErrorKind::NotFound));
        }
        DevId::Number(number) => Header {
            dev: Some(*number),
            ..header
        },
    })
}

fn simple(call: Call, header: Header) -> Request<'static> {
    Request::new(call, header, RequestData::None)
}

/// A request about no device.
pub(crate) fn plain(call: Call, flags: Flags) -> Request<'static> {
    let header = Header { flags, ..header() };
    simple(call, header)
}

/// The list of devices with their uuids. The driver is asked to leave out what it can; what older
/// ones do not, and prefixes that end within a `\xNN`, is for the caller.
pub(crate) fn list(filter: &ListFilter) -> Request<'static> {
    let prefix = |prefix: &str, limit: usize| -> Vec<u8> {
        match prefix.len() <= limit && prefix.bytes().all(stays) {
            true => prefix.into(),
            false => Vec::new(),
        }
    };
    let header = Header {
        flags: Flags::UUID,
        name: prefix(&filter.name, NAME_MAX),
        uuid: prefix(&filter.uuid, UUID_MAX),
        ..header()
    };
    simple(Call::ListDevices, header)
}

/// The driver finds the kind by the device's name, and loads its module.
pub(crate) fn target_version(target: &TargetName) -> Request<'static> {
    let header = Header {
        name: target.as_str().into(),
        ..header()
    };
    simple(Call::GetTargetVersion, header)
}

pub(crate) fn create(create: &Create) -> Result<Request<'static>, DmError> {
    let uuid = create.uuid.as_ref().map(DmUuid::as_str);
    let mut header = Header {
        name: text(create.name.as_str())?,
        uuid: text(uuid.unwrap_or_default())?,
        ..header()
    };
    if let Some(minor) = create.minor {
        header.flags |= Flags::PERSISTENT_DEV;
        // The driver puts its own major in.
        header.dev = Some(DevNo { major: 0, minor });
    }
    Ok(simple(Call::DevCreate, header))
}

pub(crate) fn remove(device: &DevId, flags: Flags) -> Result<Request<'static>, DmError> {
    let header = Header {
        flags,
        ..of(device)?
    };
    Ok(simple(Call::DevRemove, header))
}

/// The driver takes only a name to find the device by.
pub(crate) fn rename(from: &[u8], to: &DmName) -> Result<Request<'static>, DmError> {
    let header = Header {
        name: from.into(),
        ..header()
    };
    let data = RequestData::Text(text(to.as_str())?.into());
    Ok(Request::new(Call::DevRename, header, data))
}

/// The driver takes only a name to find the device by.
pub(crate) fn set_uuid(name: &[u8], uuid: &DmUuid) -> Result<Request<'static>, DmError> {
    let header = Header {
        name: name.into(),
        flags: Flags::UUID,
        ..header()
    };
    let data = RequestData::Text(text(uuid.as_str())?.into());
    Ok(Request::new(Call::DevRename, header, data))
}

pub(crate) fn load<'a>(
    device: &DevId,
    lines: impl Into<Cow<'a, [TableLine]>>,
    mode: TableMode,
    secrecy: Secrecy,
) -> Result<Request<'a>, DmError> {
    let mut header = of(device)?;
    header
        .flags
        .set(Flags::SECURE_DATA, secrecy == Secrecy::Secret);
    header
        .flags
        .set(Flags::READONLY, mode == TableMode::ReadOnly);
    let data = RequestData::Lines(lines.into());
    Ok(Request::new(Call::TableLoad, header, data))
}

pub(crate) fn clear(device: &DevId) -> Result<Request<'static>, DmError> {
    Ok(simple(Call::TableClear, of(device)?))
}

pub(crate) fn suspend(
    device: &DevId,
    options: SuspendOptions,
) -> Result<Request<'static>, DmError> {
    let header = Header {
        flags: Flags::SUSPEND | suspend_flags(options),
        ..of(device)?
    };
    Ok(simple(Call::DevSuspend, header))
}

pub(crate) fn resume(device: &DevId, options: SuspendOptions) -> Result<Request<'static>, DmError> {
    let header = Header {
        flags: suspend_flags(options),
        ..of(device)?
    };
    Ok(simple(Call::DevSuspend, header))
}

fn suspend_flags(options: SuspendOptions) -> Flags {
    let lockfs = match options.lockfs {
        LockFs::Freeze => Flags::empty(),
        LockFs::Skip => Flags::SKIP_LOCKFS,
    };
    flush_flags(options.flush) | lockfs
}

/// What a device is, or what its table stands on.
pub(crate) fn about(call: Call, device: &DevId, slot: Slot) -> Result<Request<'static>, DmError> {
    let header = Header {
        flags: slot_flags(slot),
        ..of(device)?
    };
    Ok(simple(call, header))
}

pub(crate) fn table(device: &DevId, slot: Slot) -> Result<Request<'static>, DmError> {
    let header = Header {
        flags: Flags::STATUS_TABLE | Flags::SECURE_DATA | slot_flags(slot),
        ..of(device)?
    };
    Ok(simple(Call::TableStatus, header))
}

pub(crate) fn status(
    device: &DevId,
    slot: Slot,
    flush: FlushMode,
) -> Result<Request<'static>, DmError> {
    let header = Header {
        flags: slot_flags(slot) | flush_flags(flush),
        ..of(device)?
    };
    Ok(simple(Call::TableStatus, header))
}

pub(crate) fn measure(device: &DevId, slot: Slot) -> Result<Request<'static>, DmError> {
    let header = Header {
        flags: Flags::IMA_MEASUREMENT | slot_flags(slot),
        ..of(device)?
    };
    Ok(simple(Call::TableStatus, header))
}

pub(crate) fn wait(
    device: &DevId,
    event: u32,
    flush: FlushMode,
) -> Result<Request<'static>, DmError> {
    let header = Header {
        event,
        flags: flush_flags(flush),
        ..of(device)?
    };
    Ok(simple(Call::DevWait, header))
}

pub(crate) fn message<'a>(
    device: &DevId,
    sector: Sector,
    text: &'a str,
) -> Result<Request<'a>, DmError> {
    let header = Header {
        flags: Flags::SECURE_DATA,
        ..of(device)?
    };
    let data = RequestData::Message(sector, text.into());
    Ok(Request::new(Call::TargetMsg, header, data))
}

pub(crate) fn set_geometry(
    device: &DevId,
    geometry: Geometry,
) -> Result<Request<'static>, DmError> {
    let data = RequestData::Text(geometry.to_string().into_bytes().into());
    Ok(Request::new(Call::DevSetGeometry, of(device)?, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_is_said_in_one_way_and_mangled() {
        let name = DevId::Name(DmName::new("my vol").unwrap());
        let header = of(&name).unwrap();
        assert_eq!(header.name, br"my\x20vol");
        assert_eq!((header.uuid.len(), header.dev), (0, None));
        let uuid = DevId::Uuid(DmUuid::new("a/b").unwrap());
        assert_eq!(of(&uuid).unwrap().uuid, br"a\x2fb");
        let number = DevNo {
            major: 253,
            minor: 1,
        };
        assert_eq!(of(&DevId::Number(number)).unwrap().dev, Some(number));
    }

    #[test]
    fn options_become_flags() {
        let device = DevId::Name(DmName::new("vol0").unwrap());
        let options = SuspendOptions::new(FlushMode::NoFlush, LockFs::Skip);
        let both = Flags::NOFLUSH | Flags::SKIP_LOCKFS;
        assert_eq!(resume(&device, options).unwrap().header.flags, both);
        assert_eq!(
            suspend(&device, options).unwrap().header.flags,
            both | Flags::SUSPEND
        );
        let load = |secrecy| {
            let request = load(&device, Vec::new(), TableMode::ReadOnly, secrecy);
            request.unwrap().header.flags
        };
        let both = Flags::READONLY | Flags::SECURE_DATA;
        assert_eq!(load(Secrecy::Secret), both);
        assert_eq!(load(Secrecy::Open), Flags::READONLY);
    }

    #[test]
    fn list_filters_by_what_the_driver_understands() {
        let header = |filter| list(&filter).header;
        let plain = header(ListFilter::ALL.name("vg-").uuid("LVM-"));
        assert_eq!((plain.name, plain.uuid), (b"vg-".into(), b"LVM-".into()));
        let coded = header(ListFilter::ALL.name("my vol").uuid("u".repeat(129)));
        assert_eq!((coded.name, coded.uuid), (Vec::new(), Vec::new()));
    }
}
