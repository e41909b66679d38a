//! The bytes of each request, laid out by hand from facts/linux-ioctl.md.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod support;

use dm_core::backend::Backend;
use dm_core::command::{
    Command, Create, Geometry, ListFilter, Load, LockFs, RemoveMode, Slot, SuspendOptions,
};
use dm_core::devid::{DevId, DevNo};
use dm_core::errno::Errno;
use dm_core::names::{DmName, DmUuid, TargetName};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::Sector;
use dm_linux::abi::command::{Request, RequestData};
use dm_linux::abi::view::Header;
use dm_linux::abi::{ByteOrder, Call, Flags};
use support::{Step, asked_bytes, plain, script, version, vol0};

/// What a request has in its bytes: where and what. All else is zero.
type Parts<'a> = &'a [(usize, &'a [u8])];

/// A number of four bytes, as the host has it.
fn n(value: u32) -> [u8; 4] {
    match ByteOrder::NATIVE {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => value.to_be_bytes(),
    }
}

/// A number of eight bytes, as the host has it.
fn q(value: u64) -> [u8; 8] {
    match ByteOrder::NATIVE {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => value.to_be_bytes(),
    }
}

fn laid_out(size: u32, parts: Parts<'_>) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(size).unwrap()];
    let fixed: Parts<'_> = &[(0, &n(4)), (12, &n(size)), (16, &n(312))];
    for (at, part) in fixed.iter().chain(parts) {
        bytes[*at..at + part.len()].copy_from_slice(part);
    }
    bytes
}

/// The kernel gets `parts` in a buffer of `size` bytes as the ioctl number `number`.
fn sends(command: Command, number: u8, size: u32, parts: Parts<'_>) {
    let call = Call::ALL[usize::from(number)];
    // A rename looks at the device first. The others get to know the version before.
    let looks = matches!(command, Command::Rename { .. } | Command::SetUuid { .. });
    let first = match looks {
        true => plain(Call::DevStatus, |_| ()),
        false => version(48),
    };
    let dm = script([first, (call, Step::Errno(Errno::EIO))]);
    if !looks {
        dm.version().unwrap();
    }
    let _ = dm.backend().call(command.clone());
    let (found, bytes) = asked_bytes(&dm).pop().unwrap();
    assert_eq!(found.number(), number, "{command:?}");
    let wanted = laid_out(size, parts);
    assert_eq!(bytes.len(), wanted.len(), "{command:?}");
    for (at, (found, wanted)) in bytes.iter().zip(&wanted).enumerate() {
        assert_eq!(found, wanted, "{command:?}: byte {at}");
    }
}

fn id() -> DevId {
    vol0().into()
}

const SMALL: u32 = 312;
const LARGE: u32 = 16 << 10;
const PRIMARY: u32 = 0x40_0000;

#[test]
fn requests_about_no_device() {
    sends(Command::Targets, 13, LARGE, &[]);
    sends(
        Command::List(ListFilter::ALL),
        2,
        LARGE,
        &[(28, &n(1 << 14))],
    );
    sends(
        Command::List(ListFilter::ALL.name("vol").uuid("LVM-")),
        2,
        LARGE,
        &[(28, &n(1 << 14)), (48, b"vol"), (176, b"LVM-")],
    );
    let target = TargetName::new("thin-pool").unwrap();
    sends(
        Command::TargetVersion { target },
        17,
        LARGE,
        &[(48, b"thin-pool")],
    );
    let mode = RemoveMode::IfUnused;
    sends(Command::RemoveAll { mode }, 1, SMALL, &[]);
    let mode = RemoveMode::Deferred;
    sends(Command::RemoveAll { mode }, 1, SMALL, &[(28, &n(1 << 17))]);
}

#[test]
fn create_has_name_uuid_and_minor() {
    let create = Create::new(vol0());
    sends(
        Command::Create(create.clone()),
        3,
        SMALL,
        &[(48, b"vol0\0")],
    );
    let create = create.uuid(DmUuid::new("my uuid").unwrap()).minor(0x1_2345);
    sends(
        Command::Create(create),
        3,
        SMALL,
        &[
            (28, &n(1 << 3)),
            (40, &q(0x1230_0045)),
            (48, b"vol0\0"),
            (176, b"my\\x20uuid\0"),
        ],
    );
}

#[test]
fn device_is_said_by_name_uuid_or_number() {
    let info = |device| Command::Info {
        device,
        slot: Slot::Active,
    };
    sends(info(id()), 7, SMALL, &[(48, b"vol0")]);
    let uuid = DmUuid::new("U-1").unwrap();
    sends(info(uuid.into()), 7, SMALL, &[(176, b"U-1")]);
    let number = DevNo {
        major: 253,
        minor: 300,
    };
    sends(info(number.into()), 7, SMALL, &[(40, &q(0x10_fd2c))]);
}

#[test]
fn longest_name_and_uuid_fill_their_fields() {
    let create = Create::new(DmName::new(&"n".repeat(127)).unwrap());
    let create = create.uuid(DmUuid::new(&"u".repeat(128)).unwrap());
    sends(
        Command::Create(create),
        3,
        SMALL,
        &[(48, &[b'n'; 127]), (176, &[b'u'; 128])],
    );
}

#[test]
fn remove_has_its_flags() {
    for (mode, flags) in [(RemoveMode::IfUnused, 0), (RemoveMode::Deferred, 1 << 17)] {
        let device = id();
        sends(
            Command::Remove { device, mode },
            4,
            SMALL,
            &[(28, &n(flags)), (32, &n(PRIMARY)), (48, b"vol0")],
        );
    }
}

#[test]
fn rename_has_the_new_name_behind_the_header() {
    sends(
        Command::Rename {
            device: id(),
            name: DmName::new("new vol").unwrap(),
        },
        5,
        328,
        &[(32, &n(PRIMARY)), (48, b"vol0"), (312, b"new\\x20vol\0")],
    );
    sends(
        Command::SetUuid {
            device: id(),
            uuid: DmUuid::new("U-2").unwrap(),
        },
        5,
        320,
        &[
            (28, &n(1 << 14)),
            (32, &n(PRIMARY)),
            (48, b"vol0"),
            (312, b"U-2\0"),
        ],
    );
}

#[test]
fn load_counts_next_from_each_spec() {
    let lines = TableLine::parse_table("0 8 zero\n8 4294967296 linear /dev/sda 384").unwrap();
    let load = Load::new(vol0(), lines);
    let parts: Parts<'_> = &[
        (20, &n(2)),
        (28, &n(1 << 15)),
        (48, b"vol0"),
        // The first spec: 40 bytes and one NUL, up to 48.
        (320, &q(8)),
        (332, &n(48)),
        (336, b"zero"),
        // The second: 40 bytes and 13, up to 56.
        (360, &q(8)),
        (368, &q(0x1_0000_0000)),
        (380, &n(56)),
        (384, b"linear"),
        (400, b"/dev/sda 384\0"),
    ];
    sends(Command::Load(load.clone()), 9, 416, parts);
    let mut read_only = parts.to_vec();
    let flags = n(1 << 15 | 1);
    read_only[1] = (28, &flags);
    sends(Command::Load(load.clone().read_only()), 9, 416, &read_only);
    let mut open = parts.to_vec();
    open.remove(1);
    sends(Command::Load(load.open()), 9, 416, &open);
}

#[test]
fn clear_suspend_and_resume() {
    sends(Command::Clear { device: id() }, 10, SMALL, &[(48, b"vol0")]);
    for (flush, lockfs, flags) in [
        (FlushMode::Flush, LockFs::Freeze, 0),
        (FlushMode::NoFlush, LockFs::Freeze, 1 << 11),
        (FlushMode::Flush, LockFs::Skip, 1 << 10),
        (FlushMode::NoFlush, LockFs::Skip, 3 << 10),
    ] {
        let options = SuspendOptions::new(flush, lockfs);
        let device = id();
        sends(
            Command::Suspend { device, options },
            6,
            SMALL,
            &[(28, &n(flags | 2)), (48, b"vol0")],
        );
        let device = id();
        sends(
            Command::Resume { device, options },
            6,
            SMALL,
            &[(28, &n(flags)), (32, &n(PRIMARY)), (48, b"vol0")],
        );
    }
}

#[test]
fn queries_have_the_slot_and_the_flush() {
    for (slot, inactive) in [(Slot::Active, 0), (Slot::Inactive, 1 << 12)] {
        let name: (usize, &[u8]) = (48, b"vol0");
        let with = |flags: u32| n(inactive | flags);
        let device = id();
        let info = Command::Info { device, slot };
        sends(info, 7, SMALL, &[(28, &with(0)), name]);
        let device = id();
        let deps = Command::Deps { device, slot };
        sends(deps, 11, LARGE, &[(28, &with(0)), name]);
        let device = id();
        let table = Command::Table { device, slot };
        sends(table, 12, LARGE, &[(28, &with(1 << 15 | 1 << 4)), name]);
        let device = id();
        let measure = Command::Measure { device, slot };
        sends(measure, 12, LARGE, &[(28, &with(1 << 19)), name]);
        for (flush, flag) in [(FlushMode::Flush, 0), (FlushMode::NoFlush, 1 << 11)] {
            let device = id();
            let status = Command::Status {
                device,
                slot,
                flush,
            };
            sends(status, 12, LARGE, &[(28, &with(flag)), name]);
        }
    }
}

#[test]
fn wait_has_the_event_and_message_its_sector() {
    let (device, event) = (id(), 0x0102_0304);
    for (flush, flag) in [(FlushMode::Flush, 0), (FlushMode::NoFlush, 1 << 11)] {
        let device = device.clone();
        sends(
            Command::Wait {
                device,
                event,
                flush,
            },
            8,
            LARGE,
            &[(28, &n(flag)), (32, &n(event)), (48, b"vol0")],
        );
    }
    sends(
        Command::Message {
            device: id(),
            sector: Sector(0x1_0000_0007),
            text: "drop all".into(),
        },
        14,
        LARGE,
        &[
            (28, &n(1 << 15)),
            (48, b"vol0"),
            (312, &q(0x1_0000_0007)),
            (320, b"drop all\0"),
        ],
    );
}

#[test]
fn geometry_is_four_decimal_words() {
    sends(
        Command::SetGeometry {
            device: id(),
            geometry: Geometry::new(1024, 255, 63, Sector(7)).unwrap(),
        },
        15,
        328,
        &[(48, b"vol0"), (312, b"1024 255 63 7\0")],
    );
}

#[test]
fn version_is_asked_with_an_empty_header() {
    let dm = script([version(48)]);
    dm.version().unwrap();
    assert_eq!(asked_bytes(&dm), [(Call::Version, laid_out(SMALL, &[]))]);
}

#[test]
fn other_byte_order_is_the_mirror() {
    let header = Header {
        flags: Flags::SUSPEND,
        event: 0x0102_0304,
        ..Header::default()
    };
    let request = Request::new(Call::DevSuspend, header, RequestData::None);
    let mut bytes = [0xa5; 312];
    request.encode(&mut bytes, ByteOrder::Big).unwrap();
    assert_eq!(bytes[12..20], [0, 0, 1, 0x38, 0, 0, 1, 0x38]);
    assert_eq!(bytes[28..36], [0, 0, 0, 2, 1, 2, 3, 4]);
    request.encode(&mut bytes, ByteOrder::Little).unwrap();
    assert_eq!(bytes[12..20], [0x38, 1, 0, 0, 0x38, 1, 0, 0]);
    assert_eq!(bytes[28..36], [2, 0, 0, 0, 4, 3, 2, 1]);
}
