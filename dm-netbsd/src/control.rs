//! The control node.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use rustix::fd::OwnedFd;

use crate::layout::{CONTROL, DRIVER, KinfoDrivers};
use crate::sys::{self, Sys};

/// NetBSD's control node, which is opened on first use and made then if it is missing.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    opened: OnceLock<OwnedFd>,
}

/// The driver's major numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Majors {
    /// Of its character nodes: the control node and the raw ones.
    pub character: u32,
    /// Of its block nodes.
    pub block: u32,
}

/// The driver can not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// This is another system.
    #[error("this system is not NetBSD")]
    OtherSystem,
    /// The kernel has no driver.
    #[error("the kernel has no device mapper: modload dm loads it")]
    NoDriver,
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
        Control::at(CONTROL)
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

    fn majors(&self) -> Result<Majors, ControlError> {
        sys::majors()
    }

    fn ioctl(&self, request: &[u8]) -> Result<Vec<u8>, Errno> {
        let opened = self.opened().map_err(|error| error.errno())?;
        sys::ioctl(opened, request)
    }

    fn block_device(&self, path: &Path) -> Option<DevNo> {
        sys::block_device(path)
    }

    fn try_open(&self, path: &Path) -> Result<(), Errno> {
        sys::try_open(path)
    }

    fn privileged(&self) -> bool {
        rustix::process::geteuid().is_root()
    }
}

impl ControlError {
    /// The errno that belongs to it.
    pub fn errno(&self) -> Errno {
        match self {
            ControlError::Forbidden { errno, .. } | ControlError::Failed { errno, .. } => *errno,
            ControlError::OtherSystem => Errno::ENOSYS,
            ControlError::NoDriver => Errno::ENODEV,
            ControlError::NoNode { .. } => Errno::ENOENT,
            ControlError::OtherNode { .. } => Errno::ENOTTY,
        }
    }

    /// What it is that a step on a node gave `errno`.
    #[cfg_attr(not(target_os = "netbsd"), allow(dead_code))] // Only NetBSD's sys has steps.
    pub(crate) fn failed(step: &'static str, path: &Path, errno: Errno) -> ControlError {
        let path = path.into();
        match errno {
            Errno::EACCES | Errno::EPERM => ControlError::Forbidden { path, errno },
            Errno::ENXIO | Errno::ENODEV => ControlError::NoDriver,
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

/// The driver's numbers in the kernel's list.
#[cfg_attr(not(target_os = "netbsd"), allow(dead_code))] // Only NetBSD's sys has the list.
pub(crate) fn find(drivers: &[KinfoDrivers]) -> Option<Majors> {
    drivers.iter().find_map(|driver| {
        let name = driver.name.split(|byte| *byte == 0).next()?;
        (name == DRIVER.as_bytes()).then_some(())?;
        // A driver without nodes of a kind has a negative number.
        Some(Majors {
            character: driver.cmajor.try_into().ok()?,
            block: driver.bmajor.try_into().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn driver(name: &[u8], cmajor: i32, bmajor: i32) -> KinfoDrivers {
        let mut driver = KinfoDrivers {
            cmajor,
            bmajor,
            name: [0; 24],
        };
        driver.name[..name.len()].copy_from_slice(name);
        driver
    }

    #[test]
    fn majors_are_those_of_the_driver_named_dm() {
        let majors = Majors {
            character: 194,
            block: 169,
        };
        let list = [
            driver(b"wd", 3, 0),
            driver(b"dmover", 180, -1),
            driver(b"dm", 194, 169),
        ];
        assert_eq!(find(&list), Some(majors));
        assert_eq!(find(&list[..2]), None);
        assert_eq!(find(&[driver(b"dm", 194, -1)]), None);
        assert_eq!(find(&[driver(&[b'd'; 24], 1, 1)]), None);
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
        let error = DmError::from(ControlError::failed("open", Path::new("/c"), Errno::ENXIO));
        assert_eq!(error.kind, ErrorKind::Unsupported);
    }
}
