//! Where the host has the nodes of block devices.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::devid::DevNo;

/// The node of the block device with `number`.
///
/// # Source
/// udev's links in `/dev/block`, and Linux's `Documentation/ABI/stable/sysfs-block`. Elsewhere `/dev`
/// is looked through.
pub(crate) fn node_of(number: DevNo) -> Option<PathBuf> {
    if !cfg!(target_os = "linux") {
        return search(Path::new("/dev"), number);
    }
    let link = PathBuf::from(format!("/dev/block/{number}"));
    if link.exists() {
        return Some(link);
    }
    // Without udev there are no links, but the kernel knows the name.
    let device = fs::canonicalize(format!("/sys/dev/block/{number}")).ok()?;
    let name = device.file_name()?.to_str()?;
    Some(node_named(name))
}

/// The node of the block device that sysfs calls `name`.
pub(crate) fn node_named(name: &str) -> PathBuf {
    // An exclamation mark stands for the slash of a node in a folder.
    PathBuf::from(format!("/dev/{}", name.replace('!', "/")))
}

/// A block device's node in `folder` itself.
fn search(folder: &Path, number: DevNo) -> Option<PathBuf> {
    let is_it = |path: &PathBuf| {
        let node = fs::symlink_metadata(path);
        node.is_ok_and(|node| {
            node.file_type().is_block_device() && DevNo::of_node(node.rdev()) == number
        })
    };
    let entries = fs::read_dir(folder).ok()?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_device_is_found_by_its_number() {
        let folder = Path::new("/dev");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let node = std::fs::symlink_metadata(&path).unwrap();
            let number = DevNo::of_node(node.rdev());
            if node.file_type().is_block_device() {
                let found = search(folder, number).unwrap();
                let found = std::fs::symlink_metadata(found).unwrap();
                assert_eq!(DevNo::of_node(found.rdev()), number, "{path:?}");
            }
        }
        let unused = DevNo {
            major: 4095,
            minor: 0xf_ffff,
        };
        assert_eq!(search(folder, unused), None);
    }
}
