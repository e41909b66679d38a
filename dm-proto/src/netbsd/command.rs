//! Requests in the engine dialect: the client writes them, the server reads them.

use dm_core::command::{
    Command, Create, Geometry, ListFilter, Load, LockFs, RemoveMode, Secrecy, Slot, SuspendOptions,
};
use dm_core::component::TableMode;
use dm_core::devid::DevId;
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::{DmName, DmUuid, TargetName};
use dm_core::target::FlushMode;
use dm_core::units::Sector;
use dm_core::version::Version;
use zeroize::Zeroizing;

use crate::proplib::Dictionary;
use crate::secret::SecretText;

use super::fields::{self, Fault, FieldError, Fields};
use super::flags::WireFlags;
use super::keys;
use super::request::Request;
use super::segments;

/// The interface version that requests name. A driver takes every one with its own major number.
pub const VERSION: Version = Version(4, 0, 0);

/// Writes a request.
///
/// # Examples
/// ```
/// use dm_core::command::{Command, Create};
/// use dm_core::names::DmName;
/// use dm_proto::netbsd::command;
///
/// let create = Command::Create(Create::new(DmName::new("vol0")?).minor(7));
/// let request = command::encode(&create);
/// assert_eq!(request.string("command"), Some("create"));
/// assert_eq!(request.uint32("minor"), Some(7));
/// assert_eq!(command::decode(&request)?, create);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(command: &Command) -> Dictionary {
    let mut request = head(command);
    if let Command::Load(load) = command {
        request.set(keys::CMD_DATA, segments::encode(&load.lines));
    }
    request
}

/// The text of what [`encode`] gives, made without the dictionaries of a long table's lines.
///
/// It may hold keys: it is wiped when it is dropped.
///
/// # Examples
/// ```
/// use dm_core::command::Command;
/// use dm_proto::netbsd::command;
/// use dm_proto::proplib::write_dictionary;
///
/// let text = command::write(&Command::Version);
/// assert_eq!(*text, *write_dictionary(&command::encode(&Command::Version)));
/// ```
pub fn write(command: &Command) -> SecretText {
    let request = Zeroizing::new(head(command));
    match command {
        Command::Load(load) => {
            let (items, room) = (segments::items(&load.lines), segments::room(&load.lines));
            SecretText::with_items(&request, keys::CMD_DATA, items, room)
        }
        _ => SecretText::of(&request),
    }
}

