//! The control node.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::abi::Call;
use crate::abi::layout::MISC_NAME;
use crate::buffer::Buffer;
use crate::devdir;
use crate::sys::{self, Poller, Sys};

/// Linux's control node, which is opened on first use and made then if it is missing.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    opened: OnceLock<OwnedFd>,
}

/// The driver can not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The kernel has no driver, or it is not loaded and the node does not load it.
    #[error("{}: {errno}: the kernel has no device mapper, or its module dm_mod is not loaded", path.display())]
    NoDriver {
        /// The node.
        path: PathBuf,
        /// What opening it gave.
        errno: Errno,
    },
    /// There is no node.
    #[error("there is no {}", path.display())]
    NoNode {
        /// The node.
        path: PathBuf,
    },
    /// This user may not.
    #[error("{}: {errno}: the device mapper is root's", path.display())]
    Forbidden {
        /// The node.
        path: PathBuf,
        /// What opening it gave.
        errno: Errno,
    },
    /// Something else is there.
    #[error("{} is not the device mapper's control node", path.display())]
    OtherNode {
        /// What is there.
        path: PathBuf,
    },
    /// It could not be made or opened.
    #[error("cannot {step} {}: {errno}", path.display())]
    Failed {
        /// What was done.
        step: &'static str,
        /// On which path.
        path: PathBuf,
        /// What it gave.
        errno: Errno,
    },
}

impl Control {
    /// The control node at its usual place, not opened yet.
    pub fn new() -> Control {
        Control::at(devdir::control())
    }

    /// A control node at another place, not opened yet.
    pub fn at(path: impl Into<PathBuf>) -> Control {
        Control {
            path: path.into(),
            opened: OnceLock::new(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its descriptor, which is readable after an event of any device; [`Linux::arm_poll`] makes it
    /// ready for the next. [`Events`](dm_core::events::Events) does both.
    ///
    /// [`Linux::arm_poll`]: crate::Linux::arm_poll
    ///
    /// # Errors
    /// [`ControlError`] if it can not be opened.
    pub fn descriptor(&self) -> Result<BorrowedFd<'_>, ControlError> {
        self.opened().map(OwnedFd::as_fd)
    }

    fn opened(&self) -> Result<&OwnedFd, ControlError> {
        match self.opened.get() {
            Some(opened) => Ok(opened),
            None => {
                let opened = sys::open(&self.path)?;
                // If another thread was first, its descriptor stays and this one is closed.
                Ok(self.opened.get_or_init(|| opened))
            }
        }
    }
}

impl Default for Control {
    fn default() -> Control {
        Control::new()
    }
}

impl Sys for Control {
    fn ready(&self) -> Result<(), ControlError> {
        self.opened().map(|_| ())
    }

    fn ioctl(&self, call: Call, buffer: &mut Buffer) -> Result<(), Errno> {
        let opened = self.opened().map_err(|error| error.errno())?;
        sys::ioctl(opened, call, buffer)
    }

    fn probe_paths(&self, number: DevNo) -> Result<(), Errno> {
        sys::probe_paths(number)
    }

    fn poller(&self) -> Result<Box<dyn Poller>, DmError> {
        // What was told already is kept for each open file.
        Ok(Box::new(Opened(sys::open(&self.path)?)))
    }
}

/// The control node, opened.
#[derive(Debug)]
struct Opened(OwnedFd);

impl Sys for Opened {
    fn ioctl(&self, call: Call, buffer: &mut Buffer) -> Result<(), Errno> {
        sys::ioctl(&self.0, call, buffer)
    }
}

impl AsFd for Opened {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl ControlError {
    /// The errno that belongs to it.
    pub fn errno(&self) -> Errno {
        match self {
            ControlError::NoDriver { errno, .. }
            | ControlError::Forbidden { errno, .. }
            | ControlError::Failed { errno, .. } => *errno,
            ControlError::NoNode { .. } => Errno::ENOENT,
            ControlError::OtherNode { .. } => Errno::ENOTTY,
        }
    }

    pub(crate) fn failed(step: &'static str, path: &Path, errno: Errno) -> ControlError {
        let path = path.into();
        match errno {
            Errno::EACCES | Errno::EPERM => ControlError::Forbidden { path, errno },
            Errno::ENXIO | Errno::ENODEV => ControlError::NoDriver { path, errno },
            _ => ControlError::Failed { step, path, errno },
        }
    }
}

impl From<ControlError> for DmError {
    fn from(error: ControlError) -> DmError {
        let kind = match error {
            ControlError::Forbidden { .. } => ErrorKind::Permission,
            ControlError::Failed { .. } => ErrorKind::Io,
            _ => ErrorKind::Unsupported,
        };
        DmError::new(kind)
            .with_errno(error.errno())
            .with_source(error)
    }
}

/// The driver's minor number in the text of `/proc/misc`, if it is loaded.
pub(crate) fn misc_minor(text: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let (minor, name) = line.trim().split_once(' ')?;
        (name.trim() == MISC_NAME).then(|| minor.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_is_read_from_the_list_of_misc_devices() {
        let text = "235 autofs\n236 device-mapper\n 59 device-mapper-not\n";
        assert_eq!(misc_minor(text), Some(236));
        assert_eq!(misc_minor(" 61 device-mapper\n"), Some(61));
        assert_eq!(misc_minor("1 device-mapper-not\nx\n"), None);
    }

    #[test]
    fn errors_say_where_and_why() {
        let error = ControlError::failed("open", Path::new("/c"), Errno::EACCES);
        let error = DmError::from(error);
        assert_eq!(error.kind, ErrorKind::Permission);
        assert_eq!(
            error.reason(),
            "/c: permission denied: the device mapper is root's"
        );
        let error = ControlError::failed("open", Path::new("/c"), Errno::ENODEV);
        assert_eq!(DmError::from(error).kind, ErrorKind::Unsupported);
    }
}
