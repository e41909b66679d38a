//! Each command through the backend, with a kernel that plays a script.

#![allow(clippy::unwrap_used)] // clippy knows helpers for no tests

mod support;

use dm_core::command::{Create, ListFilter, Load, RemoveMode, Slot, SuspendOptions, TargetVersion};
use dm_core::devid::{DevId, DevNo};
use dm_core::error::ErrorKind;
use dm_core::flags::DeviceFlags;
use dm_core::names::{DmName, DmUuid, TargetName};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::Sector;
use dm_core::version::Version;
use dm_linux::abi::command::RequestData;
use dm_linux::abi::reply::{NameRecord, Reply, ReplyData};
use dm_linux::abi::{Call, Flags};
use support::{
    NUMBER, Step, asked, asked_bytes, header, plain, record_of, reply, script, version, vol0,
};

fn lines(text: &str) -> Vec<TableLine> {
    TableLine::parse_table(text).unwrap()
}

fn record(name: &str, minor: u32) -> NameRecord {
    NameRecord::new(name, DevNo { major: 253, minor })
}

#[test]
fn version_and_targets() {
    let kinds = vec![TargetVersion::new(
        TargetName::new("zero").unwrap(),
        Version(1, 2, 0),
    )];
    let dm = script([
        version(48),
        reply(Call::ListVersions, ReplyData::Versions(kinds.clone())),
    ]);
    assert_eq!(dm.version().unwrap(), Version(4, 48, 0));
    assert_eq!(dm.targets().unwrap(), kinds);
    assert_eq!(asked(&dm).len(), 2);
}

#[test]
fn list_shows_plain_names_uuids_and_events() {
    let mut first = record(r"my\x20vol", 0);
    first.event = Some(5);
    first.uuid = Some(br"LVM\x2f1".into());
    let mut second = record("b", 1);
    second.event = Some(0);
    let dm = script([
        reply(Call::ListDevices, ReplyData::Names(vec![first, second])),
        reply(Call::ListDevices, ReplyData::Names(Vec::new())),
    ]);
    let list = dm.list().unwrap();
    assert_eq!(list[0].name.as_str(), "my vol");
    assert_eq!(list[0].uuid.as_ref().unwrap().as_str(), "LVM/1");
    assert_eq!(list[0].event, Some(5));
    assert_eq!((list[1].uuid.as_ref(), list[1].event), (None, Some(0)));
    assert!(dm.list().unwrap().is_empty());
}

#[test]
fn every_field_of_a_reply_reaches_the_info() {
    let dm = script([plain(Call::DevStatus, |header| {
        header.flags |= Flags::READONLY
            | Flags::SUSPEND
            | Flags::INACTIVE_PRESENT
            | Flags::DEFERRED_REMOVE
            | Flags::INTERNAL_SUSPEND;
        header.target_count = 9;
    })]);
    let info = dm.info(vol0(), Slot::Active).unwrap();
    assert_eq!(info.name, vol0());
    assert_eq!(info.uuid, Some(DmUuid::new("U-1").unwrap()));
    assert_eq!(info.number, NUMBER);
    assert_eq!(info.flags, DeviceFlags::all());
    assert_eq!((info.open_count, info.event, info.target_count), (2, 7, 9));
}

#[test]
fn create_load_and_resume_are_one_ioctl_each() {
    let dm = script([
        plain(Call::DevCreate, |_| ()),
        plain(Call::TableLoad, |_| ()),
        plain(Call::DevSuspend, |_| ()),
        plain(Call::DevSuspend, |header| header.flags |= Flags::SUSPEND),
        plain(Call::TableClear, |_| ()),
    ]);
    dm.create(Create::new(vol0())).unwrap();
    let table = lines("0 8 zero\n8 8 error");
    dm.load(Load::new(vol0(), table.clone())).unwrap();
    dm.resume(vol0(), SuspendOptions::default()).unwrap();
    let info = dm.suspend(vol0(), SuspendOptions::default()).unwrap();
    assert!(info.flags.contains(DeviceFlags::SUSPENDED));
    dm.clear(vol0()).unwrap();
    assert_eq!(asked(&dm)[1].data, RequestData::Lines(table.into()));
}

#[test]
fn rename_finds_the_name_first_and_answers_with_the_new_one() {
    let bare = |header: &mut dm_linux::abi::view::Header| {
        // As the kernel answers: the old name, no uuid, no word of the inactive table.
        header.uuid = Vec::new();
        header.event = 8;
    };
    let dm = script([
        plain(Call::DevStatus, |header| {
            header.flags |= Flags::INACTIVE_PRESENT
        }),
        plain(Call::DevRename, bare),
    ]);
    let uuid = DmUuid::new("U-1").unwrap();
    let name = DmName::new("new vol").unwrap();
    let info = dm.rename(DevId::Uuid(uuid.clone()), name.clone()).unwrap();
    assert_eq!((info.name, info.uuid), (name, Some(uuid)));
    assert!(info.flags.contains(DeviceFlags::INACTIVE_PRESENT));
    assert_eq!(info.event, 8);
    let asked = asked(&dm);
    assert_eq!(asked[1].header.name, b"vol0");
    assert!(asked[1].header.uuid.is_empty());
    let text = RequestData::Text(br"new\x20vol"[..].into());
    assert_eq!(asked[1].data, text);
}

