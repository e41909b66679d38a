//! What was done, as far as a reply tells.

use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};

use crate::proplib::Dictionary;

use super::super::fields::{Fault, FieldError, Fields};
use super::super::flags::WireFlags;
use super::super::keys::{self, command};

/// What the driver did, as far as its reply tells: errno is 0 whatever it did (quirk 21).
///
/// # Source
/// Captured replies; `tests/netbsd_client/outcomes.rs` has them all, each with its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It obeyed: the reply has what no refusal adds.
    Obeyed,
    /// It speaks another version: the reply is the request.
    OtherVersion,
    /// It does not know the command, or not so: the version alone is new.
    Unknown,
    /// There is no such device: the flag `EXISTS` is gone, and nothing is new.
    NoDevice,
    /// It refused the table: a target that it does not have, or a device that it can not open.
    BadTable,
    /// It refused because of who asked, or does not know the command.
    Denied,
    /// The name or the uuid is taken.
    Taken,
    /// The name or the uuid is taken, or it refused because of who asked. `info` tells.
    TakenOrDenied,
    /// It obeyed, or refused because of who asked. `info` tells.
    ObeyedOrDenied,
    /// It refused the table, or refused because of who asked: so if the device is said by its number. By its name, the
    /// reply tells.
    BadTableOrDenied,
    /// The new name is none or too long, or it refused because of who asked. A name that [`encode`](super::encode) took
    /// is neither.
    BadNameOrDenied,
}

impl Outcome {
    /// What a reply tells of its request.
    ///
    /// # Errors
    /// [`FieldError`] if it is no reply to that request.
    pub fn of(request: &Dictionary, reply: &Dictionary) -> Result<Outcome, FieldError> {
        let (asked, fields) = (Fields::top(request), Fields::top(reply));
        let (word, echo) = (asked.text(keys::COMMAND)?, fields.text(keys::COMMAND)?);
        if echo != word {
            let value = echo.to_string_lossy().into_owned();
            return Err(fields.error(keys::COMMAND, Fault::Unknown { value }));
        }
        if request == reply {
            return Ok(Outcome::OtherVersion);
        }
        super::version(reply)?;
        let seen = Seen { request, reply };
        Ok(match word.as_str().unwrap_or_default() {
            command::VERSION => Outcome::Obeyed,
            command::TARGETS | command::NAMES => match seen.has_data() {
                true => Outcome::Obeyed,
                false => Outcome::Unknown,
            },
            command::STATUS | command::TABLE | command::DEPS => {
                match seen.has_data() && seen.has(keys::MINOR) {
                    true => Outcome::Obeyed,
                    false => seen.no_device_or(Outcome::Unknown),
                }
            }
            command::INFO | command::MKNODES => match seen.has(keys::TARGET_COUNT) {
                true => Outcome::Obeyed,
                false => seen.no_device_or(Outcome::Unknown),
            },
            command::CREATE => seen.create(),
            command::RELOAD => seen.reload(),
            command::RESUME | command::SUSPEND => match seen.has(keys::OPEN_COUNT) {
                true => Outcome::Obeyed,
                false => seen.no_device_or(Outcome::Denied),
            },
            command::RENAME => match seen.has(keys::OPEN_COUNT) {
                true => Outcome::Obeyed,
                false => seen.no_device_or(Outcome::BadNameOrDenied),
            },
            command::CLEAR | command::REMOVE => seen.no_device_or(Outcome::ObeyedOrDenied),
            _ => Outcome::Unknown,
        })
    }

    /// The error that it is. None for one that may be no failure.
    ///
    /// Of two possible ones it is the likelier, and the text names both.
    pub fn failure(self) -> Option<DmError> {
        let (kind, reason) = match self {
            Outcome::Obeyed | Outcome::ObeyedOrDenied => return None,
            Outcome::NoDevice => return Some(DmError::new(ErrorKind::NotFound)),
            Outcome::OtherVersion => (
                ErrorKind::Protocol,
                "the driver speaks another version of the interface than 4",
            ),
            Outcome::Unknown => (
                ErrorKind::Unsupported,
                "the driver does not know the command",
            ),
            Outcome::BadTable => (
                ErrorKind::InvalidTable,
                "the driver does not have a target of the table, or can not open a device of it",
            ),
            Outcome::BadTableOrDenied => (
                ErrorKind::InvalidTable,
                "the driver does not have a target of the table, can not open a device of it, or takes none from this user",
            ),
            Outcome::Taken => (ErrorKind::Exists, "the name or the uuid is taken"),
            Outcome::TakenOrDenied => (
                ErrorKind::Exists,
                "the name or the uuid is taken, or this user may not make devices",
            ),
            Outcome::Denied | Outcome::BadNameOrDenied => {
                (ErrorKind::Permission, "only root may do this")
            }
        };
        let error = DmError::because(kind, reason);
        Some(match kind {
            ErrorKind::Permission => error.with_errno(Errno::EPERM),
            _ => error,
        })
    }
}

/// A reply beside its request.
struct Seen<'a> {
    request: &'a Dictionary,
    reply: &'a Dictionary,
}

impl Seen<'_> {
    /// Whether the reply has a number there that is not 0 in vain: `minor` is asked with 0 for none.
    fn has(&self, key: &str) -> bool {
        match self.reply.uint32(key) {
            Some(0) => key != keys::MINOR,
            found => found.is_some(),
        }
    }

    fn has_data(&self) -> bool {
        self.reply.array(keys::CMD_DATA).is_some()
    }

    /// Whether the reply has the number that the request did not say.
    fn minor_is_new(&self) -> bool {
        self.has(keys::MINOR) && self.request.uint32(keys::MINOR) != self.reply.uint32(keys::MINOR)
    }

    fn flags(dictionary: &Dictionary) -> WireFlags {
        WireFlags::from_bits_retain(dictionary.uint32(keys::FLAGS).unwrap_or_default())
    }

    fn no_device_or(&self, other: Outcome) -> Outcome {
        let said = self.reply.contains(keys::FLAGS);
        match said && !Seen::flags(self.reply).contains(WireFlags::EXISTS) {
            true => Outcome::NoDevice,
            false => other,
        }
    }

    fn create(&self) -> Outcome {
        let exists = |dictionary| Seen::flags(dictionary).contains(WireFlags::EXISTS);
        match (exists(self.request), exists(self.reply)) {
            _ if self.minor_is_new() => Outcome::Obeyed,
            (_, false) => Outcome::Denied,
            // Only who did not send it sees it come.
            (false, true) => Outcome::Taken,
            (true, true) => Outcome::TakenOrDenied,
        }
    }

    fn reload(&self) -> Outcome {
        let loaded = Seen::flags(self.reply).contains(WireFlags::INACTIVE_PRESENT);
        match self.minor_is_new() {
            _ if loaded => Outcome::Obeyed,
            true => Outcome::BadTable,
            false if self.has(keys::MINOR) => self.no_device_or(Outcome::BadTableOrDenied),
            false => self.no_device_or(Outcome::Denied),
        }
    }
}
