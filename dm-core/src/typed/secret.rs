//! Keys in table lines.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroize;

/// A key as a table line has it. It is zeroised when it is dropped and hidden from `Debug`;
/// `Display` writes it, since a driver needs it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// A key.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The key.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Puts a `0` in the place of each character, as dmsetup shows keys.
    pub fn mask(&mut self) {
        let length = self.0.len();
        self.0.zeroize();
        self.0 = "0".repeat(length);
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

/// Serializes as zeroes of the key's length.
#[cfg(feature = "serde")]
impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:0>1$}", "", self.0.len()))
    }
}
