//! Names, offsets and numbers of the ioctl interface: the one place that has them.
//!
//! # Source
//! `linux/dm-ioctl.h`, against which the test `c_header` holds every number here.

use dm_core::version::Version;

/// The node through which the driver is asked.
pub const CONTROL: &str = "/dev/mapper/control";

/// The folder of the devices' nodes.
pub const DIRECTORY: &str = "/dev/mapper";

/// The major number of the control node: that of Linux's miscellaneous devices.
pub const CONTROL_MAJOR: u32 = 10;

/// The minor number of the control node, by which the kernel loads the driver when it is opened.
pub const CONTROL_MINOR: u32 = 236;

/// What `/proc/misc` calls the driver.
pub const MISC_NAME: &str = "device-mapper";

/// The letter of the ioctls.
pub const LETTER: u8 = 0xfd;

/// The number of ioctl 0 on most architectures: both directions, 312 bytes, the letter.
pub const REQUEST: u32 = 0xC138_FD00;

/// The number of the ioctl of a mapped device itself that tries its paths, on most architectures:
/// no data, the letter, 18.
pub const PROBE_PATHS: u32 = 0xFD12;

/// The first version whose `multipath` devices have it.
pub const PROBE_PATHS_SINCE: Version = Version(4, 50, 0);

/// Bytes of `struct dm_ioctl`.
pub const HEADER: usize = 312;

/// The bytes of it that every request and reply has: all but the padding at its end.
pub const HEADER_MIN: usize = 305;

/// The highest major number of a device.
pub const MAJOR_MAX: u32 = 0xfff;

/// The highest minor number of a device.
pub const MINOR_MAX: u32 = 0xf_ffff;

/// What the structs of a payload are aligned to.
pub const ALIGN: usize = 8;

/// The version that requests bear: every kernel with this interface takes it.
pub const REQUEST_VERSION: Version = Version(4, 0, 0);

/// In a record of the list: a uuid follows.
pub const LIST_HAS_UUID: u32 = 1;

/// In a record of the list: the device has no uuid.
pub const LIST_NO_UUID: u32 = 2;

/// The first version whose list may tell event numbers.
pub const LIST_EVENT_MAYBE: Version = Version(4, 37, 0);

/// The first version whose list tells event numbers in every record.
pub const LIST_EVENT: Version = Version(4, 38, 0);

/// A field of a struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// Its name in C.
    pub name: &'static str,
    /// Where it starts, from the struct's start.
    pub offset: usize,
    /// Its bytes; 0 if they go on past the struct.
    pub size: usize,
}

/// A struct of the interface.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Layout {
    /// Its name in C.
    pub name: &'static str,
    /// Its bytes.
    pub size: usize,
    /// Its fields.
    pub fields: &'static [Field],
}

const fn field(name: &'static str, offset: usize, size: usize) -> Field {
    Field { name, offset, size }
}

/// `struct dm_ioctl`: every request and every reply starts with it.
pub mod ioctl {
    use super::{Field, field};

    /// The version: the caller's in requests, the driver's in replies.
    pub const VERSION: Field = field("version", 0, 12);
    /// The bytes of the whole buffer, or of what the driver wrote.
    pub const DATA_SIZE: Field = field("data_size", 12, 4);
    /// Where the payload starts.
    pub const DATA_START: Field = field("data_start", 16, 4);
    /// How many target specs there are.
    pub const TARGET_COUNT: Field = field("target_count", 20, 4);
    /// How many have the device open.
    pub const OPEN_COUNT: Field = field("open_count", 24, 4);
    /// [`Flags`](crate::abi::Flags).
    pub const FLAGS: Field = field("flags", 28, 4);
    /// The device's event number; in some requests, flags for udev.
    pub const EVENT_NR: Field = field("event_nr", 32, 4);
    /// The device's number.
    pub const DEV: Field = field("dev", 40, 8);
    /// The device's name.
    pub const NAME: Field = field("name", 48, 128);
    /// The device's uuid.
    pub const UUID: Field = field("uuid", 176, 129);
    /// Padding up to the payload.
    pub const DATA: Field = field("data", 305, 7);
}

/// `struct dm_target_spec`: one line of a table. Its parameters follow.
pub mod spec {
    use super::{Field, field};

