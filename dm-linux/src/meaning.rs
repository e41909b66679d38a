//! What replies mean in dm-core's terms.

use dm_core::command::{DeviceEntry, DeviceInfo};
use dm_core::error::DmError;
use dm_core::flags::DeviceFlags;
use dm_core::names::{DmName, DmUuid, NameError};

use crate::abi::layout::ioctl;
use crate::abi::reply::NameRecord;
use crate::abi::view::Header;
use crate::abi::{Problem, WireError};
use crate::mangle::{self, raw};

/// The flag that the reply to a rename lacks.
pub(crate) const INACTIVE: DeviceFlags = DeviceFlags::INACTIVE_PRESENT;

/// A device's state.
pub(crate) fn info(header: &Header) -> Result<DeviceInfo, DmError> {
    let (field, at) = (ioctl::DEV.name, ioctl::DEV.offset);
    let number = header
        .dev
        .ok_or_else(|| WireError::new(field, at, Problem::Value { value: 0 }))?;
    let mut info = DeviceInfo::new(name(&header.name)?, number);
    info.uuid = uuid(&header.uuid)?;
    info.flags = DeviceFlags::from_bits_truncate(header.flags.bits());
    info.open_count = header.open_count;
    info.event = header.event;
    info.target_count = header.target_count;
    Ok(info)
}

/// A device in the list.
pub(crate) fn entry(record: &NameRecord) -> Result<DeviceEntry, DmError> {
    let mut entry = DeviceEntry::new(name(&record.name)?, record.number);
    entry.event = record.event;
    entry.uuid = match &record.uuid {
        Some(found) => uuid(found)?,
        None => None,
    };
    Ok(entry)
}

/// A name as users write it; as the driver has it, if that would be none.
fn name(bytes: &[u8]) -> Result<DmName, WireError> {
    DmName::new(&mangle::read(bytes))
        .or_else(|_| DmName::new(&raw(bytes)))
        .map_err(|error| wrong(&ioctl::NAME, error))
}

fn uuid(bytes: &[u8]) -> Result<Option<DmUuid>, WireError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    DmUuid::new(&mangle::read(bytes))
        .or_else(|_| DmUuid::new(&raw(bytes)))
        .map(Some)
        .map_err(|error| wrong(&ioctl::UUID, error))
}

fn wrong(field: &crate::abi::layout::Field, error: NameError) -> WireError {
    WireError::new(field.name, field.offset, Problem::Name(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::Flags;
    use dm_core::devid::DevNo;

    fn header(name: &[u8]) -> Header {
        Header {
            name: name.into(),
            dev: Some(DevNo {
                major: 253,
                minor: 0,
            }),
            ..Header::default()
        }
    }

    #[test]
    fn names_are_shown_as_users_write_them() {
        let shown = |bytes: &[u8]| info(&header(bytes)).unwrap().name.to_string();
        assert_eq!(shown(br"my\x20vol"), "my vol");
        assert_eq!(shown(b"a raw name"), "a raw name");
        assert_eq!(shown(br"a\x2fb"), r"a\x2fb");
        assert_eq!(shown(br"\x2e\x2e"), r"\x2e\x2e");
        assert_eq!(shown(b"\xff"), r"\xff");
    }

    #[test]
    fn only_state_flags_pass() {
        let mut header = header(b"vol0");
        header.flags = Flags::SUSPEND | Flags::SECURE_DATA | Flags::STATUS_TABLE;
        assert_eq!(info(&header).unwrap().flags, DeviceFlags::SUSPENDED);
    }

    #[test]
    fn device_without_name_or_number_is_nonsense() {
        assert_eq!(
            info(&header(b"")).unwrap_err().reason(),
            "name at byte 48 is no name: the device name is empty"
        );
        let nameless = Header::default();
        assert_eq!(
            info(&nameless).unwrap_err().reason(),
            "dev at byte 40 is 0, which can not be"
        );
    }
}
