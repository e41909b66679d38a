//! The devices' nodes in `/dev/mapper`, where no udev makes them.
//!
//! A node is made when its device is resumed, as udev and LVM2's tools do, follows a rename, and
//! goes with its device. A device that is removed later, when its last user closes it, leaves its
//! node behind until a node of that name is made again.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use rustix::fs::{self, AtFlags, CWD, FileType, Mode};

use crate::devdir;
use crate::sys::{errno, make_node};
use crate::udev::Change;

/// Where udev is found if it runs.
const UDEV: &str = "/run/udev/control";

/// Who makes nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodePolicy {
    /// This crate, unless udev runs.
    #[default]
    WithoutUdev,
    /// This crate.
    Always,
    /// Somebody else.
    Never,
}

/// The folder of the devices' nodes.
#[derive(Clone, Debug)]
pub struct Nodes {
    folder: PathBuf,
    policy: NodePolicy,
}

/// A node could not be made, renamed or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// Something that is no block device has its place.
    #[error("{} is not a block device's node", path.display())]
    Occupied {
        /// Where.
        path: PathBuf,
    },
    /// The name can be no node's.
    #[error("{name:?} can not be a node's name")]
    Name {
        /// The name, as the driver has it.
        name: String,
    },
    /// The system refused.
    #[error("cannot {step} {}: {errno}", path.display())]
    Failed {
        /// What was done.
        step: &'static str,
        /// To which path.
        path: PathBuf,
        /// What it gave.
        errno: Errno,
    },
}

/// What stands at a node's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// A block device's node, or a link to one.
    Block(DevNo),
    /// A link to nowhere, as udev leaves when it is stopped.
    Dangling,
    Other,
}

impl Nodes {
    /// The usual folder.
    pub fn new(policy: NodePolicy) -> Nodes {
        Nodes::at(devdir::mapper(), policy)
    }

    /// Another folder.
    pub fn at(folder: impl Into<PathBuf>, policy: NodePolicy) -> Nodes {
        Nodes {
            folder: folder.into(),
            policy,
        }
    }

    /// Whether nodes are this crate's to make now.
    pub fn ours(&self) -> bool {
        match self.policy {
            // Udev makes nodes in its own folder alone.
            NodePolicy::WithoutUdev => !devdir::is_usual() || !Path::new(UDEV).exists(),
            NodePolicy::Always => true,
            NodePolicy::Never => false,
        }
    }

    /// The node of the device with that name, which is written as the driver has it.
    ///
    /// # Errors
    /// [`NodeError::Name`] for what would be no file in the folder.
    pub fn path(&self, name: &[u8]) -> Result<PathBuf, NodeError> {
        let forbidden = [&b""[..], b".", b"..", b"control"].contains(&name);
        if forbidden || name.iter().any(|byte| matches!(byte, 0 | b'/')) {
            let name = crate::mangle::raw(name);
            return Err(NodeError::Name { name });
        }
        Ok(self.folder.join(OsStr::from_bytes(name)))
    }

    /// Makes the node of a device, unless it is there.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn make(&self, name: &[u8], number: DevNo) -> Result<(), NodeError> {
        let path = self.path(name)?;
        match look(&path)? {
            Found::Block(found) if found == number => return Ok(()),
            Found::Nothing => {}
            Found::Block(_) | Found::Dangling => unlink(&path)?,
            Found::Other => return Err(NodeError::Occupied { path }),
        }
        match fs::mkdir(&self.folder, Mode::from_raw_mode(0o755)) {
            Err(rustix::io::Errno::EXIST) | Ok(()) => {}
            Err(error) => return Err(failed("make", &self.folder, errno(error))),
        }
        make_node(&path, FileType::BlockDevice, number)
            .map_err(|errno| failed("make", &path, errno))
    }

    /// Gives a device's node, if it has one, its new name.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), NodeError> {
        let (from, to) = (self.path(from)?, self.path(to)?);
        match (look(&from)?, look(&to)?) {
            (Found::Nothing, _) => Ok(()),
            (Found::Other, _) => Err(NodeError::Occupied { path: from }),
            (_, Found::Other) => Err(NodeError::Occupied { path: to }),
            _ => fs::rename(&from, &to).map_err(|error| failed("rename", &from, errno(error))),
        }
    }

    /// Removes the node of a device, if it has one.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn remove(&self, name: &[u8]) -> Result<(), NodeError> {
        let path = self.path(name)?;
        match look(&path)? {
            Found::Nothing => Ok(()),
            Found::Block(_) | Found::Dangling => unlink(&path),
            Found::Other => Err(NodeError::Occupied { path }),
        }
    }
}

/// With udev, or after it.
impl Nodes {
    /// Does to a node what a command did to its device.
    pub(crate) fn follow(&self, change: &Change) -> Result<(), NodeError> {
        match change {
            Change::Resumed { name, number } => self.make(name, *number),
            Change::Renamed { from, to, .. } => self.rename(from, to),
            Change::Removed { name } => self.remove(name),
            Change::Other => Ok(()),
        }
    }

    /// Whether a name's node is that of the device with `number`, or of no device that is gone or
    /// has another name now.
    pub(crate) fn is_right(&self, name: &[u8], number: Option<DevNo>) -> Result<bool, NodeError> {
        Ok(match (look(&self.path(name)?)?, number) {
            (Found::Block(found), Some(number)) => found == number,
            (Found::Block(found), None) => device_name(found).is_some_and(|it| it == name),
            (Found::Nothing, None) => true,
            // It is none of ours.
            (Found::Other, None) => true,
            _ => false,
        })
    }

