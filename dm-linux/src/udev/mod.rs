//! Devices' nodes with udev, without it, and where udev can not be relied on.
//!
//! # Shape
//! A command that changes a device's node raises an event, which udev's rules act upon a little
//! later. A [`Waiter`] sees to it that nodes are there once the command is done:
//! - [`Udev`] waits for udev with a [`Cookie`], up to a time; where udev does not run, was killed
//!   or did not answer, it makes the nodes itself.
//! - [`Nodes`](crate::nodes::Nodes) waits for nobody: it makes the nodes, or leaves them to others.
//!
//! [`Linux::batch`](crate::Linux::batch) makes one wait of many commands.
//!
//! # Examples
//! ```no_run
//! use std::time::Duration;
//!
//! use dm_linux::Linux;
//! use dm_linux::udev::{Cookie, Udev, UdevFlags};
//!
//! // What 0.34's `DmUdevFlags` are is said once, for all commands of the handle.
//! let udev = Udev::new()
//!     .flags(UdevFlags::DISABLE_DISK_RULES)
//!     .timeout(Duration::from_secs(5));
//! let linux = Linux::open_with(udev)?;
//! // What killed processes left behind.
//! for left in Cookie::list()?.iter().filter(|it| it.age() > Duration::from_secs(600)) {
//!     Cookie::find(left.cookie)?.remove()?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cookie;
mod state;
mod wait;
mod waiter;

use dm_core::devid::DevNo;

pub use cookie::{Cookie, CookieError, ListedCookie, MAGIC};
pub use state::UdevState;
pub use wait::release;
pub use waiter::{How, Settled, Ticket, Udev, Waiter};

bitflags::bitflags! {
    /// What a command tells udev's rules, in the upper half of its event number.
    ///
    /// # Source
    /// `DM_UDEV_*_FLAG` in LVM2's `libdevmapper.h`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct UdevFlags: u16 {
        /// The rules make no node.
        const DISABLE_DM_RULES = 1 << 0;
        /// No rules of LVM2, cryptsetup and such.
        const DISABLE_SUBSYSTEM_RULES = 1 << 1;
        /// No links by content in `/dev/disk`.
        const DISABLE_DISK_RULES = 1 << 2;
        /// No other rules.
        const DISABLE_OTHER_RULES = 1 << 3;
        /// Its links give way to other devices'.
        const LOW_PRIORITY = 1 << 4;
        /// The program does not make nodes if udev did not.
        const DISABLE_LIBRARY_FALLBACK = 1 << 5;
        /// The event is of a command, and not one that udev was asked to repeat.
        const PRIMARY_SOURCE = 1 << 6;
    }
}

/// A flag's word in udev's environment.
const WORDS: &[(UdevFlags, &str)] = &[
    (UdevFlags::DISABLE_DM_RULES, "DISABLE_DM_RULES"),
    (
        UdevFlags::DISABLE_SUBSYSTEM_RULES,
        "DISABLE_SUBSYSTEM_RULES",
    ),
    (UdevFlags::DISABLE_DISK_RULES, "DISABLE_DISK_RULES"),
    (UdevFlags::DISABLE_OTHER_RULES, "DISABLE_OTHER_RULES"),
    (UdevFlags::LOW_PRIORITY, "LOW_PRIORITY"),
    (
        UdevFlags::DISABLE_LIBRARY_FALLBACK,
        "DISABLE_LIBRARY_FALLBACK",
    ),
    (UdevFlags::PRIMARY_SOURCE, "PRIMARY_SOURCE"),
];

/// How many of the flags are the device mapper's; the others are the subsystems'.
const OURS: u32 = 8;

impl UdevFlags {
    /// The flags that came with an event, whose number is what udev calls `DM_COOKIE`.
    pub fn of_event(event: u32) -> UdevFlags {
        let upper = u16::try_from(event >> 16).expect("it has 16 bits");
        UdevFlags::from_bits_retain(upper)
    }

    /// The event number of a command: these flags, and the lower half of a cookie.
    pub fn event(self, base: u16) -> u32 {
        u32::from(self.bits()) << 16 | u32::from(base)
    }

    /// The variables that udev's rules import, such as `DM_UDEV_PRIMARY_SOURCE_FLAG`: one for each
    /// flag that is set.
    pub fn variables(self) -> Vec<String> {
        let set = (0..u16::BITS).filter(|bit| self.bits() & 1 << bit != 0);
        let name = |bit: u32| {
            let flag = UdevFlags::from_bits_retain(1 << bit);
            match WORDS.iter().find(|row| row.0 == flag) {
                Some((_, word)) => format!("DM_UDEV_{word}_FLAG"),
                None if bit < OURS => format!("DM_UDEV_FLAG{bit}"),
                None => format!("DM_SUBSYSTEM_UDEV_FLAG{}", bit - OURS),
            }
        };
        set.map(name).collect()
    }
}

/// What a command did that concerns nodes. Names are as the driver has them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A device was resumed: it has a node now.
    Resumed {
        /// Its name.
        name: Vec<u8>,
        /// Its number.
        number: DevNo,
    },
    /// A device was renamed.
    Renamed {
        /// The name that it had.
        from: Vec<u8>,
        /// The name that it has.
        to: Vec<u8>,
        /// Its number.
        number: DevNo,
    },
    /// A device was removed.
    Removed {
        /// The name that it had.
        name: Vec<u8>,
    },
    /// Something that leaves nodes as they are, of which udev is told.
    Other,
}

impl Change {
    /// A device with that name, as the driver has it, was resumed.
    pub fn resumed(name: impl Into<Vec<u8>>, number: DevNo) -> Change {
        let name = name.into();
        Change::Resumed { name, number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `dmsetup udevflags` of LVM2 2.03.16 prints them.
    #[test]
    fn variables_are_those_of_dmsetup() {
        let low = UdevFlags::of_event(0x00ff_1234);
        assert_eq!(low.variables().len(), 8);
        assert_eq!(low.variables()[0], "DM_UDEV_DISABLE_DM_RULES_FLAG");
        assert_eq!(low.variables()[6], "DM_UDEV_PRIMARY_SOURCE_FLAG");
        assert_eq!(low.variables()[7], "DM_UDEV_FLAG7");
        let high = UdevFlags::of_event(0x8100_0000);
        let both = ["DM_SUBSYSTEM_UDEV_FLAG0", "DM_SUBSYSTEM_UDEV_FLAG7"];
        assert_eq!(high.variables(), both);
        assert_eq!(high.event(0x1234), 0x8100_1234);
    }
}
