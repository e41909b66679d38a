//! Replies that are none.
// Clippy knows helpers outside of #[test] functions for no tests.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use dm_core::backend::Backend;
use dm_core::command::{Command, Create, ListFilter, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::errno::Errno;
use dm_core::error::ErrorKind;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_proto::netbsd::LIMITS;
use dm_proto::proplib::terminate;

use support::{Step, file, script};

fn commands() -> Vec<Command> {
    let name = DmName::new("vg0-lv0").unwrap();
    let device = DevId::Name(name.clone());
    let (slot, options) = (Slot::Active, SuspendOptions::default());
    let lines = TableLine::parse_table("0 8 zero").unwrap();
    vec![
        Command::Version,
        Command::Targets,
        Command::List(ListFilter::ALL),
        Command::Create(Create::new(name.clone())),
        Command::Load(Load::new(device.clone(), lines)),
        Command::Resume {
            device: device.clone(),
            options,
        },
        Command::Suspend {
            device: device.clone(),
            options,
        },
        Command::Clear {
            device: device.clone(),
        },
        Command::Rename {
            device: device.clone(),
            name: DmName::new("x").unwrap(),
        },
        Command::Remove {
            device: device.clone(),
            mode: RemoveMode::IfUnused,
        },
        Command::Info {
            device: device.clone(),
            slot,
        },
        Command::Deps {
            device: device.clone(),
            slot,
        },
        Command::Table { device, slot },
    ]
}

fn reply(step: &str) -> Vec<u8> {
    terminate(fs::read(file(step, "reply")).unwrap())
}

#[test]
fn what_is_no_reply_is_a_protocol_error() {
    let unterminated = fs::read(file("life 006", "reply")).unwrap();
    let texts: [(&str, Vec<u8>); 6] = [
        ("empty", Vec::new()),
        ("a NUL", vec![0]),
        ("garbage", b"\xff\xfe\x00".to_vec()),
        ("an array", b"<plist><array/></plist>\0".to_vec()),
        ("no keys", b"<plist><dict/></plist>\0".to_vec()),
        ("unterminated", unterminated),
    ];
    for command in commands() {
        for (what, text) in &texts {
            let dm = script([Step::Raw(text.clone())]);
            let error = dm.backend().call(command.clone()).unwrap_err();
            assert_eq!(
                error.kind,
                ErrorKind::Protocol,
                "{what}: {}",
                error.report()
            );
            assert_eq!(error.context.command, Some(command.verb()), "{what}");
        }
    }
}

#[test]
fn reply_that_is_too_long_is_not_read() {
    let mut huge = reply("life 006");
    huge.resize(LIMITS.size + 1, 0);
    let dm = script([Step::Raw(huge)]);
    let error = dm
        .info(DmName::new("vg0-lv0").unwrap(), Slot::Active)
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.reason().contains("longer than"), "{}", error.reason());
}

/// A reply cut anywhere is none; one with a byte changed is read or refused.
#[test]
fn damaged_replies_never_panic() {
    let info = reply("life 034");
    let device = DevId::Name(DmName::new("vg0-lv0").unwrap());
    let ask = |text: Vec<u8>| {
        let dm = script([Step::Raw(text)]);
        dm.info(device.clone(), Slot::Active)
    };
    assert!(ask(info.clone()).is_ok());
    for end in 0..info.len() - 1 {
        let mut text = info[..end].to_vec();
        text.push(0);
        // What stands behind `</plist>` is no matter.
        let whole = text.windows(8).any(|window| window == b"</plist>");
        assert_eq!(ask(text).is_ok(), whole, "cut at {end}");
    }
    for at in 0..info.len() {
        for byte in [0, b'<', b'0', 0xff] {
            let mut text = info.clone();
            text[at] = byte;
            let _ = ask(text);
        }
    }
}

#[test]
fn ioctl_that_fails_says_why() {
    for (errno, kind) in [
        (Errno::ENOTTY, ErrorKind::Unsupported),
        (Errno::EIO, ErrorKind::Protocol),
        (Errno::EINVAL, ErrorKind::Protocol),
        (Errno::EPROTO, ErrorKind::Protocol),
        (Errno::EPERM, ErrorKind::Permission),
        (Errno::ENXIO, ErrorKind::Unsupported),
        (Errno::ENOMEM, ErrorKind::Io),
    ] {
        let error = script([Step::Errno(errno)]).list().unwrap_err();
        assert_eq!((error.kind, error.context.errno), (kind, Some(errno)));
    }
}
