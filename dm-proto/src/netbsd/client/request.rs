//! Commands as requests.

use dm_core::command::{Command, Create, Load, RemoveMode, Slot};
use dm_core::component::TableMode;
use dm_core::devid::DevId;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};

use crate::proplib::{Dictionary, terminate, write_dictionary};

use super::super::command::word;
use super::super::flags::WireFlags;
use super::super::keys;
use super::super::request::Request;
use super::super::segments;
use super::check;

/// The most bytes of a request's text, with the NUL behind it: the ioctl takes no more.
pub const REQUEST_MAX: usize = 65_535;

/// A command as NetBSD's driver takes it.
///
/// Each request has `minor`, 0 where the device is not said by number: the driver looks for a number that nobody wrote
/// where the key is missing (quirk 13). None has an empty `cmd_data`, as LVM2's has, so that a reply without one tells.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for what that driver has no word for, or does otherwise than it was asked;
/// [`ErrorKind::InvalidTable`] for a table that it can not be given.
///
/// # Examples
/// ```
/// use dm_core::command::Command;
/// use dm_core::names::DmName;
/// use dm_proto::netbsd::client::encode;
///
/// let clear = Command::Clear { device: DmName::new("vol0")?.into() };
/// let request = encode(&clear)?;
/// assert_eq!(request.string("command"), Some("clear"));
/// assert_eq!(request.uint32("flags"), Some(0x4));
/// assert_eq!(request.uint32("minor"), Some(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(command: &Command) -> Result<Dictionary, DmError> {
    let mut request = Request::new(word(command));
    request.set(keys::MINOR, 0_u32);
    let about = |error: DmError| error.about(command.verb(), command.device());
    fill(&mut request, command).map_err(about)?;
    Ok(request.finish())
}

/// The text of a request for the ioctl: libprop's, with a NUL behind it.
///
/// # Errors
/// [`ErrorKind::Invalid`] if it has more than [`REQUEST_MAX`] bytes.
pub fn write(request: &Dictionary) -> Result<Vec<u8>, DmError> {
    let text = terminate(write_dictionary(request));
    if text.len() <= REQUEST_MAX {
        return Ok(text);
    }
    let reason = match request.array(keys::CMD_DATA) {
        Some(lines) => format!(
            "a request of {} lines has {} bytes, and the driver takes {REQUEST_MAX}",
            lines.len(),
            text.len()
        ),
        None => format!(
            "the request has {} bytes, and the driver takes {REQUEST_MAX}",
            text.len()
        ),
    };
    Err(DmError::because(ErrorKind::Invalid, reason).with_errno(Errno::E2BIG))
}

fn fill(request: &mut Request, command: &Command) -> Result<(), DmError> {
    match command {
        // The driver lists all devices. Which of them were asked for is for the caller to see.
        Command::Version | Command::Targets | Command::List(_) => {}
        Command::Create(Create { minor: Some(_), .. }) => {
            return Err(unsupported("it chooses minor numbers itself"));
        }
        Command::Create(create) => {
            request.set(keys::NAME, create.name.as_str());
            if let Some(uuid) = &create.uuid {
                request.set(keys::UUID, uuid.as_str());
            }
        }
        Command::Remove {
            mode: RemoveMode::Deferred,
            ..
        } => {
            return Err(unsupported("it removes devices at once or not at all"));
        }
        Command::Rename {
            device: DevId::Uuid(_),
            ..
        } => {
            return Err(unsupported(
                "it looks for the uuid among the names (quirk 2)",
            ));
        }
        Command::Rename { device, name } => {
            say(request, device);
            request.data([name.as_str().into()]);
        }
        Command::Load(load) => return fill_load(request, load),
        Command::Suspend { device, options } => {
            say(request, device);
            request.options(*options);
            request.flags |= WireFlags::SUSPEND;
        }
        Command::Resume { device, options } => {
            say(request, device);
            request.options(*options);
        }
        Command::Info {
            slot: Slot::Inactive,
            ..
        } => {
            return Err(unsupported("it counts the targets of active tables alone"));
        }
        Command::Remove { device, .. }
        | Command::Clear { device }
        | Command::Info { device, .. } => {
            say(request, device);
        }
        Command::Deps { device, slot } => {
            say(request, device);
            request.slot(*slot);
        }
        Command::Table { device, slot } => {
            say(request, device);
            request.slot(*slot);
            request.flags |= WireFlags::STATUS_TABLE;
        }
        Command::Status {
            device,
            slot,
            flush,
        } => {
            say(request, device);
            request.slot(*slot);
            request.flush(*flush);
        }
        _ => return Err(unsupported("it does not have the command")),
    }
    Ok(())
}

