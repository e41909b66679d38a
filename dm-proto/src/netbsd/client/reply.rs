//! What the replies of commands say that were obeyed.

use dm_core::command::{Dep, DeviceEntry, DeviceInfo, TargetVersion};
use dm_core::devid::DevNo;
use dm_core::flags::DeviceFlags;
use dm_core::names::{DmName, DmUuid, TargetName};
use dm_core::table::TableLine;
use dm_core::units::{Sector, SectorCount};
use dm_core::version::Version;

use crate::proplib::{Dictionary, Text};

use super::super::fields::{Fault, FieldError, Fields};
use super::super::keys;

/// What `info` and `mknodes` show of a state. The rest of their flags is the request's.
const SHOWN: DeviceFlags = DeviceFlags::SUSPENDED
    .union(DeviceFlags::ACTIVE_PRESENT)
    .union(DeviceFlags::INACTIVE_PRESENT);

/// The driver's version, which every reply has but that to another version.
///
/// # Errors
/// [`FieldError`] if it is not there.
pub fn version(reply: &Dictionary) -> Result<Version, FieldError> {
    let fields = Fields::top(reply);
    let numbers = fields.array(keys::VERSION)?;
    let number = |at: usize| numbers.get(at)?.uint32();
    match (number(0), number(1), number(2)) {
        // More than three come back as they were.
        (Some(major), Some(minor), Some(patch)) => Ok(Version(major, minor, patch)),
        _ => {
            let expected = "array of three numbers";
            Err(fields.error(keys::VERSION, Fault::Not { expected }))
        }
    }
}

/// The number of the device that a reply is about.
///
/// # Errors
/// [`FieldError`] if it is not there, or 0, which no device has.
pub fn minor(reply: &Dictionary) -> Result<u32, FieldError> {
    let fields = Fields::top(reply);
    match fields.uint32(keys::MINOR)? {
        0 => {
            let value = "0".into();
            Err(fields.error(keys::MINOR, Fault::Unknown { value }))
        }
        minor => Ok(minor),
    }
}

/// What `info` and `mknodes` say of a device. Its name is the caller's to know: the reply has that of the request, or none.
/// Its major number is the driver's.
///
/// `open_count` is that of requests under way (quirk 4). The driver has no events.
///
/// # Errors
/// [`FieldError`] names the key that is missing or wrong.
pub fn info(reply: &Dictionary, name: DmName, major: u32) -> Result<DeviceInfo, FieldError> {
    let fields = Fields::top(reply);
    let number = DevNo {
        major,
        minor: minor(reply)?,
    };
    let mut info = DeviceInfo::new(name, number);
    info.flags = DeviceFlags::from_bits_truncate(fields.uint32(keys::FLAGS)?) & SHOWN;
    info.open_count = fields.uint32(keys::OPEN_COUNT)?;
    info.target_count = fields.uint32(keys::TARGET_COUNT)?;
    info.uuid = uuid(fields.text(keys::UUID)?);
    Ok(info)
}

/// What `targets` says.
///
/// # Errors
/// [`FieldError`] names the key that is missing or wrong.
pub fn targets(reply: &Dictionary) -> Result<Vec<TargetVersion>, FieldError> {
    Fields::top(reply).items(|item| {
        let name = TargetName::new(&item.string(keys::NAME)?);
        let name = name.map_err(|error| item.wrong(keys::NAME, error))?;
        Ok(TargetVersion::new(name, item.version(keys::VER)?))
    })
}

/// What `names` says, with the driver's major number.
///
/// Other clients may give a device any name, or none (quirk 5). One that is no name here is shown with what is wrong with
/// it as `\xNN`, and one without as `minor-N`. Such a device is reached by its number alone.
///
/// # Errors
/// [`FieldError`] names the key that is missing or wrong.
pub fn devices(reply: &Dictionary, major: u32) -> Result<Vec<DeviceEntry>, FieldError> {
    Fields::top(reply).items(|item| {
        let minor = item.uint32(keys::DEV)?;
        let name = shown(item.text(keys::NAME)?)
            .or_else(|| DmName::new(&format!("minor-{minor}")).ok())
            .ok_or_else(|| item.error(keys::NAME, Fault::Missing))?;
        Ok(DeviceEntry::new(name, DevNo { major, minor }))
    })
}

/// What `table` and `status` say. The parameters are empty where the driver has none to show.
///
/// # Errors
/// [`FieldError`] names the key that is missing or wrong.
pub fn lines(reply: &Dictionary) -> Result<Vec<TableLine>, FieldError> {
    Fields::top(reply).items(|item| {
        let target = TargetName::new(&item.string(keys::TYPE)?);
        let params = item.optional(keys::PARAMS, |item| item.lossy(keys::PARAMS))?;
        Ok(TableLine {
            start: Sector(item.uint64(keys::START)?),
            length: SectorCount(item.uint64(keys::LENGTH)?),
            target: target.map_err(|error| item.wrong(keys::TYPE, error))?,
            params: params.unwrap_or_default().trim().to_owned(),
        })
    })
}

