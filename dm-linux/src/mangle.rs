//! Names as the driver has them.
//!
//! A name is a node's name under `/dev/mapper`, where udev's rules and scripts read it. So LVM2's
//! tools write each character outside of `0-9A-Za-z#+-.:=@_` as `\xNN`, the driver holds that
//! text, and they show the plain one. This crate does the same, so that both see the same names.
//!
//! # Examples
//! ```
//! use dm_linux::mangle::{mangle, unmangle};
//!
//! assert_eq!(mangle("my vol")?, r"my\x20vol");
//! assert_eq!(unmangle(br"my\x20vol"), "my vol");
//! // A name that is written so already stays.
//! assert_eq!(mangle(r"my\x20vol")?, r"my\x20vol");
//! # Ok::<(), dm_linux::mangle::MangleError>(())
//! ```
//!
//! # Source
//! dmsetup(8), `--manglename auto`.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::atomic::{AtomicU8, Ordering};

use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};

/// How names are written for the driver, and read from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// As they are.
    None,
    /// With `\xNN` where it is needed, unless they are written so already.
    #[default]
    Auto,
    /// With `\xNN` where it is needed, also for a backslash.
    Hex,
}

/// The process's mode: a user has one for all names, as libdevmapper does.
static MODE: AtomicU8 = AtomicU8::new(Mode::Auto as u8);

impl Mode {
    /// How names are written from now on, in this process.
    pub fn set(self) {
        MODE.store(self as u8, Ordering::Relaxed);
    }

    /// How names are written now.
    pub fn now() -> Mode {
        match MODE.load(Ordering::Relaxed) {
            mode if mode == Mode::None as u8 => Mode::None,
            mode if mode == Mode::Hex as u8 => Mode::Hex,
            _ => Mode::Auto,
        }
    }

    /// Writes a name or a uuid for the driver.
    ///
    /// # Errors
    /// [`MangleError`] for a name of which one can not tell whether it is written so already.
    pub fn write(self, name: &str) -> Result<Cow<'_, str>, MangleError> {
        match self {
            Mode::None => Ok(name.into()),
            Mode::Auto => mangle(name),
            Mode::Hex => Ok(hex(name)),
        }
    }

    /// Writes a name that the driver has as this mode has it.
    ///
    /// # Errors
    /// [`MangleError`] for a name of which one can not tell how it is meant.
    pub fn renew(self, name: &str) -> Result<Cow<'_, str>, MangleError> {
        match self {
            Mode::None => Ok(unmangle(name.as_bytes()).into()),
            Mode::Auto => mangle(name),
            // There a backslash is always written.
            Mode::Hex => match spelling(name.as_bytes()) {
                Spelling::Twice => Ok(name.into()),
                _ => mangle(name),
            },
        }
    }

    /// Whether the driver can have this name from somebody with the same mode.
    ///
    /// # Errors
    /// [`MangleError`] if it can not.
    pub fn check(self, name: &str) -> Result<(), MangleError> {
        let bytes = name.as_bytes();
        let name = || name.into();
        match self {
            Mode::None => Ok(()),
            Mode::Auto if spelling(bytes) == Spelling::Twice => {
                Err(MangleError::Twice { name: name() })
            }
            _ if bytes.iter().all(|byte| stays(*byte) || *byte == b'\\') => Ok(()),
            _ => Err(MangleError::Unwritten { name: name() }),
        }
    }
}

/// Writes a name or a uuid for the driver, in the process's mode.
pub(crate) fn write(name: &str) -> Result<Cow<'_, str>, MangleError> {
    Mode::now().write(name)
}

/// Reads a name or a uuid of the driver's, in the process's mode.
pub(crate) fn read(name: &[u8]) -> String {
    match Mode::now() {
        Mode::None => raw(name),
        Mode::Auto | Mode::Hex => unmangle(name),
    }
}

/// Writes all but the plainest letters as `\xNN`.
fn hex(name: &str) -> Cow<'_, str> {
    if name.bytes().all(stays) {
        return name.into();
    }
    let mut out = String::with_capacity(name.len() + 2 * CODE);
    for byte in name.bytes() {
        match stays(byte) {
            true => out.push(byte.into()),
            false => push_code(&mut out, byte),
        }
    }
    out.into()
}

/// Bytes of `\xNN`.
const CODE: usize = 4;

/// A name that can not be written for the driver without doubt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MangleError {
    /// Some characters are written as `\xNN`, and others that should be are not.
    #[error(
        "{name:?} contains mixed mangled and unmangled characters: some are written as \\xNN, and others that must be are not"
    )]
    Mixed {
        /// The name.
        name: String,
    },
    /// A `\xNN` is itself written as `\x5cxNN`.
    #[error(
        "{name:?} seems to be mangled more than once: it has a \\xNN whose backslash is itself written as \\x5c"
    )]
    Twice {
        /// The name.
        name: String,
    },
    /// The driver has it with characters that must be written as `\xNN`.
    #[error("{name:?} should be mangled but it contains blacklisted characters")]
    Unwritten {
        /// The name.
        name: String,
    },
}

/// How a name is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// With nothing left to be written as `\xNN`.
    Right,
    /// With nothing written so that has to be.
    Plain,
    /// Half and half.
    Mixed,
    /// With a `\xNN` that is written so again.
    Twice,
}

