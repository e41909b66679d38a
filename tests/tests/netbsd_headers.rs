//! Names and numbers against NetBSD's own headers.

use std::mem::offset_of;

use dm_netbsd::layout::{self, DkwedgeInfo, KinfoDrivers, Plistref};
use dm_proto::netbsd::{WireFlags, keys};
use dm_tests::assertions::{Assertions, compiler};

const HEADERS: &[&str] = &[
    "stddef.h",
    "dev/dm/netbsd-dm.h",
    "prop/plistref.h",
    "sys/disk.h",
    "sys/dkio.h",
    "sys/sysctl.h",
];

/// The names that `netbsd-dm.h` gives to keys.
const KEYS: &[(&str, &str)] = &[
    ("DM_IOCTL_COMMAND", keys::COMMAND),
    ("DM_IOCTL_VERSION", keys::VERSION),
    ("DM_IOCTL_OPEN", keys::OPEN_COUNT),
    ("DM_IOCTL_MINOR", keys::MINOR),
    ("DM_IOCTL_NAME", keys::NAME),
    ("DM_IOCTL_UUID", keys::UUID),
    ("DM_IOCTL_TARGET_COUNT", keys::TARGET_COUNT),
    ("DM_IOCTL_EVENT", keys::EVENT_NR),
    ("DM_IOCTL_FLAGS", keys::FLAGS),
    ("DM_IOCTL_CMD_DATA", keys::CMD_DATA),
    ("DM_TARGETS_NAME", keys::NAME),
    ("DM_TARGETS_VERSION", keys::VER),
    ("DM_DEV_NEWNAME", keys::NEWNAME),
    ("DM_DEV_NAME", keys::NAME),
    ("DM_DEV_DEV", keys::DEV),
    ("DM_TABLE_TYPE", keys::TYPE),
    ("DM_TABLE_START", keys::START),
    ("DM_TABLE_STAT", keys::STATUS),
    ("DM_TABLE_LENGTH", keys::LENGTH),
    ("DM_TABLE_PARAMS", keys::PARAMS),
];

/// What its flags are called, but for `DM_` before and `_FLAG` behind.
const FLAGS: &[(&str, WireFlags)] = &[
    ("READONLY", WireFlags::READ_ONLY),
    ("SUSPEND", WireFlags::SUSPEND),
    ("EXISTS", WireFlags::EXISTS),
    ("PERSISTENT_DEV", WireFlags::PERSISTENT_DEV),
    ("STATUS_TABLE", WireFlags::STATUS_TABLE),
    ("ACTIVE_PRESENT", WireFlags::ACTIVE_PRESENT),
    ("INACTIVE_PRESENT", WireFlags::INACTIVE_PRESENT),
    ("BUFFER_FULL", WireFlags::BUFFER_FULL),
    ("SKIP_BDGET", WireFlags::SKIP_BDGET),
    ("SKIP_LOCKFS", WireFlags::SKIP_LOCKFS),
    ("NOFLUSH", WireFlags::NOFLUSH),
    ("QUERY_INACTIVE_TABLE", WireFlags::QUERY_INACTIVE_TABLE),
];

/// The numbers of ioctls.
const IOCTLS: &[(&str, u32)] = &[
    ("NETBSD_DM_IOCTL", layout::NETBSD_DM_IOCTL),
    ("DIOCGMEDIASIZE", layout::DIOCGMEDIASIZE),
    ("DIOCGSECTORSIZE", layout::DIOCGSECTORSIZE),
    ("DIOCGDISKINFO", layout::DIOCGDISKINFO),
    ("DIOCGWEDGEINFO", layout::DIOCGWEDGEINFO),
];

/// A struct's name, its bytes, and where its fields start. Hosts of this test have NetBSD's sizes.
type Struct = (&'static str, usize, &'static [(&'static str, usize)]);

const STRUCTS: &[Struct] = &[
    (
        "struct plistref",
        size_of::<Plistref>(),
        &[
            ("pref_plist", offset_of!(Plistref, plist)),
            ("pref_len", offset_of!(Plistref, length)),
        ],
    ),
    (
        "struct dkwedge_info",
        size_of::<DkwedgeInfo>(),
        &[
            ("dkw_devname", offset_of!(DkwedgeInfo, devname)),
            ("dkw_wname", offset_of!(DkwedgeInfo, wname)),
            ("dkw_parent", offset_of!(DkwedgeInfo, parent)),
            ("dkw_offset", offset_of!(DkwedgeInfo, offset)),
            ("dkw_size", offset_of!(DkwedgeInfo, size)),
            ("dkw_ptype", offset_of!(DkwedgeInfo, ptype)),
        ],
    ),
    (
        "struct kinfo_drivers",
        size_of::<KinfoDrivers>(),
        &[
            ("d_cmajor", offset_of!(KinfoDrivers, cmajor)),
            ("d_bmajor", offset_of!(KinfoDrivers, bmajor)),
            ("d_name", offset_of!(KinfoDrivers, name)),
        ],
    ),
];

#[test]
#[ignore = "needs a C compiler for NetBSD: tests/run netbsd"]
fn wrong_number_is_noticed() {
    let mut wrong = Assertions::with(HEADERS);
    wrong.number("DM_IOCTL", 0xfc_u64);
    let output = wrong.compile(&compiler());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("ours is 0xfc"),
        "{said}"
    );
    let mut wrong = Assertions::with(HEADERS);
    wrong.text("DM_IOCTL_OPEN", "open-count");
    assert!(!wrong.compile(&compiler()).status.success());
}

#[test]
#[ignore = "needs a C compiler for NetBSD: tests/run netbsd"]
fn keys_and_flags_are_those_of_the_header() {
    let mut all = Assertions::with(HEADERS);
    for (name, key) in KEYS {
        all.text(name, key);
    }
    for (name, flag) in FLAGS {
        all.number(&format!("DM_{name}_FLAG"), flag.bits());
    }
    all.hold(&compiler());
}

#[test]
#[ignore = "needs a C compiler for NetBSD: tests/run netbsd"]
fn ioctls_and_structs_are_those_of_the_headers() {
    let mut all = Assertions::with(HEADERS);
    for (name, number) in IOCTLS {
        all.number(name, *number);
    }
    for (name, size, fields) in STRUCTS {
        all.size(&format!("sizeof({name})"), *size);
        for (field, offset) in *fields {
            all.size(&format!("offsetof({name}, {field})"), *offset);
        }
    }
    all.hold(&compiler());
}
