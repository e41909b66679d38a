//! The folder of devices, in which `mapper/NAME` and `mapper/control` are.
//!
//! # Source
//! `DM_DEV_DIR` in dmsetup(8).

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::abi::layout::{CONTROL, DIRECTORY};

/// The process's folder, if it is another than `/dev`.
static MAPPER: OnceLock<PathBuf> = OnceLock::new();

/// Takes another folder than `/dev` in this process: a process has one, as with libdevmapper, and
/// only the first call has an effect. It must be an absolute path.
///
/// # Errors
/// If it is none.
pub fn set(dev: impl Into<PathBuf>) -> Result<(), RelativePath> {
    let dev = dev.into();
    if !dev.is_absolute() {
        return Err(RelativePath { path: dev });
    }
    // Whoever was first has it.
    let _ = MAPPER.set(dev.join("mapper"));
    Ok(())
}

/// Where devices' nodes are.
pub fn mapper() -> &'static Path {
    MAPPER.get().map_or(Path::new(DIRECTORY), PathBuf::as_path)
}

/// Where the control node is.
pub fn control() -> PathBuf {
    match MAPPER.get() {
        None => CONTROL.into(),
        Some(mapper) => mapper.join("control"),
    }
}

/// Whether it is where udev makes nodes.
pub(crate) fn is_usual() -> bool {
    mapper() == Path::new(DIRECTORY)
}

/// A folder of devices whose path depends on where one is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not an absolute path", path.display())]
pub struct RelativePath {
    /// The path.
    pub path: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_folder_is_dev() {
        // Of the process's tests, none may set it.
        assert_eq!(mapper(), Path::new("/dev/mapper"));
        assert_eq!(control(), Path::new("/dev/mapper/control"));
        let relative = set("dev").unwrap_err();
        assert_eq!(relative.to_string(), "dev is not an absolute path");
    }
}
