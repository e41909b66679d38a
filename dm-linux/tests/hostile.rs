//! Replies that break the rules: an error that names the field, no panic, no read past the end.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod support;

use dm_core::backend::Backend;
use dm_core::command::{Command, ListFilter};
use dm_core::error::ErrorKind;
use dm_core::names::TargetName;
use dm_core::target::FlushMode;
use dm_core::units::Sector;
use dm_linux::abi::{ByteOrder, Call};
use support::{Step, good, script, version, vol0};

/// What is written over the good reply.
enum Break {
    U32(usize, u32),
    U64(usize, u64),
    Fill(usize, usize),
}

fn number(value: u32) -> [u8; 4] {
    match ByteOrder::NATIVE {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => value.to_be_bytes(),
    }
}

impl Break {
    fn apply(&self, bytes: &mut [u8]) {
        match *self {
            Break::U32(at, value) => bytes[at..at + 4].copy_from_slice(&number(value)),
            Break::U64(at, value) => {
                let part = match ByteOrder::NATIVE {
                    ByteOrder::Little => value.to_le_bytes(),
                    ByteOrder::Big => value.to_be_bytes(),
                };
                bytes[at..at + 8].copy_from_slice(&part);
            }
            Break::Fill(from, to) => bytes[from..to].fill(0xa5),
        }
    }
}

/// The command that ends in that ioctl alone, if the version is known.
fn command(call: Call) -> Command {
    let device = vol0().into();
    let slot = dm_core::command::Slot::Active;
    match call {
        Call::TableStatus => Command::Status {
            device,
            slot,
            flush: FlushMode::Flush,
        },
        Call::DevWait => Command::Wait {
            device,
            event: 0,
            flush: FlushMode::Flush,
        },
        Call::ListDevices => Command::List(ListFilter::ALL),
        Call::ListVersions => Command::Targets,
        Call::GetTargetVersion => Command::TargetVersion {
            target: TargetName::new("zero").unwrap(),
        },
        Call::TableDeps => Command::Deps { device, slot },
        Call::TargetMsg => Command::Message {
            device,
            sector: Sector::ZERO,
            text: "hello".into(),
        },
        Call::DevRemove => Command::Remove {
            device,
            mode: dm_core::command::RemoveMode::IfUnused,
        },
        _ => Command::Info { device, slot },
    }
}

/// The backend, given a reply with those breaks, fails and says so.
fn broken(call: Call, breaks: Vec<Break>, said: &str) {
    let (_, reply) = good().into_iter().find(|row| row.0 == call).unwrap();
    let act = move |bytes: &mut [u8]| {
        bytes.fill(0xa5);
        reply.encode(bytes, ByteOrder::NATIVE).unwrap();
        breaks.iter().for_each(|each| each.apply(bytes));
    };
    let dm = script([version(48), (call, Step::Raw(Box::new(act)))]);
    dm.version().unwrap();
    let command = command(call);
    let error = dm.backend().call(command.clone()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol, "{call:?} {said}");
    assert_eq!(error.context.command, Some(command.verb()));
    assert_eq!(error.context.device, command.device());
    assert_eq!(error.reason(), said, "{call:?}");
}

#[test]
fn headers_that_lie_are_named() {
    use Break::{Fill, U32, U64};
    broken(
        Call::DevStatus,
        vec![U32(12, 313)],
        "data_size at byte 12 goes to byte 313, past the end at 312",
    );
    broken(
        Call::DevStatus,
        vec![U32(12, 0)],
        "data_size at byte 12 is 0, which lies before byte 305, where its own record ends",
    );
    broken(
        Call::TableStatus,
        vec![U32(12, u32::MAX)],
        "data_size at byte 12 goes to byte 4294967295, past the end at 16384",
    );
    broken(
        Call::TableStatus,
        vec![U32(16, 16)],
        "data_start at byte 16 is 16, which lies before byte 305, where its own record ends",
    );
    broken(
        Call::TableStatus,
        vec![U32(16, 316)],
        "data_start at byte 16 is 316, which is not aligned",
    );
    broken(
        Call::TableStatus,
        vec![U32(16, u32::MAX)],
        "target_count at byte 20 is 2, which can not be",
    );
    broken(
        Call::DevStatus,
        vec![U32(24, u32::MAX)],
        "open_count at byte 24 is 4294967295, which can not be",
    );
    broken(
        Call::DevStatus,
        vec![U64(40, 0x1_0000_0000)],
        "dev at byte 40 is 4294967296, which can not be",
    );
    broken(
        Call::DevStatus,
        vec![U64(40, 0)],
        "dev at byte 40 is 0, which can not be",
    );
    broken(
        Call::DevStatus,
        vec![Fill(48, 176)],
        "name at byte 48 has no end",
    );
    broken(
        Call::DevStatus,
        vec![Fill(176, 305)],
        "uuid at byte 176 has no end",
    );
    broken(
        Call::DevStatus,
        vec![U32(28, 1 << 8)],
        "flags at byte 28 says that the reply did not fit",
    );
}

