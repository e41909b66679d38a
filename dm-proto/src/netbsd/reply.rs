//! Replies in the engine dialect: the server writes them, the client reads them.

use dm_core::command::{Command, Dep, DeviceEntry, DeviceInfo, Reply, TargetVersion};
use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::flags::DeviceFlags;
use dm_core::names::{DmUuid, TargetName};

use crate::proplib::{Dictionary, Value};

use super::command::{check_dialect, geometry, word};
use super::fields::{self, Fault, FieldError, Fields};
use super::flags::WireFlags;
use super::keys;
use super::segments;

/// Writes the reply to a request into it, as a kernel does.
///
/// Keys that mean nothing here come back as they were; what belonged to the request alone, `cmd_data` above all, does
/// not.
pub fn encode(mut request: Dictionary, result: &Result<Reply, DmError>) -> Dictionary {
    for key in [
        keys::CMD_DATA,
        keys::FORCED,
        keys::GEOMETRY,
        keys::REPLY,
        keys::ERROR_KIND,
        keys::ERROR,
        keys::ERRNO,
        keys::ERROR_LINE,
    ] {
        request.remove(key);
    }
    request.set(keys::DIALECT, keys::ENGINE);
    match result {
        Ok(reply) => success(&mut request, reply),
        Err(error) => failure(&mut request, error),
    }
    request
}

/// Reads the reply to a command.
///
/// # Errors
/// The failure that the reply says, about the command and its device; [`ErrorKind::Protocol`] names the key that is
/// missing or wrong.
pub fn decode(command: &Command, reply: &Dictionary) -> Result<Reply, DmError> {
    // Whatever is wrong with a reply, the name in it too, is the other side's fault.
    let wrong = |error| DmError::new(ErrorKind::Protocol).with_source(error);
    read(command, &Fields::top(reply))
        .map_err(wrong)
        .flatten()
        .map_err(|error| error.about(command.verb(), command.device()))
}

fn success(message: &mut Dictionary, reply: &Reply) {
    let kind = match reply {
        Reply::Done => keys::reply::DONE,
        Reply::Version(version) => {
            message.set(keys::VERSION, fields::version(*version));
            keys::reply::VERSION
        }
        Reply::Targets(targets) => {
            set_items(message, targets.iter().map(target));
            keys::reply::TARGETS
        }
        Reply::Devices(devices) => {
            set_items(message, devices.iter().map(entry));
            keys::reply::DEVICES
        }
        Reply::Device(info) => {
            set_device(message, info);
            keys::reply::DEVICE
        }
        Reply::Deps(info, deps) => {
            set_device(message, info);
            set_items(message, deps.iter().map(dep));
            keys::reply::DEPS
        }
        Reply::Lines(info, lines) => {
            set_device(message, info);
            message.set(keys::CMD_DATA, segments::encode(lines));
            keys::reply::LINES
        }
        Reply::Message(info, answer) => {
            set_device(message, info);
            let answer = answer.iter().map(|answer| fields::text(answer));
            set_items(message, answer);
            keys::reply::MESSAGE
        }
        Reply::Changes(count) => {
            message.set(keys::EVENT_NR, *count);
            keys::reply::CHANGES
        }
        _ => {
            let reason = "the reply has no place in this dialect";
            let error = DmError::because(ErrorKind::Unsupported, reason);
            return failure(message, &error);
        }
    };
    message.set(keys::REPLY, kind);
}

fn failure(message: &mut Dictionary, error: &DmError) {
    message
        .set(keys::ERROR_KIND, error.kind.word())
        .set(keys::ERROR, fields::text(&error.reason()));
    if let Some(errno) = error.context.errno {
        message.set(keys::ERRNO, errno.linux());
    }
    if let Some(line) = error.context.line.and_then(|line| u64::try_from(line).ok()) {
        message.set(keys::ERROR_LINE, line);
    }
    if error.kind == ErrorKind::NotFound {
        let flags = message.uint32(keys::FLAGS).unwrap_or_default();
        let flags = WireFlags::from_bits_retain(flags) - WireFlags::EXISTS;
        message.set(keys::FLAGS, flags.bits());
    }
}

fn set_items<V: Into<Value>>(message: &mut Dictionary, items: impl Iterator<Item = V>) {
    message.set(keys::CMD_DATA, items.collect::<Value>());
}

fn set_device(message: &mut Dictionary, info: &DeviceInfo) {
    let uuid = info.uuid.as_ref().map_or("", DmUuid::as_str);
    message
        .set(keys::NAME, info.name.as_str())
        .set(keys::UUID, uuid)
        .set(keys::MAJOR, info.number.major)
        .set(keys::MINOR, info.number.minor)
        .set(keys::FLAGS, info.flags.bits() | WireFlags::EXISTS.bits())
        .set(keys::OPEN_COUNT, info.open_count)
        .set(keys::EVENT_NR, info.event)
        .set(keys::TARGET_COUNT, info.target_count);
    if let Some(geometry) = info.geometry {
        message.set(keys::GEOMETRY, geometry.to_string());
    }
}

fn target(target: &TargetVersion) -> Dictionary {
    let mut item = Dictionary::new();
    item.set(keys::NAME, target.name.as_str())
        .set(keys::VER, fields::version(target.version));
    item
}

