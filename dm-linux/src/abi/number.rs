//! The ioctls and the flags.

use dm_core::version::Version;

/// An ioctl of the control node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// The driver's version, and nothing else.
    Version,
    /// Takes all devices away that are not open.
    RemoveAll,
    /// The devices.
    ListDevices,
    /// Makes a device.
    DevCreate,
    /// Takes a device away.
    DevRemove,
    /// Gives a device another name, or its uuid.
    DevRename,
    /// Suspends or resumes a device.
    DevSuspend,
    /// What a device is.
    DevStatus,
    /// Waits for an event.
    DevWait,
    /// Puts a table into the inactive slot.
    TableLoad,
    /// Empties the inactive slot.
    TableClear,
    /// What a table stands on.
    TableDeps,
    /// A table, or the status of its targets.
    TableStatus,
    /// The kinds of targets.
    ListVersions,
    /// Words for a target.
    TargetMsg,
    /// A device's geometry.
    DevSetGeometry,
    /// Makes the open control node readable at the next event of any device.
    DevArmPoll,
    /// One kind of targets, whose module is loaded.
    GetTargetVersion,
}

/// What an ioctl's payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Payload {
    /// Nothing.
    None,
    /// Target specs.
    Specs,
    /// The list of devices.
    Names,
    /// The list of targets.
    Versions,
    /// Device numbers.
    Deps,
    /// One text.
    Text,
    /// A sector and a text.
    Message,
}

bitflags::bitflags! {
    /// The field `flags` of a request or reply.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Flags: u32 {
        /// The table, or the device, does not take writes.
        const READONLY = 1 << 0;
        /// In: suspend, do not resume. Out: the device is suspended.
        const SUSPEND = 1 << 1;
        /// In: the minor number is the caller's.
        const PERSISTENT_DEV = 1 << 3;
        /// In: the table, not the status.
        const STATUS_TABLE = 1 << 4;
        /// Out: the active slot holds a table.
        const ACTIVE_PRESENT = 1 << 5;
        /// Out: the inactive slot holds a table.
        const INACTIVE_PRESENT = 1 << 6;
        /// Out: the reply did not fit.
        const BUFFER_FULL = 1 << 8;
        /// In: the open count is not asked for. The driver ignores it.
        const SKIP_BDGET = 1 << 9;
        /// In: no filesystem is frozen.
        const SKIP_LOCKFS = 1 << 10;
        /// In: nothing is written out first.
        const NOFLUSH = 1 << 11;
        /// In: the inactive table is meant.
        const QUERY_INACTIVE_TABLE = 1 << 12;
        /// Out: a uevent was raised.
        const UEVENT_GENERATED = 1 << 13;
        /// In: rename sets the uuid; list tells uuids.
        const UUID = 1 << 14;
        /// In: the driver wipes the buffer after use.
        const SECURE_DATA = 1 << 15;
        /// Out: a message has an answer.
        const DATA_OUT = 1 << 16;
        /// In: removal may wait for the last user. Out: it does.
        const DEFERRED_REMOVE = 1 << 17;
        /// Out: the kernel itself suspended the device.
        const INTERNAL_SUSPEND = 1 << 18;
        /// In: what an attestation measures, not the status.
        const IMA_MEASUREMENT = 1 << 19;
    }
}