    /// Makes a name's node, or removes it, where udev should have done so: as a link, if the
    /// kernel has a node to link to, so that udev can still replace it.
    pub(crate) fn mend(&self, name: &[u8], number: Option<DevNo>) -> Result<(), NodeError> {
        let path = self.path(name)?;
        let Some(number) = number else {
            return unlink(&path);
        };
        let target = format!("../dm-{}", number.minor);
        if look(&self.folder.join(&target))? != Found::Block(number) {
            return self.make(name, number);
        }
        match look(&path)? {
            Found::Nothing => {}
            Found::Block(_) | Found::Dangling => unlink(&path)?,
            Found::Other => return Err(NodeError::Occupied { path }),
        }
        match fs::symlink(&target, &path) {
            // Udev came after all.
            Err(rustix::io::Errno::EXIST) | Ok(()) => Ok(()),
            Err(error) => Err(failed("make", &path, errno(error))),
        }
    }
}

/// The name of the mapped device with that number, as the driver has it.
fn device_name(number: DevNo) -> Option<Vec<u8>> {
    let path = format!("/sys/dev/block/{}:{}/dm/name", number.major, number.minor);
    let mut name = std::fs::read(path).ok()?;
    name.pop_if(|byte| *byte == b'\n');
    Some(name)
}

impl Default for Nodes {
    fn default() -> Nodes {
        Nodes::new(NodePolicy::default())
    }
}

fn failed(step: &'static str, path: &Path, errno: Errno) -> NodeError {
    let path = path.into();
    NodeError::Failed { step, path, errno }
}

fn unlink(path: &Path) -> Result<(), NodeError> {
    match fs::unlink(path) {
        Err(rustix::io::Errno::NOENT) | Ok(()) => Ok(()),
        Err(error) => Err(failed("remove", path, errno(error))),
    }
}

fn look(path: &Path) -> Result<Found, NodeError> {
    let missing = |error| error == rustix::io::Errno::NOENT;
    let link = match fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => FileType::from_raw_mode(stat.st_mode) == FileType::Symlink,
        Err(error) if missing(error) => return Ok(Found::Nothing),
        Err(error) => return Err(failed("look at", path, errno(error))),
    };
    match fs::stat(path) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice => {
            Ok(Found::Block(DevNo {
                major: fs::major(stat.st_rdev),
                minor: fs::minor(stat.st_rdev),
            }))
        }
        Ok(_) => Ok(Found::Other),
        Err(error) if missing(error) && link => Ok(Found::Dangling),
        Err(error) if missing(error) => Ok(Found::Nothing),
        Err(error) => Err(failed("look at", path, errno(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: DevNo = DevNo {
        major: 253,
        minor: 7,
    };
    const OTHER: DevNo = DevNo {
        major: 253,
        minor: 300,
    };

    /// Runs `check` in an empty folder, if this user may make nodes.
    fn with_nodes(check: impl FnOnce(&Nodes, &Path)) {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("mapper");
        let nodes = Nodes::at(&folder, NodePolicy::Always);
        match nodes.make(b"first", NUMBER) {
            Err(NodeError::Failed {
                errno: Errno::EPERM,
                ..
            }) if std::env::var_os("CI").is_none() => {
                eprintln!("skipped: this user may not make nodes");
            }
            made => {
                made.unwrap();
                check(&nodes, &folder);
            }
        }
    }

    #[test]
    fn node_is_made_renamed_and_removed() {
        with_nodes(|nodes, folder| {
            assert_eq!(look(&folder.join("first")), Ok(Found::Block(NUMBER)));
            nodes.make(b"first", NUMBER).unwrap();
            nodes.rename(b"first", br"my\x20vol").unwrap();
            assert_eq!(look(&folder.join("first")), Ok(Found::Nothing));
            let renamed = folder.join(r"my\x20vol");
            assert_eq!(look(&renamed), Ok(Found::Block(NUMBER)));
            nodes.remove(br"my\x20vol").unwrap();
            nodes.remove(br"my\x20vol").unwrap();
            assert_eq!(look(&renamed), Ok(Found::Nothing));
            nodes.rename(b"gone", b"nowhere").unwrap();
        });
    }

    #[test]
    fn stale_node_and_dangling_link_are_replaced() {
        with_nodes(|nodes, folder| {
            nodes.make(b"first", OTHER).unwrap();
            assert_eq!(look(&folder.join("first")), Ok(Found::Block(OTHER)));
            let link = folder.join("link");
            std::os::unix::fs::symlink("../nowhere", &link).unwrap();
            assert_eq!(look(&link), Ok(Found::Dangling));
            nodes.make(b"link", NUMBER).unwrap();
            assert_eq!(look(&link), Ok(Found::Block(NUMBER)));
        });
    }

    #[test]
    fn file_of_somebody_else_stays() {
        with_nodes(|nodes, folder| {
            let path = folder.join("file");
            std::fs::write(&path, "mine").unwrap();
            let occupied = Err(NodeError::Occupied { path: path.clone() });
            assert_eq!(nodes.make(b"file", NUMBER), occupied);
            assert_eq!(nodes.remove(b"file"), occupied);
            assert_eq!(nodes.rename(b"first", b"file"), occupied);
            assert_eq!(std::fs::read(&path).unwrap(), b"mine");
        });
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        let nodes = Nodes::default();
        for name in [&b""[..], b".", b"..", b"control", b"a/b", b"../x", b"a\0b"] {
            assert!(matches!(nodes.path(name), Err(NodeError::Name { .. })));
        }
        let path = nodes.path(b"vol0").unwrap();
        assert_eq!(path, Path::new("/dev/mapper/vol0"));
    }
}
