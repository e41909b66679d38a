//! The strings of the wire.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use super::constants::MAX_TEXT;
use super::error::WireError;

/// A string as the protocol allows it: an export's name or description, a metadata context or
/// query, a message for people.
///
/// # Shape
/// UTF-8, at most [`MAX_TEXT`] bytes, no NUL. The empty one is a name too: the default export's.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(String);

impl Text {
    /// The empty string.
    pub const EMPTY: Text = Text(String::new());

    /// The string in `bytes`, where `what` names it in errors.
    ///
    /// # Errors
    /// If it is too long, not UTF-8, or holds a NUL.
    pub fn from_bytes(what: &'static str, bytes: &[u8]) -> Result<Text, WireError> {
        check_length(what, bytes.len())?;
        let text = core::str::from_utf8(bytes).map_err(|_| WireError::NotUtf8 { what })?;
        if text.contains('\0') {
            return Err(WireError::Nul { what });
        }
        Ok(Text(text.to_owned()))
    }

    /// The string nearest to `bytes`: cut, and without what is not UTF-8.
    ///
    /// For the messages of errors, which must not hide the error that they belong to.
    pub fn lossy(bytes: &[u8]) -> Text {
        let mut text = String::from_utf8_lossy(bytes).replace('\0', "");
        let mut end = text.len().min(MAX_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        Text(text)
    }

    /// The string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its length as a 32-bit field.
    pub(super) fn length_u32(&self) -> u32 {
        u32::try_from(self.0.len()).expect("a text has at most 4096 bytes")
    }

    /// Its length as a 16-bit field.
    pub(super) fn length_u16(&self) -> u16 {
        u16::try_from(self.0.len()).expect("a text has at most 4096 bytes")
    }
}

impl TryFrom<&str> for Text {
    type Error = WireError;

    fn try_from(text: &str) -> Result<Text, WireError> {
        Text::from_bytes("text", text.as_bytes())
    }
}

impl FromStr for Text {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Text, WireError> {
        Text::try_from(text)
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Refuses a length that no string has, before its bytes are looked at.
pub(super) fn check_length(what: &'static str, length: usize) -> Result<(), WireError> {
    if length <= MAX_TEXT {
        return Ok(());
    }
    Err(WireError::TooLong {
        what,
        length: length.try_into().unwrap_or(u64::MAX),
        limit: 4096,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn text_of_4096_bytes_is_the_longest() {
        assert!(Text::from_bytes("name", &[b'x'; 4096]).is_ok());
        assert_eq!(
            Text::from_bytes("name", &[b'x'; 4097]),
            Err(WireError::TooLong {
                what: "name",
                length: 4097,
                limit: 4096
            })
        );
    }

    #[test]
    fn nul_and_broken_utf8_are_refused() {
        assert_eq!("a\0b".parse::<Text>(), Err(WireError::Nul { what: "text" }));
        assert_eq!(
            Text::from_bytes("name", &[0xa5]),
            Err(WireError::NotUtf8 { what: "name" })
        );
    }

    #[test]
    fn lossy_makes_a_text_of_anything() {
        let mut bytes = vec![b'x'; 4095];
        bytes.extend("é".bytes());
        let text = Text::lossy(&bytes);
        assert_eq!(text.as_bytes().len(), 4095);
        assert_eq!(Text::lossy(b"a\0\xffb").as_str(), "a\u{fffd}b");
        assert!(Text::from_bytes("text", text.as_bytes()).is_ok());
    }
}