fn fill_load(request: &mut Request, load: &Load) -> Result<(), DmError> {
    if load.mode != TableMode::ReadWrite {
        return Err(unsupported("it has no read-only tables"));
    }
    say(request, &load.device);
    let lines = check::table(&load.lines)?;
    request.set(keys::CMD_DATA, segments::encode(&lines));
    Ok(())
}

/// Says which device. The driver has one major number, which it is not told.
fn say(request: &mut Request, device: &DevId) {
    match device {
        DevId::Name(name) => request.set(keys::NAME, name.as_str()),
        DevId::Uuid(uuid) => request.set(keys::UUID, uuid.as_str()),
        DevId::Number(number) => request.set(keys::MINOR, number.minor),
    }
}

fn unsupported(why: &str) -> DmError {
    DmError::because(
        ErrorKind::Unsupported,
        format!("NetBSD's driver can not: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proplib::Limits;
    use dm_core::names::{DmName, DmUuid, NameError};
    use dm_core::table::TableLine;
    use dm_core::target::FlushMode;
    use dm_core::units::Sector;

    fn vol0() -> DmName {
        DmName::new("vol0").unwrap()
    }

    #[test]
    fn what_the_driver_has_no_word_for_is_refused() {
        let device = DevId::Name(vol0());
        let uuid = DmUuid::new("U").unwrap();
        let mode = RemoveMode::Deferred;
        let zero = TableLine::parse_table("0 8 zero").unwrap();
        for command in [
            Command::RemoveAll {
                mode: RemoveMode::IfUnused,
            },
            Command::Wait {
                device: device.clone(),
                event: 0,
                flush: FlushMode::Flush,
            },
            Command::Message {
                device: device.clone(),
                sector: Sector(0),
                text: "x".into(),
            },
            Command::SetUuid {
                device: device.clone(),
                uuid: uuid.clone(),
            },
            Command::Remove {
                device: device.clone(),
                mode,
            },
            Command::Create(Create::new(vol0()).minor(7)),
            Command::Rename {
                device: uuid.into(),
                name: vol0(),
            },
            Command::Load(Load::new(device.clone(), zero).read_only()),
            Command::Info {
                device,
                slot: Slot::Inactive,
            },
        ] {
            let error = encode(&command).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unsupported, "{command:?}");
            let said = error.report();
            assert!(said.contains("NetBSD's driver can not: it "), "{said}");
        }
    }

    /// The driver cuts what is longer, so that the device is not found again (quirks 5 and 12), and takes any name.
    #[test]
    fn names_that_the_driver_would_cut_are_no_names() {
        let long = "n".repeat(128);
        assert!(matches!(
            DmName::new(&long),
            Err(NameError::TooLong { limit: 127, .. })
        ));
        assert!(matches!(DmName::new(""), Err(NameError::Empty { .. })));
        assert!(matches!(
            DmName::new("a/b"),
            Err(NameError::Forbidden { .. })
        ));
        let long = "u".repeat(129);
        assert!(matches!(
            DmUuid::new(&long),
            Err(NameError::TooLong { limit: 128, .. })
        ));
    }

    /// As was captured: 280 lines fit, 320 do not.
    #[test]
    fn request_past_the_ioctls_limit_is_refused() {
        let text = |count: u64| {
            let line = |at| format!("{} 8 linear /dev/rump_wd0a {at}\n", at * 8);
            let table: String = (0..count).map(line).collect();
            let load = Load::new(vol0(), TableLine::parse_table(&table).unwrap());
            write(&encode(&Command::Load(load)).unwrap())
        };
        assert!(text(280).unwrap().len() <= Limits::IOCTL.size);
        let error = text(320).unwrap_err();
        assert_eq!(error.context.errno, Some(Errno::E2BIG));
        let reason = error.reason();
        assert!(
            reason.starts_with("a request of 320 lines has "),
            "{reason}"
        );
    }

    #[test]
    fn text_ends_with_a_nul() {
        let text = write(&encode(&Command::Version).unwrap()).unwrap();
        assert!(text.ends_with(b"</plist>\n\0"));
    }
}
