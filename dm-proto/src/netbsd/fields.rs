//! The keys of a dictionary, with errors that name them.

use std::borrow::Cow;
use std::fmt;

use dm_core::devid::DevNo;
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::{DmName, DmUuid, NameError};
use dm_core::version::Version;

use crate::proplib::{Dictionary, Text, Value};

use super::keys;

/// A key that is missing, or whose value does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldError {
    /// The item of `cmd_data` that it is in, counted from 1; none at the top.
    pub item: Option<usize>,
    /// The key.
    pub key: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// Its value is of another type, or out of range.
    #[error("is no {expected}")]
    Not {
        /// What it must be.
        expected: &'static str,
    },
    /// Its string is no name.
    #[error("is wrong: {0}")]
    Name(NameError),
    /// Its value is none that is known here.
    #[error("has the unknown value {value:?}")]
    Unknown {
        /// The value.
        value: String,
    },
    /// None of the keys that say which device is there, of which this is the first.
    #[error("is missing, and so are uuid and minor: no device is said")]
    NoDevice,
    /// Another key says which device too.
    #[error("says which device, and so does {other}")]
    TwoDevices {
        /// The other key.
        other: &'static str,
    },
}

/// A dictionary seen by its keys: the top one, or an item of `cmd_data`.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    dictionary: &'a Dictionary,
    item: Option<usize>,
}

