//! The one door to a driver, whichever it is.

#[cfg(feature = "std")]
use alloc::boxed::Box;

use crate::command::{Command, Reply};
use crate::error::DmError;
#[cfg(feature = "std")]
use crate::events::Watch;

/// A driver: the engine, a kernel's, or one behind a socket.
pub trait Backend: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Obeys one command.
    ///
    /// # Errors
    /// [`DmError`], with the command and the device in its context.
    fn call(&self, command: Command) -> Result<Reply, DmError>;

    /// A descriptor of its own that tells of whatever happens to a device. Most want
    /// [`Events`](crate::events::Events), which tells what it was.
    ///
    /// # Errors
    /// [`Unsupported`](crate::error::ErrorKind::Unsupported) from a driver that does not tell.
    #[cfg(feature = "std")]
    fn watch(&self) -> Result<Box<dyn Watch>, DmError> {
        let driver = self.capabilities().driver;
        let reason = alloc::format!("the driver {driver} does not tell what happens to devices");
        let error = DmError::because(crate::error::ErrorKind::Unsupported, reason);
        Err(error.about("watch", None))
    }
}

/// What a driver can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Which driver it is: `engine`, `linux`, `netbsd`, `socket`.
    pub driver: &'static str,
    /// What it has beyond the commands that every driver has.
    pub features: Features,
}

bitflags::bitflags! {
    /// What not every driver has.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Features: u32 {
        /// Waiting for events.
        const WAIT = 1 << 0;
        /// Messages to targets.
        const MESSAGE = 1 << 1;
        /// Removal when the last user closes.
        const DEFERRED_REMOVE = 1 << 2;
        /// Removal of all devices at once.
        const REMOVE_ALL = 1 << 3;
        /// Errors say which table line is wrong.
        const TABLE_ERRORS = 1 << 4;
        /// A geometry for each device.
        const GEOMETRY = 1 << 5;
        /// What an attestation measures of a table.
        const MEASURE = 1 << 6;
        /// The version of one kind of targets.
        const TARGET_VERSION = 1 << 7;
        /// Trying the paths of a `multipath` device.
        const PROBE_PATHS = 1 << 8;
        /// A suspend holds new io and waits for what is under way, and a resume without a loaded
        /// table goes on with the old one.
        const SUSPEND = 1 << 9;
        /// Telling what happens to any device.
        const EVENTS = 1 << 10;
    }
}

impl Capabilities {
    /// A driver's name and features.
    pub const fn new(driver: &'static str, features: Features) -> Capabilities {
        Capabilities { driver, features }
    }
}

impl<B: Backend + ?Sized> Backend for &B {
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    fn call(&self, command: Command) -> Result<Reply, DmError> {
        (**self).call(command)
    }

    #[cfg(feature = "std")]
    fn watch(&self) -> Result<Box<dyn Watch>, DmError> {
        (**self).watch()
    }
}

impl<B: Backend + ?Sized> Backend for alloc::sync::Arc<B> {
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    fn call(&self, command: Command) -> Result<Reply, DmError> {
        (**self).call(command)
    }

    #[cfg(feature = "std")]
    fn watch(&self) -> Result<Box<dyn Watch>, DmError> {
        (**self).watch()
    }
}

impl<B: Backend + ?Sized> Backend for alloc::boxed::Box<B> {
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    fn call(&self, command: Command) -> Result<Reply, DmError> {
        (**self).call(command)
    }

    #[cfg(feature = "std")]
    fn watch(&self) -> Result<Box<dyn Watch>, DmError> {
        (**self).watch()
    }
}
