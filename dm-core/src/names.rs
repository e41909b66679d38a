//! Names of devices and targets, within the kernels' bounds.

use alloc::string::String;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::fmt;
use core::str::FromStr;

/// The longest device name in bytes.
pub const NAME_MAX: usize = 127;

/// The longest device uuid in bytes.
pub const UUID_MAX: usize = 128;

/// The longest target name in bytes.
pub const TARGET_NAME_MAX: usize = 15;

/// A device's name: 1 to 127 bytes, no `/`, no NUL, and neither `.`, `..` nor `control`, since
/// it is a node's name in `/dev/mapper`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DmName(Arc<str>);

/// A device's uuid: 1 to 128 bytes without NUL. It can be set once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DmUuid(Arc<str>);

/// A target's name: 1 to 15 bytes without blanks or NUL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetName(Arc<str>);

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing is there.
    #[error("the {what} is empty")]
    Empty {
        /// Which kind of name.
        what: &'static str,
    },
    /// It does not fit the kernel's field.
    #[error("the {what} has {found} bytes, at most {limit} are allowed")]
    TooLong {
        /// Which kind of name.
        what: &'static str,
        /// Its bytes.
        found: usize,
        /// The bytes allowed.
        limit: usize,
    },
    /// A byte that may not stand in it.
    #[error("the {what} has the forbidden character {character:?}")]
    Forbidden {
        /// Which kind of name.
        what: &'static str,
        /// The first such character.
        character: char,
    },
    /// `.`, `..` or `control`.
    #[error("the device name {name:?} is reserved")]
    Reserved {
        /// The name.
        name: String,
    },
}

impl DmName {
    /// Checks a device name.
    ///
    /// # Errors
    /// [`NameError`] for an empty, over-long or reserved name, and for `/` and NUL.
    pub fn new(name: &str) -> Result<DmName, NameError> {
        check("device name", name, NAME_MAX, |c| c == '/' || c == '\0')?;
        match name {
            "." | ".." | "control" => Err(NameError::Reserved { name: name.into() }),
            _ => Ok(DmName(name.into())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DmUuid {
    /// Checks a device uuid.
    ///
    /// # Errors
    /// [`NameError`] for an empty or over-long uuid, and for NUL.
    pub fn new(uuid: &str) -> Result<DmUuid, NameError> {
        check("device uuid", uuid, UUID_MAX, |c| c == '\0')?;
        Ok(DmUuid(uuid.into()))
    }

    /// The uuid.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TargetName {
    /// Checks a target name.
    ///
    /// # Errors
    /// [`NameError`] for an empty or over-long name, and for blanks and NUL.
    pub fn new(name: &str) -> Result<TargetName, NameError> {
        check("target name", name, TARGET_NAME_MAX, |c| {
            c.is_whitespace() || c == '\0'
        })?;
        Ok(TargetName(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(
    what: &'static str,
    text: &str,
    limit: usize,
    forbidden: fn(char) -> bool,
) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { what });
    }
    if text.len() > limit {
        return Err(NameError::TooLong {
            what,
            found: text.len(),
            limit,
        });
    }
    match text.chars().find(|c| forbidden(*c)) {
        Some(character) => Err(NameError::Forbidden { what, character }),
        None => Ok(()),
    }
}

impl FromStr for DmName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<DmName, NameError> {
        DmName::new(text)
    }
}

impl FromStr for DmUuid {
    type Err = NameError;

    fn from_str(text: &str) -> Result<DmUuid, NameError> {
        DmUuid::new(text)
    }
}

impl FromStr for TargetName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<TargetName, NameError> {
        TargetName::new(text)
    }
}

impl Borrow<str> for DmName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for DmUuid {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for DmUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for DmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for DmUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_refused() {
        for name in [".", "..", "control"] {
            assert!(
                matches!(DmName::new(name), Err(NameError::Reserved { .. })),
                "{name}"
            );
        }
        assert!(DmName::new("controls").is_ok());
    }

    #[test]
    fn name_holds_127_bytes_and_no_more() {
        assert!(DmName::new(&"n".repeat(127)).is_ok());
        assert!(matches!(
            DmName::new(&"n".repeat(128)),
            Err(NameError::TooLong {
                found: 128,
                limit: 127,
                ..
            })
        ));
    }

    #[test]
    fn slash_is_refused_in_names_and_allowed_in_uuids() {
        assert!(matches!(
            DmName::new("a/b"),
            Err(NameError::Forbidden { character: '/', .. })
        ));
        assert!(DmUuid::new("a/b").is_ok());
    }

    #[test]
    fn target_name_holds_15_bytes() {
        assert!(TargetName::new("snapshot-origin").is_ok());
        assert!(TargetName::new("snapshot-origins").is_err());
        assert!(TargetName::new("lin ear").is_err());
    }
}