#[test]
fn specs_that_lie_are_named() {
    use Break::{Fill, U32};
    for call in [Call::TableStatus, Call::DevWait] {
        // Short: three specs are promised, two are there.
        broken(
            call,
            vec![U32(20, 3)],
            "target_type at byte 440 goes to byte 456, past the end at 411",
        );
    }
    broken(
        Call::TableStatus,
        vec![U32(12, 340)],
        "target_type at byte 336 goes to byte 352, past the end at 340",
    );
    broken(
        Call::TableStatus,
        vec![U32(12, 352)],
        "params at byte 352 has no end",
    );
    // Looping, into itself, unaligned, past the end.
    broken(
        Call::TableStatus,
        vec![U32(332, 0)],
        "next at byte 332 is 312, which lies before byte 353, where its own record ends",
    );
    broken(
        Call::TableStatus,
        vec![U32(332, 40)],
        "next at byte 332 is 352, which lies before byte 353, where its own record ends",
    );
    broken(
        Call::TableStatus,
        vec![U32(332, 49)],
        "next at byte 332 is 361, which is not aligned",
    );
    broken(
        Call::TableStatus,
        vec![U32(332, 1 << 20)],
        "target_type at byte 1048912 goes to byte 1048928, past the end at 411",
    );
    // Unterminated.
    broken(
        Call::TableStatus,
        vec![Fill(336, 352)],
        "target_type at byte 336 has no end",
    );
    broken(
        Call::TableStatus,
        vec![Fill(400, 411)],
        "params at byte 400 has no end",
    );
    broken(
        Call::TableStatus,
        vec![Fill(400, 404)],
        "params at byte 400 is not UTF-8",
    );
    broken(
        Call::TableStatus,
        vec![U32(336, 0)],
        "target_type at byte 336 is no name: the target name is empty",
    );
}

#[test]
fn lists_that_lie_are_named() {
    use Break::{Fill, U32, U64};
    let list = Call::ListDevices;
    broken(
        list,
        vec![U32(320, 8)],
        "next at byte 320 is 320, which lies before byte 329, where its own record ends",
    );
    broken(
        list,
        vec![U32(320, 33)],
        "next at byte 320 is 345, which is not aligned",
    );
    broken(
        list,
        vec![U32(320, 24)],
        "event_nr at byte 336 goes to byte 340, past the end at 336",
    );
    broken(
        list,
        vec![U32(320, 1 << 30)],
        "dev at byte 1073742136 goes to byte 1073742144, past the end at 384",
    );
    broken(
        list,
        vec![U64(344, 0)],
        "dev at byte 344 is 0, which can not be",
    );
    broken(
        list,
        vec![U64(344, 1 << 40)],
        "dev at byte 344 is 1099511627776, which can not be",
    );
    broken(list, vec![Fill(356, 384)], "name at byte 356 has no end");
    broken(list, vec![Fill(376, 384)], "uuid at byte 376 has no end");
    broken(
        list,
        vec![U32(12, 372)],
        "flags at byte 372 goes to byte 376, past the end at 372",
    );
}

#[test]
fn versions_deps_and_answers_that_lie_are_named() {
    use Break::{Fill, U32, U64};
    let versions = Call::ListVersions;
    broken(
        versions,
        vec![U32(312, 16)],
        "next at byte 312 is 328, which lies before byte 333, where its own record ends",
    );
    broken(
        versions,
        vec![U32(336, 1)],
        "next at byte 336 is 337, which lies before byte 358, where its own record ends",
    );
    broken(
        versions,
        vec![U32(312, 26)],
        "next at byte 312 is 338, which is not aligned",
    );
    broken(
        versions,
        vec![Fill(352, 360)],
        "name at byte 352 has no end",
    );
    let one = Call::GetTargetVersion;
    broken(one, vec![Fill(328, 336)], "name at byte 328 has no end");
    broken(one, vec![Fill(331, 332)], "name at byte 328 is not UTF-8");
    let deps = Call::TableDeps;
    broken(
        deps,
        vec![U32(312, 3)],
        "count at byte 312 goes to byte 344, past the end at 336",
    );
    broken(
        deps,
        vec![U32(312, 1 << 20)],
        "count at byte 312 goes to byte 8388928, past the end at 336",
    );
    broken(
        deps,
        vec![U64(328, u64::MAX)],
        "dev at byte 328 is 18446744073709551615, which can not be",
    );
    let answer = Call::TargetMsg;
    broken(answer, vec![Fill(312, 318)], "text at byte 312 has no end");
    broken(
        answer,
        vec![Fill(312, 314)],
        "text at byte 312 is not UTF-8",
    );
    broken(answer, vec![U32(12, 305)], "text at byte 312 has no end");
}