impl Call {
    /// Every ioctl, in the order of their numbers.
    pub const ALL: &'static [Call] = &[
        Call::Version,
        Call::RemoveAll,
        Call::ListDevices,
        Call::DevCreate,
        Call::DevRemove,
        Call::DevRename,
        Call::DevSuspend,
        Call::DevStatus,
        Call::DevWait,
        Call::TableLoad,
        Call::TableClear,
        Call::TableDeps,
        Call::TableStatus,
        Call::ListVersions,
        Call::TargetMsg,
        Call::DevSetGeometry,
        Call::DevArmPoll,
        Call::GetTargetVersion,
    ];

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Call::Version => 0,
            Call::RemoveAll => 1,
            Call::ListDevices => 2,
            Call::DevCreate => 3,
            Call::DevRemove => 4,
            Call::DevRename => 5,
            Call::DevSuspend => 6,
            Call::DevStatus => 7,
            Call::DevWait => 8,
            Call::TableLoad => 9,
            Call::TableClear => 10,
            Call::TableDeps => 11,
            Call::TableStatus => 12,
            Call::ListVersions => 13,
            Call::TargetMsg => 14,
            Call::DevSetGeometry => 15,
            Call::DevArmPoll => 16,
            Call::GetTargetVersion => 17,
        }
    }

    /// Its name in C.
    pub const fn name(self) -> &'static str {
        match self {
            Call::Version => "DM_VERSION",
            Call::RemoveAll => "DM_REMOVE_ALL",
            Call::ListDevices => "DM_LIST_DEVICES",
            Call::DevCreate => "DM_DEV_CREATE",
            Call::DevRemove => "DM_DEV_REMOVE",
            Call::DevRename => "DM_DEV_RENAME",
            Call::DevSuspend => "DM_DEV_SUSPEND",
            Call::DevStatus => "DM_DEV_STATUS",
            Call::DevWait => "DM_DEV_WAIT",
            Call::TableLoad => "DM_TABLE_LOAD",
            Call::TableClear => "DM_TABLE_CLEAR",
            Call::TableDeps => "DM_TABLE_DEPS",
            Call::TableStatus => "DM_TABLE_STATUS",
            Call::ListVersions => "DM_LIST_VERSIONS",
            Call::TargetMsg => "DM_TARGET_MSG",
            Call::DevSetGeometry => "DM_DEV_SET_GEOMETRY",
            Call::DevArmPoll => "DM_DEV_ARM_POLL",
            Call::GetTargetVersion => "DM_GET_TARGET_VERSION",
        }
    }

    /// The first version of the interface that has it.
    pub const fn since(self) -> Version {
        match self {
            Call::ListVersions => Version(4, 1, 0),
            Call::TargetMsg => Version(4, 2, 0),
            Call::DevSetGeometry => Version(4, 6, 0),
            Call::DevArmPoll => Version(4, 37, 0),
            Call::GetTargetVersion => Version(4, 41, 0),
            _ => Version(4, 0, 0),
        }
    }

    /// What follows the header in a request.
    pub const fn request(self) -> Payload {
        match self {
            Call::DevRename | Call::DevSetGeometry => Payload::Text,
            Call::TableLoad => Payload::Specs,
            Call::TargetMsg => Payload::Message,
            _ => Payload::None,
        }
    }

    /// What follows the header in a reply.
    pub const fn reply(self) -> Payload {
        match self {
            Call::ListDevices => Payload::Names,
            Call::DevWait | Call::TableStatus => Payload::Specs,
            Call::TableDeps => Payload::Deps,
            Call::ListVersions | Call::GetTargetVersion => Payload::Versions,
            Call::TargetMsg => Payload::Text,
            _ => Payload::None,
        }
    }
}

impl Flags {
    /// Every flag with its name in C, without the affixes.
    pub fn named() -> impl Iterator<Item = (&'static str, Flags)> {
        Flags::all().iter_names()
    }

    /// The first version of the interface that obeys all of these; older ones ignore them.
    ///
    /// # Source
    /// The gates in LVM2's `libdm-iface.c`, and the version history of `linux/dm-ioctl.h`.
    pub fn since(self) -> Version {
        let gates = [
            (Flags::QUERY_INACTIVE_TABLE, Version(4, 16, 0)),
            (Flags::DEFERRED_REMOVE, Version(4, 27, 0)),
            (Flags::IMA_MEASUREMENT, Version(4, 45, 0)),
        ];
        gates
            .into_iter()
            .filter(|(flag, _)| self.intersects(*flag))
            .map(|(_, version)| version)
            .fold(Version(4, 0, 0), Version::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_from_0() {
        for (at, call) in Call::ALL.iter().enumerate() {
            assert_eq!(usize::from(call.number()), at, "{call:?}");
        }
    }

    #[test]
    fn flags_know_their_first_version() {
        assert_eq!(Flags::NOFLUSH.since(), Version(4, 0, 0));
        let both = Flags::QUERY_INACTIVE_TABLE | Flags::DEFERRED_REMOVE;
        assert_eq!(both.since(), Version(4, 27, 0));
    }
}