/// A request but for a table's lines.
fn head(command: &Command) -> Dictionary {
    let mut request = Request::new(word(command)).engine();
    match command {
        Command::TargetVersion { target } => request.set(keys::NAME, target.as_str()),
        Command::List(filter) => {
            for (key, prefix) in [(keys::NAME, &filter.name), (keys::UUID, &filter.uuid)] {
                if !prefix.is_empty() {
                    request.set(key, fields::text(prefix));
                }
            }
        }
        Command::Create(create) => {
            request.set(keys::NAME, create.name.as_str());
            if let Some(uuid) = &create.uuid {
                request.set(keys::UUID, uuid.as_str());
            }
            if let Some(minor) = create.minor {
                request.set(keys::MINOR, minor);
                request.flags |= WireFlags::PERSISTENT_DEV;
            }
        }
        Command::Remove { device, mode } => {
            request.device(device);
            request.mode(*mode);
        }
        Command::RemoveAll { mode } => request.mode(*mode),
        Command::Rename { device, name } => {
            request.device(device);
            request.data([name.as_str().into()]);
        }
        Command::SetUuid { device, uuid } => {
            request.device(device);
            request.data([uuid.as_str().into()]);
            request.flags |= WireFlags::UUID;
        }
        Command::Load(load) => {
            request.device(&load.device);
            let read_only = load.mode == TableMode::ReadOnly;
            request.flags.set(WireFlags::READ_ONLY, read_only);
            let secret = load.secrecy == Secrecy::Secret;
            request.flags.set(WireFlags::SECURE_DATA, secret);
        }
        Command::Clear { device } => request.device(device),
        Command::Suspend { device, options } => {
            request.device(device);
            request.options(*options);
            request.flags |= WireFlags::SUSPEND;
        }
        Command::Resume { device, options } => {
            request.device(device);
            request.options(*options);
        }
        Command::Info { device, slot } | Command::Deps { device, slot } => {
            request.device(device);
            request.slot(*slot);
        }
        Command::Table { device, slot } => {
            request.device(device);
            request.slot(*slot);
            request.flags |= WireFlags::STATUS_TABLE;
        }
        Command::Status {
            device,
            slot,
            flush,
        } => {
            request.device(device);
            request.slot(*slot);
            request.flush(*flush);
        }
        Command::Measure { device, slot } => {
            request.device(device);
            request.slot(*slot);
            request.flags |= WireFlags::IMA_MEASUREMENT;
        }
        Command::Wait {
            device,
            event,
            flush,
        } => {
            request.device(device);
            request.set(keys::EVENT_NR, *event);
            request.flush(*flush);
        }
        Command::Watch { known } => request.set(keys::EVENT_NR, *known),
        Command::Message {
            device,
            sector,
            text,
        } => {
            request.device(device);
            let mut message = Dictionary::new();
            message
                .set(keys::MESSAGE, fields::text(text))
                .set(keys::SECTOR, sector.0);
            request.data([message.into()]);
        }
        Command::SetGeometry { device, geometry } => {
            request.device(device);
            request.set(keys::GEOMETRY, geometry.to_string());
        }
        Command::ProbePaths { device } => request.device(device),
        // The rest has no more than its name; a command that is not known here goes without a device, and no server
        // knows its name.
        _ => {}
    }
    request.finish()
}

/// Reads a request.
///
/// # Errors
/// [`ErrorKind::Protocol`] names the key that is missing or wrong, [`ErrorKind::Invalid`] the name that can be no name,
/// [`ErrorKind::InvalidTable`] the line whose target can be none, [`ErrorKind::Unsupported`] an unknown command.
pub fn decode(request: &Dictionary) -> Result<Command, DmError> {
    let request = Fields::top(request);
    check_dialect(&request)?;
    check_version(&request)?;
    let flags = WireFlags::from_bits_retain(request.uint32(keys::FLAGS)?);
    let event = request.uint32(keys::EVENT_NR)?;
    let slot = match flags.contains(WireFlags::QUERY_INACTIVE_TABLE) {
        true => Slot::Inactive,
        false => Slot::Active,
    };
    let flush = match flags.contains(WireFlags::NOFLUSH) {
        true => FlushMode::NoFlush,
        false => FlushMode::Flush,
    };
    let lockfs = match flags.contains(WireFlags::SKIP_LOCKFS) {
        true => LockFs::Skip,
        false => LockFs::Freeze,
    };
    let options = SuspendOptions::new(flush, lockfs);
    let device = || device(&request);
    let mode = || mode(&request, flags);
    let word = request.string(keys::COMMAND)?;
    Ok(match &*word {
        keys::command::VERSION => Command::Version,
        keys::command::TARGETS => Command::Targets,
        keys::command::TARGET_VERSION => target_version(&request)?,
        keys::command::NAMES => Command::List(filter(&request)?),
        keys::command::CREATE => Command::Create(create(&request, flags)?),
        keys::command::REMOVE => Command::Remove {
            device: device()?,
            mode: mode()?,
        },
        keys::command::REMOVE_ALL => Command::RemoveAll { mode: mode()? },
        keys::command::RENAME => rename(&request, flags)?,
        keys::command::RELOAD => Command::Load(load(&request, flags)?),
        keys::command::CLEAR => Command::Clear { device: device()? },
        keys::command::SUSPEND => Command::Suspend {
            device: device()?,
            options,
        },
        keys::command::RESUME => Command::Resume {
            device: device()?,
            options,
        },
        keys::command::INFO => Command::Info {
            device: device()?,
            slot,
        },
        keys::command::DEPS => Command::Deps {
            device: device()?,
            slot,
        },
        keys::command::TABLE => Command::Table {
            device: device()?,
            slot,
        },
        keys::command::STATUS if flags.contains(WireFlags::IMA_MEASUREMENT) => Command::Measure {
            device: device()?,
            slot,
        },
        keys::command::STATUS => Command::Status {
            device: device()?,
            slot,
            flush,
        },
        keys::command::WAITEVENT => Command::Wait {
            device: device()?,
            event,
            flush,
        },
        keys::command::WATCH => Command::Watch { known: event },
        keys::command::MESSAGE => message(&request)?,
        keys::command::SETGEOMETRY => Command::SetGeometry {
            device: device()?,
            geometry: geometry(&request)?,
        },
        keys::command::PROBE_PATHS => Command::ProbePaths { device: device()? },
        _ => {
            let value = word.into_owned();
            let unknown = request.error(keys::COMMAND, Fault::Unknown { value });
            return Err(DmError::new(ErrorKind::Unsupported).with_source(unknown));
        }
    })
}

