//! The devices that a table stands on.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use crate::blockdev::BlockDev;
use crate::devid::DevNo;
use crate::errno::Errno;
use crate::table::EscapedWord;

/// A device that a table stands on, opened. Clones share the opening; it is closed with the last.
#[derive(Clone)]
pub struct Component(Arc<Inner>);

struct Inner {
    dev: Arc<dyn BlockDev>,
    number: DevNo,
    text: String,
}

/// What a table may do to its components, and a user to the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TableMode {
    /// Reads and writes.
    #[default]
    ReadWrite,
    /// Reads only; a component is opened read-only too.
    ReadOnly,
}

/// Turns the DEV words of a table into devices.
pub trait Opener {
    /// Opens what `word` names. The same device again gives the same number.
    ///
    /// # Errors
    /// [`OpenError`], which says what is wrong with it.
    fn open(&mut self, word: &str, mode: TableMode) -> Result<Component, OpenError>;
}

/// Why a device could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct OpenError {
    /// The errno that a kernel would give.
    pub errno: Errno,
    /// What is wrong, in words.
    pub reason: String,
}

impl OpenError {
    /// An error with its own words.
    pub fn new(errno: Errno, reason: impl Into<String>) -> OpenError {
        OpenError {
            errno,
            reason: reason.into(),
        }
    }
}

impl Component {
    /// An opened device: `text` is how a table line says it.
    pub fn new(dev: Arc<dyn BlockDev>, number: DevNo, text: impl Into<String>) -> Component {
        Component(Arc::new(Inner {
            dev,
            number,
            text: text.into(),
        }))
    }

    /// The device.
    pub fn dev(&self) -> &dyn BlockDev {
        &*self.0.dev
    }

    /// Its number. Two components with one number are one device.
    pub fn number(&self) -> DevNo {
        self.0.number
    }

    /// Whether there is no other clone.
    #[cfg(feature = "std")]
    pub(crate) fn is_last(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// As a table line says it, escaped.
impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        EscapedWord(&self.0.text).fmt(f)
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Component({} {})", self.0.number, self.0.text)
    }
}