/// What `deps` says: each device once, in the order of the table.
///
/// # Errors
/// [`FieldError`] names what is no number.
pub fn deps(reply: &Dictionary) -> Result<Vec<Dep>, FieldError> {
    let fields = Fields::top(reply);
    let mut deps: Vec<Dep> = Vec::new();
    for (at, value) in fields.array(keys::CMD_DATA)?.iter().enumerate() {
        // Decimal, or hexadecimal from newer kernels (quirk 8); of 64 bits, as dev_t is.
        let number = value.uint64().ok_or(FieldError {
            item: Some(at + 1),
            key: keys::CMD_DATA,
            fault: Fault::Not {
                expected: "device number",
            },
        })?;
        let number = dev_no(number);
        if deps.iter().all(|dep| dep.number != number) {
            deps.push(Dep::new(number, None));
        }
    }
    Ok(deps)
}

/// # Source
/// `major()` and `minor()` of NetBSD's `sys/types.h`, which look at the low 32 bits.
fn dev_no(number: u64) -> DevNo {
    let part = |mask: u64, shift: u32| u32::try_from((number & mask) >> shift).unwrap_or_default();
    DevNo {
        major: part(0x000f_ff00, 8),
        minor: part(0xfff0_0000, 12) | part(0x0000_00ff, 0),
    }
}

/// A name as far as it can be one here.
fn shown(text: &Text) -> Option<DmName> {
    let name = text.as_str().and_then(|name| DmName::new(name).ok());
    name.or_else(|| {
        let mut shown = String::new();
        for chunk in text.as_bytes().utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '/' => shown.push_str(r"\x2f"),
                    '.' if shown.is_empty() => shown.push_str(r"\x2e"),
                    c => shown.push(c),
                }
            }
            for byte in chunk.invalid() {
                shown.push_str(&format!("\\x{byte:02x}"));
            }
        }
        DmName::new(&shown).ok()
    })
}

fn uuid(text: &Text) -> Option<DmUuid> {
    DmUuid::new(&text.to_string_lossy()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proplib::Value;

    fn reply(data: impl IntoIterator<Item = impl Into<Value>>) -> Dictionary {
        let mut reply = Dictionary::new();
        reply.set(keys::CMD_DATA, data.into_iter().collect::<Value>());
        reply
    }

    fn numbers(data: impl IntoIterator<Item = impl Into<Value>>) -> Vec<String> {
        let deps = deps(&reply(data)).unwrap();
        deps.iter().map(|dep| dep.number.to_string()).collect()
    }

    #[test]
    fn dev_t_is_taken_apart() {
        assert_eq!(numbers([43265_u64]), ["169:1"]);
        assert_eq!(numbers([0xfff0_00ff_u64]), ["0:1048575"]);
        assert_eq!(numbers([0x000f_ff00_u64]), ["4095:0"]);
    }

    /// Quirk 8.
    #[test]
    fn numbers_of_both_forms_are_read() {
        assert_eq!(numbers([50433_i64, 50434]), numbers([50433_u64, 50434]));
        let target = |parts: Value| {
            let mut target = Dictionary::new();
            target.set(keys::NAME, "linear").set(keys::VER, parts);
            targets(&reply([target])).unwrap()
        };
        let signed = target([1_i64, 0, 2].into_iter().collect());
        assert_eq!(signed, target([1_u64, 0, 2].into_iter().collect()));
        assert_eq!(signed[0].version, Version(1, 0, 2));
    }

    /// Quirk 8: a status in words.
    #[test]
    fn striped_of_newer_kernels_shows_its_status() {
        let mut line = Dictionary::new();
        line.set(keys::LENGTH, 128_u64)
            .set(keys::PARAMS, "2 /dev/wd0a /dev/wd1a 1 AA")
            .set(keys::START, 0_u64)
            .set(keys::STATUS, 0)
            .set(keys::TYPE, "striped");
        let shown = lines(&reply([line])).unwrap()[0].to_string();
        assert_eq!(shown, "0 128 striped 2 /dev/wd0a /dev/wd1a 1 AA");
    }

    /// Quirk 5.
    #[test]
    fn names_that_can_not_be_are_shown() {
        let shown = |name: &[u8]| {
            let mut entry = Dictionary::new();
            entry
                .set(keys::DEV, 7_u32)
                .set(keys::NAME, Text::from(name));
            devices(&reply([entry]), 169).unwrap()[0].name.to_string()
        };
        assert_eq!(shown(b"vol0"), "vol0");
        assert_eq!(shown(b""), "minor-7");
        assert_eq!(shown(b"control"), "minor-7");
        assert_eq!(shown(b"a/b<&>"), r"a\x2fb<&>");
        assert_eq!(shown(b".."), r"\x2e.");
        assert_eq!(shown(b"a\xff"), r"a\xff");
    }

    #[test]
    fn wrong_replies_name_the_key() {
        let said = |error: FieldError| error.to_string();
        assert_eq!(
            deps(&reply(["x"])).map_err(said).unwrap_err(),
            "item 1 of cmd_data is no device number"
        );
        assert_eq!(
            lines(&reply([Dictionary::new()]))
                .map_err(said)
                .unwrap_err(),
            "item 1 of cmd_data: the key type is missing"
        );
        assert_eq!(
            version(&Dictionary::new()).map_err(said).unwrap_err(),
            "the key version is missing"
        );
        let mut zero = Dictionary::new();
        zero.set(keys::MINOR, 0_u32);
        assert_eq!(
            minor(&zero).map_err(said).unwrap_err(),
            "the key minor has the unknown value \"0\""
        );
    }
}