/// What a request calls a command.
pub(super) fn word(command: &Command) -> &'static str {
    match command {
        Command::Version => keys::command::VERSION,
        Command::Targets => keys::command::TARGETS,
        Command::TargetVersion { .. } => keys::command::TARGET_VERSION,
        Command::List(_) => keys::command::NAMES,
        Command::Create(_) => keys::command::CREATE,
        Command::Remove { .. } => keys::command::REMOVE,
        Command::RemoveAll { .. } => keys::command::REMOVE_ALL,
        Command::Rename { .. } | Command::SetUuid { .. } => keys::command::RENAME,
        Command::Load(_) => keys::command::RELOAD,
        Command::Clear { .. } => keys::command::CLEAR,
        Command::Suspend { .. } => keys::command::SUSPEND,
        Command::Resume { .. } => keys::command::RESUME,
        Command::Info { .. } => keys::command::INFO,
        Command::Deps { .. } => keys::command::DEPS,
        Command::Table { .. } => keys::command::TABLE,
        Command::Status { .. } | Command::Measure { .. } => keys::command::STATUS,
        Command::Wait { .. } => keys::command::WAITEVENT,
        Command::Watch { .. } => keys::command::WATCH,
        Command::Message { .. } => keys::command::MESSAGE,
        Command::SetGeometry { .. } => keys::command::SETGEOMETRY,
        Command::ProbePaths { .. } => keys::command::PROBE_PATHS,
        _ => command.verb(),
    }
}

/// Refuses what is not in the engine dialect.
pub(super) fn check_dialect(message: &Fields<'_>) -> Result<(), FieldError> {
    let dialect = message.string(keys::DIALECT)?;
    match &*dialect {
        keys::ENGINE => Ok(()),
        _ => {
            let value = dialect.into_owned();
            Err(message.error(keys::DIALECT, Fault::Unknown { value }))
        }
    }
}

fn check_version(request: &Fields<'_>) -> Result<(), FieldError> {
    let version = request.version(keys::VERSION)?;
    match version.0 == VERSION.0 {
        true => Ok(()),
        false => {
            let value = version.to_string();
            Err(request.error(keys::VERSION, Fault::Unknown { value }))
        }
    }
}

/// The one device that a request says.
fn device(request: &Fields<'_>) -> Result<DevId, FieldError> {
    let name = request.optional(keys::NAME, Fields::name)?.map(DevId::Name);
    let uuid = request.optional(keys::UUID, Fields::uuid)?.map(DevId::Uuid);
    let number = match request.contains(keys::MAJOR) || request.contains(keys::MINOR) {
        true => Some(DevId::Number(request.number(keys::MINOR)?)),
        false => None,
    };
    let other = if uuid.is_some() {
        keys::UUID
    } else {
        keys::MINOR
    };
    match (name, uuid, number) {
        (Some(device), None, None) | (None, Some(device), None) | (None, None, Some(device)) => {
            Ok(device)
        }
        (None, None, None) => Err(request.error(keys::NAME, Fault::NoDevice)),
        (Some(_), _, _) => Err(request.error(keys::NAME, Fault::TwoDevices { other })),
        (None, _, _) => {
            let other = keys::MINOR;
            Err(request.error(keys::UUID, Fault::TwoDevices { other }))
        }
    }
}

