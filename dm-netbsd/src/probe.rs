//! Whether the running kernel's driver can be used, and what it has.

use std::path::{Path, PathBuf};

use dm_core::backend::Backend;
use dm_core::client::Dm;
use dm_core::command::TargetVersion;
use dm_core::error::DmError;
use dm_core::version::Version;
use rustix::fs::{self, FileType};

use crate::backend::NetBsd;
use crate::control::{ControlError, Majors};
use crate::layout::CONTROL;
use crate::sys;

/// What there is of the driver.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Probe {
    /// Where the control node should be.
    pub path: PathBuf,
    /// Whether a character device is there.
    pub node: bool,
    /// The driver's numbers in the kernel's list of drivers, or why there are none.
    pub majors: Result<Majors, ControlError>,
    /// The version of the interface, or why it can not be used.
    pub version: Result<Version, DmError>,
    /// The targets that it has now. It may load more when a table names them.
    pub targets: Vec<TargetVersion>,
}

/// The version of the running kernel's driver, if this user can use it.
///
/// # Errors
/// Why not, as [`NetBsd::open`].
pub fn usable() -> Result<Version, DmError> {
    open_usable()?.version()
}

/// The running kernel's driver, if this user can use it.
///
/// Nothing is made for it: where the control node is missing, there is no driver, though [`NetBsd::open`] may make one.
/// Who may open the node may look; only root may change things, which the driver says when it is asked to.
///
/// # Errors
/// As [`NetBsd::open`].
pub fn open_usable() -> Result<NetBsd, DmError> {
    sys::majors()?;
    let path = Path::new(CONTROL);
    match is_node(path) {
        true => NetBsd::open(),
        false => Err(ControlError::NoNode { path: path.into() }.into()),
    }
}

/// All that can be found out.
pub fn probe() -> Probe {
    let path = PathBuf::from(CONTROL);
    let version = usable();
    let targets = match &version {
        Ok(_) => NetBsd::open().and_then(targets).unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    Probe {
        node: is_node(&path),
        majors: sys::majors(),
        version,
        targets,
        path,
    }
}

fn targets(driver: impl Backend) -> Result<Vec<TargetVersion>, DmError> {
    Dm::new(driver).targets()
}

fn is_node(path: &Path) -> bool {
    fs::stat(path)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice)
}

#[cfg(all(test, not(target_os = "netbsd")))]
mod tests {
    use super::*;
    use dm_core::error::ErrorKind;

    #[test]
    fn other_systems_say_so() {
        let error = NetBsd::open().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert_eq!(error.reason(), "this system is not NetBSD");
        let probe = probe();
        assert_eq!(probe.majors, Err(ControlError::OtherSystem));
        assert_eq!(
            probe.version.unwrap_err().reason(),
            "this system is not NetBSD"
        );
        assert!(probe.targets.is_empty());
    }
}