#[test]
fn set_uuid_answers_with_the_uuid() {
    let none = |header: &mut dm_linux::abi::view::Header| header.uuid = Vec::new();
    let dm = script([plain(Call::DevStatus, none), plain(Call::DevRename, none)]);
    let uuid = DmUuid::new("U-2").unwrap();
    let info = dm.set_uuid(NUMBER, uuid.clone()).unwrap();
    assert_eq!(info.uuid, Some(uuid));
    assert_eq!(asked(&dm)[1].header.flags, Flags::UUID);
}

#[test]
fn table_status_wait_and_deps() {
    let table = lines("0 8 linear 8:0 0\n8 8 zero");
    let dm = script([
        reply(Call::TableStatus, ReplyData::Lines(table.clone())),
        reply(Call::TableStatus, ReplyData::Lines(Vec::new())),
        reply(Call::DevWait, ReplyData::Lines(table.clone())),
        reply(Call::TableDeps, ReplyData::Deps(vec![NUMBER])),
    ]);
    let (info, found) = dm.table(vol0(), Slot::Active).unwrap();
    assert_eq!((info.target_count, found), (2, table.clone()));
    let (info, found) = dm.status(vol0(), Slot::Active, FlushMode::NoFlush).unwrap();
    assert_eq!((info.target_count, found), (0, Vec::new()));
    let (info, found) = dm.wait(vol0(), 6, FlushMode::Flush).unwrap();
    assert_eq!((info.event, found), (7, table));
    let deps = dm.deps(vol0(), Slot::Active).unwrap();
    assert_eq!((deps[0].number, &deps[0].text), (NUMBER, &None));
}

#[test]
fn message_has_an_answer_or_none() {
    let dm = script([
        version(48),
        reply(Call::TargetMsg, ReplyData::Answer(Some("1 2".into()))),
        reply(Call::TargetMsg, ReplyData::Answer(None)),
    ]);
    let say = || dm.message(vol0(), Sector(0), "@stats_list");
    assert_eq!(say().unwrap(), Some("1 2".into()));
    assert_eq!(say().unwrap(), None);
}

#[test]
fn target_version_is_one_and_that_of_the_target() {
    let kind = |name: &str| TargetVersion::new(TargetName::new(name).unwrap(), Version(1, 2, 3));
    let versions = |names: &[&str]| {
        let kinds = names.iter().map(|name| kind(name)).collect();
        reply(Call::GetTargetVersion, ReplyData::Versions(kinds))
    };
    let dm = script([
        version(41),
        versions(&["zero"]),
        versions(&["error"]),
        versions(&["zero", "error"]),
    ]);
    let ask = || dm.target_version(TargetName::new("zero").unwrap());
    assert_eq!(ask().unwrap(), kind("zero"));
    for _ in 0..2 {
        let error = ask().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol);
        assert_eq!(
            error.report(),
            "target-version: the driver does not answer with the target zero alone"
        );
    }
    assert_eq!(asked(&dm)[1].header.name, b"zero");
}