fn entry(entry: &DeviceEntry) -> Dictionary {
    let mut item = number(entry.number);
    item.set(keys::NAME, entry.name.as_str());
    if let Some(uuid) = &entry.uuid {
        item.set(keys::UUID, uuid.as_str());
    }
    if let Some(event) = entry.event {
        item.set(keys::EVENT_NR, event);
    }
    item
}

fn dep(dep: &Dep) -> Dictionary {
    let mut item = number(dep.number);
    if let Some(text) = &dep.text {
        item.set(keys::TEXT, fields::text(text));
    }
    item
}

fn number(number: DevNo) -> Dictionary {
    let mut item = Dictionary::new();
    item.set(keys::DEV, number.minor)
        .set(keys::MAJOR, number.major);
    item
}

/// What a reply says: a reply or a failure; or else what is wrong with it.
fn read(command: &Command, reply: &Fields<'_>) -> Result<Result<Reply, DmError>, FieldError> {
    check_dialect(reply)?;
    if reply.contains(keys::ERROR_KIND) {
        return read_failure(reply).map(Err);
    }
    let echo = reply.string(keys::COMMAND)?;
    if echo != word(command) {
        let value = echo.into_owned();
        return Err(reply.error(keys::COMMAND, Fault::Unknown { value }));
    }
    let kind = reply.string(keys::REPLY)?;
    Ok(Ok(match &*kind {
        keys::reply::DONE => Reply::Done,
        keys::reply::VERSION => Reply::Version(reply.version(keys::VERSION)?),
        keys::reply::TARGETS => Reply::Targets(reply.items(read_target)?),
        keys::reply::DEVICES => Reply::Devices(reply.items(read_entry)?),
        keys::reply::DEVICE => Reply::Device(read_device(reply)?),
        keys::reply::DEPS => Reply::Deps(read_device(reply)?, reply.items(read_dep)?),
        keys::reply::LINES => Reply::Lines(read_device(reply)?, segments::decode(reply)?),
        keys::reply::MESSAGE => {
            let answer = match reply.array(keys::CMD_DATA)? {
                [] => None,
                _ => Some(reply.first_string(keys::CMD_DATA)?.into_owned()),
            };
            Reply::Message(read_device(reply)?, answer)
        }
        keys::reply::CHANGES => Reply::Changes(reply.uint32(keys::EVENT_NR)?),
        _ => {
            let value = kind.into_owned();
            return Err(reply.error(keys::REPLY, Fault::Unknown { value }));
        }
    }))
}

fn read_failure(reply: &Fields<'_>) -> Result<DmError, FieldError> {
    let kind = reply.string(keys::ERROR_KIND)?;
    let kind = ErrorKind::from_word(&kind).ok_or_else(|| {
        let value = kind.into_owned();
        reply.error(keys::ERROR_KIND, Fault::Unknown { value })
    })?;
    let mut error = DmError::because(kind, reply.string(keys::ERROR)?);
    let errno = reply.optional(keys::ERRNO, |reply| reply.int32(keys::ERRNO))?;
    error.context.errno = errno.map(Errno::from_linux);
    let line = reply.optional(keys::ERROR_LINE, |reply| reply.uint64(keys::ERROR_LINE))?;
    error.context.line = line.and_then(|line| usize::try_from(line).ok());
    Ok(error)
}

fn read_device(reply: &Fields<'_>) -> Result<DeviceInfo, FieldError> {
    let mut info = DeviceInfo::new(reply.name()?, reply.number(keys::MINOR)?);
    info.uuid = match reply.string(keys::UUID)?.is_empty() {
        true => None,
        false => Some(reply.uuid()?),
    };
    info.flags = DeviceFlags::from_bits_truncate(reply.uint32(keys::FLAGS)?);
    info.open_count = reply.uint32(keys::OPEN_COUNT)?;
    info.event = reply.uint32(keys::EVENT_NR)?;
    info.target_count = reply.uint32(keys::TARGET_COUNT)?;
    info.geometry = reply.optional(keys::GEOMETRY, geometry)?;
    Ok(info)
}

fn read_target(item: Fields<'_>) -> Result<TargetVersion, FieldError> {
    let name = TargetName::new(&item.string(keys::NAME)?);
    let name = name.map_err(|error| item.wrong(keys::NAME, error))?;
    Ok(TargetVersion::new(name, item.version(keys::VER)?))
}

fn read_entry(item: Fields<'_>) -> Result<DeviceEntry, FieldError> {
    let mut entry = DeviceEntry::new(item.name()?, item.number(keys::DEV)?);
    entry.uuid = item.optional(keys::UUID, Fields::uuid)?;
    entry.event = item.optional(keys::EVENT_NR, |item| item.uint32(keys::EVENT_NR))?;
    Ok(entry)
}

fn read_dep(item: Fields<'_>) -> Result<Dep, FieldError> {
    let text = item.optional(keys::TEXT, |item| item.string(keys::TEXT))?;
    let text = text.map(|text| text.into_owned());
    Ok(Dep::new(item.number(keys::DEV)?, text))
}
