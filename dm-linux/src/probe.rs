//! Whether the running kernel's driver can be used.

use std::path::{Path, PathBuf};

use dm_core::devid::DevNo;
use dm_core::error::DmError;
use dm_core::version::Version;
use rustix::fs::{self, FileType};

use crate::abi::layout::MISC_NAME;
use crate::backend::Linux;
use crate::control::{ControlError, misc_minor};
use crate::devdir;
use crate::udev::{Udev, Waiter};

/// What there is of the driver.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Probe {
    /// Where the control node should be.
    pub path: PathBuf,
    /// What is there.
    pub node: NodeFound,
    /// The driver's minor number in the kernel's list of devices, if it is loaded.
    pub registered: Option<u32>,
    /// The version of the interface, or why it can not be used.
    pub version: Result<Version, DmError>,
}

/// What is at the control node's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeFound {
    /// Nothing, or it can not be seen.
    Nothing,
    /// A character device.
    Device {
        /// Its number.
        number: DevNo,
        /// Its permission bits.
        mode: u32,
    },
    /// Something else.
    Other,
}

/// The capability's bit, `CAP_SYS_ADMIN` in `linux/capability.h`.
const CAP_SYS_ADMIN: u64 = 1 << 21;

/// The version of the running kernel's driver, if this user can use it.
///
/// Nothing is made for it: where both the driver and its control node are missing, there is no
/// driver, though opening a new node might load one, which [`Linux::open`] tries.
///
/// # Errors
/// Why not, as [`Linux::open`].
pub fn usable() -> Result<Version, DmError> {
    open_usable(Udev::new()).and_then(|linux| linux.version())
}

/// The running kernel's driver, if this user can use it, with `waiter` for the nodes.
///
/// The driver itself is asked only where `/proc` does not say whether this process has
/// `CAP_SYS_ADMIN` outside of any container, so that a command takes no ioctl more than it needs.
///
/// # Errors
/// As [`usable`].
pub fn open_usable(waiter: impl Waiter + 'static) -> Result<Linux, DmError> {
    let path = devdir::control();
    if look(&path) == NodeFound::Nothing && registered().is_none() {
        return Err(ControlError::NoNode { path }.into());
    }
    let linux = Linux::open_with(waiter)?;
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    if !is_admin(&read("/proc/self/status"), &read("/proc/self/uid_map")) {
        linux.version()?;
    }
    Ok(linux)
}

/// Whether a process has `CAP_SYS_ADMIN` in the first user namespace, whose map is all ids.
fn is_admin(status: &str, uid_map: &str) -> bool {
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let all = ["0", "0", "4294967295"];
    effective.is_some_and(|mask| mask & CAP_SYS_ADMIN != 0)
        && uid_map.split_ascii_whitespace().eq(all)
}

/// All that can be found out.
pub fn probe() -> Probe {
    let path = devdir::control();
    Probe {
        node: look(&path),
        registered: registered(),
        version: usable(),
        path,
    }
}

/// The major numbers of mapped devices: one, unless the kernel has no driver.
///
/// # Examples
/// ```
/// for major in dm_linux::probe::majors() {
///     println!("devices {major}:* are mapped ones");
/// }
/// ```
pub fn majors() -> Vec<u32> {
    let text = std::fs::read_to_string("/proc/devices").unwrap_or_default();
    majors_in(&text)
}

/// The driver's numbers in the text of `/proc/devices`.
fn majors_in(text: &str) -> Vec<u32> {
    let block = text.split_once("Block devices:").map_or("", |it| it.1);
    let rows = block.lines().filter_map(|line| line.trim().split_once(' '));
    rows.filter(|row| row.1.trim() == MISC_NAME)
        .filter_map(|row| row.0.parse().ok())
        .collect()
}

fn registered() -> Option<u32> {
    misc_minor(&std::fs::read_to_string("/proc/misc").ok()?)
}

#[allow(clippy::useless_conversion)] // Of 16 bits on some systems.
fn look(path: &Path) -> NodeFound {
    let Ok(stat) = fs::stat(path) else {
        return NodeFound::Nothing;
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice => NodeFound::Device {
            number: DevNo {
                major: fs::major(stat.st_rdev),
                minor: fs::minor(stat.st_rdev),
            },
            mode: u32::from(stat.st_mode) & 0o7777,
        },
        _ => NodeFound::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_seen_with_its_number_and_mode() {
        let NodeFound::Device { number, .. } = look(Path::new("/dev/null")) else {
            panic!("/dev/null is a character device");
        };
        assert_eq!(number, DevNo { major: 1, minor: 3 });
        assert_eq!(look(Path::new("/dev")), NodeFound::Other);
        assert_eq!(look(Path::new("/dev/nothing-here")), NodeFound::Nothing);
    }

    #[test]
    fn admin_is_who_has_the_capability_outside_of_containers() {
        let root = "Name:\tx\nCapEff:\t000001ffffffffff\n";
        let all = "         0          0 4294967295\n";
        assert!(is_admin(root, all));
        assert!(is_admin("CapEff:\t0000000000200000\n", all));
        assert!(!is_admin("CapEff:\t00000000a80425fb\n", all));
        assert!(!is_admin(root, "         0     100000      65536\n"));
        assert!(!is_admin("", all));
    }

    #[test]
    fn majors_are_those_of_block_devices() {
        let text = "Character devices:\n 10 misc\n 99 device-mapper\n\nBlock devices:\n  7 loop\n\
                    253 device-mapper\n254 mdp\n";
        assert_eq!(majors_in(text), [253]);
        assert_eq!(
            majors_in("Character devices:\n 99 device-mapper\n"),
            [0_u32; 0]
        );
    }

    #[test]
    fn probe_and_usable_agree() {
        let kind = |result: Result<Version, DmError>| result.map_err(|error| error.kind);
        assert_eq!(kind(probe().version), kind(usable()));
    }
}