fn spelling(bytes: &[u8]) -> Spelling {
    let (mut coded, mut plain) = (false, false);
    let mut at = 0;
    while at < bytes.len() {
        if let Some(byte) = code(&bytes[at..]) {
            if byte == b'\\' && bytes.get(at + CODE) == Some(&b'x') {
                return Spelling::Twice;
            }
            coded = true;
            at += CODE;
        } else {
            plain |= !stays(bytes[at]);
            at += 1;
        }
    }
    match (coded, plain) {
        (_, false) => Spelling::Right,
        (true, true) => Spelling::Mixed,
        (false, true) => Spelling::Plain,
    }
}

/// Writes a name or a uuid as the driver has it.
///
/// # Errors
/// [`MangleError`] for a name of which one can not tell whether it is written so already.
pub fn mangle(name: &str) -> Result<Cow<'_, str>, MangleError> {
    match spelling(name.as_bytes()) {
        Spelling::Right => Ok(name.into()),
        Spelling::Plain => Ok(hex(name)),
        Spelling::Mixed => Err(MangleError::Mixed { name: name.into() }),
        Spelling::Twice => Err(MangleError::Twice { name: name.into() }),
    }
}

/// Reads a name or a uuid that the driver has. Bytes that are no text then stay as `\xNN`.
pub fn unmangle(name: &[u8]) -> String {
    let mut out = Vec::with_capacity(name.len());
    let mut at = 0;
    while let Some(byte) = name.get(at) {
        match code(&name[at..]) {
            Some(byte) => {
                out.push(byte);
                at += CODE;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| raw(name))
}

/// A name as the driver has it, but for bytes that are no text.
pub(crate) fn raw(name: &[u8]) -> String {
    let mut out = String::new();
    for chunk in name.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            push_code(&mut out, *byte);
        }
    }
    out
}

fn push_code(out: &mut String, byte: u8) {
    write!(out, "\\x{byte:02x}").expect("a String takes all that is written");
}

/// The byte that a text starts with, if it starts with `\xNN`.
fn code(bytes: &[u8]) -> Option<u8> {
    let digits = bytes.strip_prefix(b"\\x")?.first_chunk::<2>()?;
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    Some(16 * digit(digits[0])? + digit(digits[1])?)
}

/// Whether a byte stays as it is.
pub(crate) fn stays(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"#+-.:=@_".contains(&byte)
}

impl From<MangleError> for DmError {
    fn from(error: MangleError) -> DmError {
        DmError::new(ErrorKind::Invalid)
            .with_errno(Errno::EINVAL)
            .with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_reads_back() {
        for (name, written) in [
            ("vg-lv_0#+.:=@", "vg-lv_0#+.:=@"),
            ("a b/c", r"a\x20b\x2fc"),
            ("ü", r"\xc3\xbc"),
            (r"a\b", r"a\x5cb"),
            ("tab\t", r"tab\x09"),
        ] {
            assert_eq!(mangle(name).unwrap(), written);
            assert_eq!(unmangle(written.as_bytes()), name);
            assert_eq!(mangle(written).unwrap(), written);
        }
    }

    #[test]
    fn hexadecimal_writes_backslashes_too() {
        assert_eq!(hex("a b"), r"a\x20b");
        assert_eq!(hex(r"a\x20b"), r"a\x5cx20b");
        assert_eq!(hex("plain"), "plain");
    }

    #[test]
    fn mixed_and_twice_written_names_are_refused() {
        assert!(matches!(
            mangle(r"a\x20b c"),
            Err(MangleError::Mixed { .. })
        ));
        assert!(matches!(
            mangle(r"a\x5cx20b"),
            Err(MangleError::Twice { .. })
        ));
        assert_eq!(mangle(r"a\x5c20b").unwrap(), r"a\x5c20b");
    }

    #[test]
    fn drivers_name_is_checked_and_written_anew_as_the_mode_has_it() {
        let twice = r"a\x5cx20b";
        for (mode, name, renewed, fits) in [
            (Mode::None, "a b", Some("a b"), true),
            (Mode::None, r"a b\x20c", Some("a b c"), true),
            (Mode::None, twice, Some(r"a\x20b"), true),
            (Mode::Auto, "a b", Some(r"a\x20b"), false),
            (Mode::Auto, r"a\x20b", Some(r"a\x20b"), true),
            (Mode::Auto, r"a b\x20c", None, false),
            (Mode::Auto, twice, None, false),
            (Mode::Hex, "a b", Some(r"a\x20b"), false),
            (Mode::Hex, r"a b\x20c", None, false),
            (Mode::Hex, twice, Some(twice), true),
        ] {
            let said = mode.renew(name).ok();
            assert_eq!(said.as_deref(), renewed, "{mode:?} {name}");
            assert_eq!(mode.check(name).is_ok(), fits, "{mode:?} {name}");
        }
        let unwritten = Mode::Auto.check(r"a b\x20c");
        assert!(matches!(unwritten, Err(MangleError::Unwritten { .. })));
    }

    #[test]
    fn what_is_no_code_is_a_backslash() {
        for (name, written) in [(r"\x2", r"\x5cx2"), (r"\xg0", r"\x5cxg0"), ("\\", r"\x5c")] {
            assert_eq!(mangle(name).unwrap(), written);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_codes() {
        assert_eq!(unmangle(b"a\xffb"), r"a\xffb");
        assert_eq!(unmangle(br"a\xffb"), r"a\xffb");
        assert_eq!(unmangle(b"a\xff\\x20"), r"a\xff\x20");
    }
}
