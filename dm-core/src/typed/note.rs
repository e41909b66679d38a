//! What words mean.

use alloc::borrow::Cow;
use alloc::string::String;

/// What a word means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The word's place: 1 is the first.
    pub place: usize,
    /// The word.
    pub text: String,
    /// What it is, such as `chunk size`.
    pub what: Cow<'static, str>,
    /// Whether it is a device, an option or a key.
    pub role: Role,
}

/// What a word is to who passes it on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Nothing in particular.
    #[default]
    Plain,
    /// It names a device.
    Device,
    /// It is an option whose value names a device.
    DeviceIn {
        /// Where the device begins in the word, in bytes.
        at: usize,
    },
    /// It is an option, of which the target's [page](super::Kind::option) says more.
    Option,
    /// The driver does not look at it.
    Ignored,
    /// It is a key, or has one, which the note does not show.
    Key {
        /// Where the key begins in the word, in bytes.
        at: usize,
    },
}