#[test]
fn list_leaves_out_what_an_old_driver_lists_all_the_same() {
    let mut plain = record("vol0", 0);
    plain.event = Some(0);
    let mut coded = record(r"my\x20vol", 1);
    coded.event = Some(0);
    coded.uuid = Some(b"LVM-1".into());
    let all = || {
        let records = vec![plain.clone(), coded.clone()];
        reply(Call::ListDevices, ReplyData::Names(records))
    };
    let dm = script([all(), all(), all()]);
    let names = |filter| {
        let found = dm.list_matching(filter).unwrap().into_iter();
        found
            .map(|entry| entry.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(ListFilter::ALL.name("vo")), ["vol0"]);
    assert_eq!(names(ListFilter::ALL.name("my ")), ["my vol"]);
    assert_eq!(names(ListFilter::ALL.uuid("LVM-")), ["my vol"]);
    let asked: Vec<_> = asked(&dm).into_iter().map(|asked| asked.header).collect();
    assert_eq!(
        (&asked[0].name[..], &asked[1].name[..]),
        (&b"vo"[..], &b""[..])
    );
    assert_eq!(asked[2].uuid, b"LVM-");
}

#[test]
fn measure_geometry_and_poll() {
    let table = lines("0 8 linear target_name=linear;");
    let dm = script([
        version(45),
        reply(Call::TableStatus, ReplyData::Lines(table.clone())),
        (Call::DevSetGeometry, Step::Untouched),
        plain(Call::DevArmPoll, |_| ()),
    ]);
    assert_eq!(dm.measure(vol0(), Slot::Active).unwrap().1, table);
    dm.set_geometry(vol0(), "1 2 3 4".parse().unwrap()).unwrap();
    dm.backend().arm_poll().unwrap();
    let asked = asked(&dm);
    assert_eq!(asked[1].header.flags, Flags::IMA_MEASUREMENT);
    assert_eq!(asked[2].data, RequestData::Text(b"1 2 3 4"[..].into()));
    assert!(asked[3].header.name.is_empty());
}

#[test]
fn buffer_grows_until_the_reply_fits() {
    let line = "0 8 linear 253:1048575 18446744073709551615 and some more words\n";
    let table = lines(&line.repeat(2000));
    let dm = script([reply(Call::TableStatus, ReplyData::Lines(table.clone()))]);
    assert_eq!(dm.table(vol0(), Slot::Active).unwrap().1, table);
    let sizes: Vec<usize> = asked_bytes(&dm).iter().map(|asked| asked.1.len()).collect();
    // The count of targets is known after the first try, their size is not.
    assert_eq!(sizes, [16 << 10, 312 + 2000 * 72, 2 * (312 + 2000 * 72)]);
    let names: Vec<_> = (0..800)
        .map(|at| record(&format!("device-{at}"), at))
        .collect();
    let mut old = header();
    old.version = Version(4, 36, 0);
    let dm = script([(
        Call::ListDevices,
        Step::Reply(Reply::new(old, ReplyData::Names(names))),
    )]);
    assert_eq!(dm.list().unwrap().len(), 800);
    assert_eq!(asked(&dm).len(), 2);
}

#[test]
fn forced_remove_gives_an_error_table_of_the_same_size_first() {
    let table = lines("0 8 zero\n8 92 linear 8:0 0");
    let mut read_only = header();
    read_only.flags |= Flags::READONLY;
    let dm = script([
        (
            Call::TableStatus,
            Step::Reply(Reply::new(read_only, ReplyData::Lines(table))),
        ),
        plain(Call::TableLoad, |_| ()),
        plain(Call::DevSuspend, |_| ()),
        plain(Call::DevRemove, |_| ()),
    ]);
    dm.remove(vol0(), RemoveMode::Forced).unwrap();
    let asked = asked(&dm);
    assert_eq!(
        asked[1].data,
        RequestData::Lines(lines("0 100 error").into())
    );
    assert!(asked[1].header.flags.contains(Flags::READONLY));
    assert_eq!(asked[2].header.flags, Flags::NOFLUSH | Flags::SKIP_LOCKFS);
}

#[test]
fn forced_remove_goes_on_where_no_error_table_is_taken() {
    let refused = |call| (call, Step::Errno(dm_core::errno::Errno::EINVAL));
    let dm = script([
        reply(Call::TableStatus, ReplyData::Lines(lines("0 8 zero"))),
        plain(Call::TableLoad, |_| ()),
        refused(Call::DevSuspend),
        plain(Call::TableClear, |_| ()),
        plain(Call::DevRemove, |_| ()),
        // And where there is no table at all.
        reply(Call::TableStatus, ReplyData::Lines(Vec::new())),
        plain(Call::DevRemove, |_| ()),
    ]);
    dm.remove(vol0(), RemoveMode::Forced).unwrap();
    dm.remove(vol0(), RemoveMode::Forced).unwrap();
    asked(&dm);
}

#[test]
fn forced_remove_all_fails_the_io_of_those_left_and_tries_again() {
    let gone = |call| (call, Step::Errno(dm_core::errno::Errno::ENXIO));
    let dm = script([
        (Call::RemoveAll, Step::Untouched),
        reply(
            Call::ListDevices,
            ReplyData::Names(vec![record_of(0), record_of(1)]),
        ),
        gone(Call::TableStatus),
        reply(Call::TableStatus, ReplyData::Lines(lines("0 8 zero"))),
        plain(Call::TableLoad, |_| ()),
        plain(Call::DevSuspend, |_| ()),
        (Call::RemoveAll, Step::Untouched),
    ]);
    dm.remove_all(RemoveMode::Forced).unwrap();
    let asked = asked(&dm);
    assert_eq!(asked[4].header.dev.unwrap().minor, 1);
}

#[test]
fn old_driver_is_not_asked_for_what_it_would_get_wrong() {
    let dm = script([version(15)]);
    let error = dm.info(vol0(), Slot::Inactive).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert_eq!(
        error.report(),
        "info vol0: this needs version 4.16.0 of the driver's interface, it has 4.15.0"
    );
    let dm = script([version(26)]);
    let error = dm.remove(vol0(), RemoveMode::Deferred).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    // The look at the device tells the version.
    let dm = script([plain(Call::DevStatus, |header| header.version.1 = 18)]);
    let uuid = DmUuid::new("U").unwrap();
    let error = dm.set_uuid(vol0(), uuid).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unsupported);
    asked(&dm);
}
