//! The devices' nodes: `/dev/mapper/NAME`, and `/dev/mapper/rNAME`, the raw one. NetBSD's driver makes none.
//!
//! They are made when a device is resumed, follow a rename, and go with the device.

use std::path::{Path, PathBuf};

use dm_core::devid::DevNo;
use dm_core::errno::Errno;
use dm_core::names::DmName;
use rustix::fs::{self, AtFlags, CWD, FileType, Mode};

use crate::control::Majors;
use crate::layout::DIRECTORY;
use crate::sys::{errno, make_node};

/// The folder of the devices' nodes.
#[derive(Clone, Debug)]
pub struct Nodes {
    folder: PathBuf,
    policy: NodePolicy,
}

/// Who makes nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodePolicy {
    /// This crate, as NetBSD's other clients do.
    #[default]
    Always,
    /// Somebody else.
    Never,
}

/// A node could not be made, renamed or removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// Something else has its place: a file, or the raw node of a device whose name is shorter by an `r`.
    #[error("{} is another's", path.display())]
    Occupied {
        /// Where.
        path: PathBuf,
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

/// One of a device's two nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    Raw,
}

/// What stands at a node's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// A node of the kind that belongs there.
    Node(DevNo),
    Other,
}

impl Kind {
    const BOTH: [Kind; 2] = [Kind::Block, Kind::Raw];

    fn file_type(self) -> FileType {
        match self {
            Kind::Block => FileType::BlockDevice,
            Kind::Raw => FileType::CharacterDevice,
        }
    }
}

impl Nodes {
    /// The usual folder.
    pub fn new(policy: NodePolicy) -> Nodes {
        Nodes::at(DIRECTORY, policy)
    }

    /// Another folder.
    pub fn at(folder: impl Into<PathBuf>, policy: NodePolicy) -> Nodes {
        Nodes {
            folder: folder.into(),
            policy,
        }
    }

    /// Whether nodes are this crate's to make.
    pub fn ours(&self) -> bool {
        self.policy == NodePolicy::Always
    }

    /// A device's block node.
    pub fn block(&self, name: &DmName) -> PathBuf {
        self.folder.join(name.as_str())
    }

    /// A device's raw node, a character device.
    pub fn raw(&self, name: &DmName) -> PathBuf {
        self.folder.join(format!("r{name}"))
    }

    /// Makes the nodes of a device, unless they are there.
    ///
    /// # Errors
    /// [`NodeError`] of the first that can not be made.
    pub fn make(&self, name: &DmName, minor: u32, majors: Majors) -> Result<(), NodeError> {
        match fs::mkdir(&self.folder, Mode::from_raw_mode(0o755)) {
            Err(rustix::io::Errno::EXIST) | Ok(()) => {}
            Err(error) => return Err(failed("make", &self.folder, errno(error))),
        }
        for kind in Kind::BOTH {
            let major = match kind {
                Kind::Block => majors.block,
                Kind::Raw => majors.character,
            };
            let (path, number) = (self.path(kind, name), DevNo { major, minor });
            match look(kind, &path)? {
                Found::Node(found) if found == number => continue,
                Found::Nothing => {}
                Found::Node(_) => unlink(&path)?,
                Found::Other => return Err(NodeError::Occupied { path }),
            }
            make_node(&path, kind.file_type(), number)
                .map_err(|errno| failed("make", &path, errno))?;
        }
        Ok(())
    }

    /// Gives a device's nodes, as far as it has them, their new names.
    ///
    /// # Errors
    /// [`NodeError`] of the first that can not be renamed.
    pub fn rename(&self, from: &DmName, to: &DmName) -> Result<(), NodeError> {
        for kind in Kind::BOTH {
            let (from, to) = (self.path(kind, from), self.path(kind, to));
            match (look(kind, &from)?, look(kind, &to)?) {
                (Found::Nothing, _) => {}
                (Found::Other, _) => return Err(NodeError::Occupied { path: from }),
                (_, Found::Other) => return Err(NodeError::Occupied { path: to }),
                _ => {
                    fs::rename(&from, &to).map_err(|error| failed("rename", &from, errno(error)))?
                }
            }
        }
        Ok(())
    }