    /// Bytes of the struct.
    pub const SIZE: usize = 40;
    /// The first sector.
    pub const SECTOR_START: Field = field("sector_start", 0, 8);
    /// The number of sectors.
    pub const LENGTH: Field = field("length", 8, 8);
    /// Always 0.
    pub const STATUS: Field = field("status", 16, 4);
    /// Where the next one starts: counted from this one in a load, from the first in a reply.
    pub const NEXT: Field = field("next", 20, 4);
    /// The target's name.
    pub const TARGET_TYPE: Field = field("target_type", 24, 16);
    /// The target's parameters; C has no name for them.
    pub const PARAMS: Field = field("params", SIZE, 0);
}

/// `struct dm_target_deps`: the numbers of devices.
pub mod deps {
    use super::{Field, field};

    /// Bytes of the struct before the numbers.
    pub const SIZE: usize = 8;
    /// How many numbers there are.
    pub const COUNT: Field = field("count", 0, 4);
    /// The first number.
    pub const DEV: Field = field("dev", 8, 0);
    /// Bytes of a number.
    pub const DEV_SIZE: usize = 8;
}

/// `struct dm_name_list`: one device of a list.
pub mod name_list {
    use super::{Field, field};

    /// Bytes of the struct, of which the last are the name's first.
    pub const SIZE: usize = 16;
    /// The device's number.
    pub const DEV: Field = field("dev", 0, 8);
    /// Where the next one starts, counted from this one; 0 after the last.
    pub const NEXT: Field = field("next", 8, 4);
    /// The name.
    pub const NAME: Field = field("name", 12, 0);
    /// What follows the name, aligned: the event number. C has no struct for this.
    pub const EVENT_NR: Field = field("event_nr", 0, 4);
    /// Then whether a uuid follows.
    pub const FLAGS: Field = field("flags", 4, 4);
    /// Then the uuid.
    pub const UUID: Field = field("uuid", 8, 0);
}

/// `struct dm_target_versions`: one kind of targets.
pub mod versions {
    use super::{Field, field};

    /// Bytes of the struct before the name.
    pub const SIZE: usize = 16;
    /// Where the next one starts, counted from this one; 0 after the last.
    pub const NEXT: Field = field("next", 0, 4);
    /// Its version.
    pub const VERSION: Field = field("version", 4, 12);
    /// Its name.
    pub const NAME: Field = field("name", 16, 0);
}

/// `struct dm_target_msg`: words for a target.
pub mod message {
    use super::{Field, field};

    /// Bytes of the struct before the words.
    pub const SIZE: usize = 8;
    /// A sector that the target maps.
    pub const SECTOR: Field = field("sector", 0, 8);
    /// The words.
    pub const MESSAGE: Field = field("message", 8, 0);
}

/// Every struct.
pub const STRUCTS: &[Layout] = &[
    Layout {
        name: "dm_ioctl",
        size: HEADER,
        fields: &[
            ioctl::VERSION,
            ioctl::DATA_SIZE,
            ioctl::DATA_START,
            ioctl::TARGET_COUNT,
            ioctl::OPEN_COUNT,
            ioctl::FLAGS,
            ioctl::EVENT_NR,
            ioctl::DEV,
            ioctl::NAME,
            ioctl::UUID,
            ioctl::DATA,
        ],
    },
    Layout {
        name: "dm_target_spec",
        size: spec::SIZE,
        fields: &[
            spec::SECTOR_START,
            spec::LENGTH,
            spec::STATUS,
            spec::NEXT,
            spec::TARGET_TYPE,
        ],
    },
    Layout {
        name: "dm_target_deps",
        size: deps::SIZE,
        fields: &[deps::COUNT, deps::DEV],
    },
    Layout {
        name: "dm_name_list",
        size: name_list::SIZE,
        fields: &[name_list::DEV, name_list::NEXT, name_list::NAME],
    },
    Layout {
        name: "dm_target_versions",
        size: versions::SIZE,
        fields: &[versions::NEXT, versions::VERSION, versions::NAME],
    },
    Layout {
        name: "dm_target_msg",
        size: message::SIZE,
        fields: &[message::SECTOR, message::MESSAGE],
    },
];