fn mode(request: &Fields<'_>, flags: WireFlags) -> Result<RemoveMode, FieldError> {
    let forced = request.optional(keys::FORCED, |request| request.bool(keys::FORCED))?;
    Ok(match forced {
        Some(true) => RemoveMode::Forced,
        _ if flags.contains(WireFlags::DEFERRED_REMOVE) => RemoveMode::Deferred,
        _ => RemoveMode::IfUnused,
    })
}

fn target_version(request: &Fields<'_>) -> Result<Command, FieldError> {
    let target = TargetName::new(&request.string(keys::NAME)?)
        .map_err(|error| request.wrong(keys::NAME, error))?;
    Ok(Command::TargetVersion { target })
}

fn filter(request: &Fields<'_>) -> Result<ListFilter, FieldError> {
    let prefix = |key| {
        let found = request.optional(key, |request| request.string(key))?;
        Ok::<String, FieldError>(found.unwrap_or_default().into_owned())
    };
    Ok(ListFilter::ALL
        .name(prefix(keys::NAME)?)
        .uuid(prefix(keys::UUID)?))
}

/// The geometry of a request or a reply.
pub(super) fn geometry(message: &Fields<'_>) -> Result<Geometry, FieldError> {
    let expected = "geometry: cylinders, heads, sectors and start";
    let text = message.string(keys::GEOMETRY)?;
    text.parse()
        .map_err(|_| message.error(keys::GEOMETRY, Fault::Not { expected }))
}

fn create(request: &Fields<'_>, flags: WireFlags) -> Result<Create, FieldError> {
    let mut create = Create::new(request.name()?);
    create.uuid = request.optional(keys::UUID, Fields::uuid)?;
    if flags.contains(WireFlags::PERSISTENT_DEV) {
        create.minor = Some(request.uint32(keys::MINOR)?);
    }
    Ok(create)
}

fn rename(request: &Fields<'_>, flags: WireFlags) -> Result<Command, FieldError> {
    let device = device(request)?;
    let new = request.first_string(keys::CMD_DATA)?;
    let wrong = |error| request.wrong(keys::CMD_DATA, error);
    Ok(match flags.contains(WireFlags::UUID) {
        true => Command::SetUuid {
            device,
            uuid: DmUuid::new(&new).map_err(wrong)?,
        },
        false => Command::Rename {
            device,
            name: DmName::new(&new).map_err(wrong)?,
        },
    })
}

fn load(request: &Fields<'_>, flags: WireFlags) -> Result<Load, DmError> {
    let device = device(request)?;
    let lines = segments::decode(request).map_err(|error| match (&error.fault, error.item) {
        (Fault::Name(_), Some(line)) => DmError::new(ErrorKind::InvalidTable)
            .at_line(line)
            .with_source(error),
        _ => error.into(),
    })?;
    let load = Load::new(device, lines);
    let load = match flags.contains(WireFlags::SECURE_DATA) {
        true => load,
        false => load.open(),
    };
    Ok(match flags.contains(WireFlags::READ_ONLY) {
        true => load.read_only(),
        false => load,
    })
}

fn message(request: &Fields<'_>) -> Result<Command, FieldError> {
    let device = device(request)?;
    let messages = request.items(|message| {
        let sector = Sector(message.uint64(keys::SECTOR)?);
        Ok((sector, message.string(keys::MESSAGE)?.into_owned()))
    })?;
    let expected = "array of one message";
    let [(sector, text)] = <[_; 1]>::try_from(messages)
        .map_err(|_| request.error(keys::CMD_DATA, Fault::Not { expected }))?;
    Ok(Command::Message {
        device,
        sector,
        text,
    })
}