    /// Removes the nodes of a device, as far as it has them.
    ///
    /// # Errors
    /// [`NodeError`] of the first that can not be removed.
    pub fn remove(&self, name: &DmName) -> Result<(), NodeError> {
        for kind in Kind::BOTH {
            let path = self.path(kind, name);
            match look(kind, &path)? {
                Found::Nothing => {}
                Found::Node(_) => unlink(&path)?,
                Found::Other => return Err(NodeError::Occupied { path }),
            }
        }
        Ok(())
    }

    fn path(&self, kind: Kind, name: &DmName) -> PathBuf {
        match kind {
            Kind::Block => self.block(name),
            Kind::Raw => self.raw(name),
        }
    }
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

fn look(kind: Kind, path: &Path) -> Result<Found, NodeError> {
    match fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == kind.file_type() => {
            Ok(Found::Node(DevNo {
                major: fs::major(stat.st_rdev),
                minor: fs::minor(stat.st_rdev),
            }))
        }
        Ok(_) => Ok(Found::Other),
        Err(rustix::io::Errno::NOENT) => Ok(Found::Nothing),
        Err(error) => Err(failed("look at", path, errno(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAJORS: Majors = Majors {
        character: 194,
        block: 169,
    };

    fn name(name: &str) -> DmName {
        DmName::new(name).unwrap()
    }

    /// Runs `check` in an empty folder, if this user may make nodes.
    fn with_nodes(check: impl FnOnce(&Nodes, &Path)) {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("mapper");
        let nodes = Nodes::at(&folder, NodePolicy::Always);
        match nodes.make(&name("vol0"), 7, MAJORS) {
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

    fn number(kind: Kind, path: &Path) -> Option<String> {
        match look(kind, path).unwrap() {
            Found::Node(number) => Some(number.to_string()),
            _ => None,
        }
    }

    #[test]
    fn both_nodes_are_made_renamed_and_removed() {
        with_nodes(|nodes, folder| {
            let shown = |name: &str| {
                let block = number(Kind::Block, &folder.join(name));
                (block, number(Kind::Raw, &folder.join(format!("r{name}"))))
            };
            let both = (Some("169:7".into()), Some("194:7".into()));
            assert_eq!(shown("vol0"), both);
            nodes.make(&name("vol0"), 7, MAJORS).unwrap();
            nodes.rename(&name("vol0"), &name("vol1")).unwrap();
            assert_eq!(shown("vol0"), (None, None));
            assert_eq!(shown("vol1"), both);
            nodes.remove(&name("vol1")).unwrap();
            nodes.remove(&name("vol1")).unwrap();
            assert_eq!(shown("vol1"), (None, None));
            nodes.rename(&name("gone"), &name("nowhere")).unwrap();
        });
    }

    #[test]
    fn stale_nodes_are_replaced() {
        with_nodes(|nodes, folder| {
            nodes.make(&name("vol0"), 8, MAJORS).unwrap();
            let block = number(Kind::Block, &folder.join("vol0"));
            assert_eq!(block.as_deref(), Some("169:8"));
        });
    }

    /// `rvol0` as a device's block node is `vol0`'s raw one.
    #[test]
    fn what_is_anothers_stays() {
        with_nodes(|nodes, folder| {
            let path = folder.join("rvol0");
            let occupied = Err(NodeError::Occupied { path: path.clone() });
            assert_eq!(nodes.make(&name("rvol0"), 9, MAJORS), occupied);
            assert_eq!(nodes.remove(&name("rvol0")), occupied);
            assert_eq!(nodes.rename(&name("vol0"), &name("rvol0")), occupied);
            assert_eq!(number(Kind::Raw, &path).as_deref(), Some("194:7"));
        });
    }
}