impl<'a> Fields<'a> {
    /// The keys of a request or a reply.
    pub(super) fn top(dictionary: &'a Dictionary) -> Fields<'a> {
        Fields {
            dictionary,
            item: None,
        }
    }

    /// The error of a key here.
    pub(super) fn error(&self, key: &'static str, fault: Fault) -> FieldError {
        let item = self.item;
        FieldError { item, key, fault }
    }

    pub(super) fn contains(&self, key: &'static str) -> bool {
        self.dictionary.contains(key)
    }

    pub(super) fn string(&self, key: &'static str) -> Result<Cow<'a, str>, FieldError> {
        self.take(key, "string", string)
    }

    /// A string, with U+FFFD where it is no UTF-8.
    pub(super) fn lossy(&self, key: &'static str) -> Result<Cow<'a, str>, FieldError> {
        self.take(key, "string", |value| {
            value.text().map(Text::to_string_lossy)
        })
    }

    pub(super) fn text(&self, key: &'static str) -> Result<&'a Text, FieldError> {
        self.take(key, "string", Value::text)
    }

    pub(super) fn uint32(&self, key: &'static str) -> Result<u32, FieldError> {
        self.take(key, "unsigned 32-bit number", Value::uint32)
    }

    pub(super) fn uint64(&self, key: &'static str) -> Result<u64, FieldError> {
        self.take(key, "unsigned number", Value::uint64)
    }

    pub(super) fn int32(&self, key: &'static str) -> Result<i32, FieldError> {
        self.take(key, "32-bit number", Value::int32)
    }

    pub(super) fn bool(&self, key: &'static str) -> Result<bool, FieldError> {
        self.take(key, "boolean", Value::bool)
    }

    pub(super) fn array(&self, key: &'static str) -> Result<&'a [Value], FieldError> {
        self.take(key, "array", Value::array)
    }

    /// The first string of an array.
    pub(super) fn first_string(&self, key: &'static str) -> Result<Cow<'a, str>, FieldError> {
        let first = self.array(key)?.first().and_then(string);
        let expected = "array of a string";
        first.ok_or_else(|| self.error(key, Fault::Not { expected }))
    }

    /// An array of three numbers.
    pub(super) fn version(&self, key: &'static str) -> Result<Version, FieldError> {
        self.take(key, "array of three numbers", |value| {
            let [major, minor, patch] = value.array()? else {
                return None;
            };
            Some(Version(major.uint32()?, minor.uint32()?, patch.uint32()?))
        })
    }

    /// A device number of which the minor has the key `minor`.
    pub(super) fn number(&self, minor: &'static str) -> Result<DevNo, FieldError> {
        Ok(DevNo {
            major: self.uint32(keys::MAJOR)?,
            minor: self.uint32(minor)?,
        })
    }

    pub(super) fn name(&self) -> Result<DmName, FieldError> {
        DmName::new(&self.string(keys::NAME)?).map_err(|error| self.wrong(keys::NAME, error))
    }

    pub(super) fn uuid(&self) -> Result<DmUuid, FieldError> {
        DmUuid::new(&self.string(keys::UUID)?).map_err(|error| self.wrong(keys::UUID, error))
    }

    /// The error of a name.
    pub(super) fn wrong(&self, key: &'static str, error: NameError) -> FieldError {
        self.error(key, Fault::Name(error))
    }

    /// What `read` makes of a key that is there.
    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Self) -> Result<T, FieldError>,
    ) -> Result<Option<T>, FieldError> {
        match self.contains(key) {
            true => read(self).map(Some),
            false => Ok(None),
        }
    }

    /// What `read` makes of each item of `cmd_data`.
    pub(super) fn items<T>(
        &self,
        read: impl Fn(Fields<'a>) -> Result<T, FieldError>,
    ) -> Result<Vec<T>, FieldError> {
        let items = self.array(keys::CMD_DATA)?.iter().enumerate();
        let item = |(at, value): (usize, &'a Value)| {
            let item = Some(at + 1);
            let expected = "dictionary";
            let dictionary = value.dict().ok_or(FieldError {
                item,
                key: keys::CMD_DATA,
                fault: Fault::Not { expected },
            })?;
            read(Fields { dictionary, item })
        };
        items.map(item).collect()
    }

    fn take<T>(
        &self,
        key: &'static str,
        expected: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, FieldError> {
        match self.dictionary.get(key) {
            Some(value) => read(value).ok_or_else(|| self.error(key, Fault::Not { expected })),
            None => Err(self.error(key, Fault::Missing)),
        }
    }
}

impl std::error::Error for FieldError {}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.item {
            Some(item) if self.key == keys::CMD_DATA => {
                write!(f, "item {item} of {} {}", self.key, self.fault)
            }
            Some(item) => write!(
                f,
                "item {item} of {}: the key {} {}",
                keys::CMD_DATA,
                self.key,
                self.fault
            ),
            None => write!(f, "the key {} {}", self.key, self.fault),
        }
    }
}

impl From<FieldError> for DmError {
    /// A name that may not be is [`ErrorKind::Invalid`], all else is [`ErrorKind::Protocol`].
    fn from(error: FieldError) -> DmError {
        let kind = match error.fault {
            Fault::Name(_) => ErrorKind::Invalid,
            _ => ErrorKind::Protocol,
        };
        DmError::new(kind).with_source(error)
    }
}

/// A text as a value: a string, or data if a string would end at a NUL in it.
pub(super) fn text(text: &str) -> Value {
    match text.contains('\0') {
        true => text.as_bytes().into(),
        false => text.into(),
    }
}

/// A version as a value.
pub(super) fn version(Version(major, minor, patch): Version) -> Value {
    [major, minor, patch].into_iter().collect()
}

/// What [`text`] gave.
fn string(value: &Value) -> Option<Cow<'_, str>> {
    let bytes = match value {
        Value::Data(bytes) => bytes,
        _ => return value.string().map(Cow::Borrowed),
    };
    std::str::from_utf8(bytes).ok().map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_names_the_key_and_the_item() {
        let mut segment = Dictionary::new();
        segment.set(keys::START, "x");
        let mut request = Dictionary::new();
        request.set(keys::CMD_DATA, [segment].into_iter().collect::<Value>());
        let top = Fields::top(&request);
        let shown = |error: Option<FieldError>| error.map(|error| error.to_string());
        assert_eq!(
            shown(top.string(keys::NAME).err()).as_deref(),
            Some("the key name is missing")
        );
        let start = top.items(|line| line.uint64(keys::START)).err();
        assert_eq!(
            shown(start).as_deref(),
            Some("item 1 of cmd_data: the key start is no unsigned number")
        );
        request.set(keys::CMD_DATA, ["x"].into_iter().collect::<Value>());
        let item = Fields::top(&request).items(|_| Ok(())).err();
        assert_eq!(
            shown(item).as_deref(),
            Some("item 1 of cmd_data is no dictionary")
        );
    }

    #[test]
    fn text_with_a_nul_comes_back_whole() {
        for wanted in ["", "a", "a\0b", "\0", "<&>\né"] {
            assert_eq!(string(&text(wanted)).as_deref(), Some(wanted));
        }
        assert_eq!(string(&Value::Data(vec![0xff])), None);
        assert_eq!(string(&Value::Bool(true)), None);
    }

    #[test]
    fn version_has_three_numbers() {
        let mut request = Dictionary::new();
        for (wrong, numbers) in [(true, 2), (false, 3), (true, 4)] {
            request.set(keys::VERSION, (0..numbers).collect::<Value>());
            assert_eq!(Fields::top(&request).version(keys::VERSION).is_err(), wrong);
        }
    }
}
