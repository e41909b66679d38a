//! Commands as conversations with the real driver, whose replies were captured.
// Clippy knows helpers outside of #[test] functions for no tests.
#![allow(clippy::unwrap_used)]

mod support;

use dm_core::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::devid::{DevId, DevNo};
use dm_core::error::ErrorKind;
use dm_core::flags::DeviceFlags;
use dm_core::names::{DmName, DmUuid};
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::version::Version;

use support::{at_end, captured};

fn vol() -> DmName {
    DmName::new("vg0-lv0").unwrap()
}

fn load(text: &str) -> Load {
    Load::new(vol(), TableLine::parse_table(text).unwrap())
}

const NUMBER: DevNo = DevNo {
    major: 169,
    minor: 1,
};

#[test]
fn lists_are_read() {
    let dm = captured(&["life 002", "life 003", "life 005", "ext 001"]);
    assert_eq!(dm.targets().unwrap().len(), 2);
    assert_eq!(dm.list().unwrap(), []);
    let devices = dm.list().unwrap();
    assert_eq!(
        (devices[0].name.clone(), devices[0].number),
        (vol(), NUMBER)
    );
    assert_eq!(dm.targets().unwrap().len(), 4);
    at_end(&dm);
}

#[test]
fn version_is_asked_with_the_flag_that_all_requests_have() {
    // The capturing client left it out there, so that the bytes are not compared.
    let reply = std::fs::read(support::file("life 001", "reply")).unwrap();
    let reply = dm_proto::proplib::terminate(reply);
    let dm = support::script([support::Step::Raw(reply)]);
    assert_eq!(dm.version().unwrap(), Version(4, 16, 0));
}

#[test]
fn device_is_made_with_its_uuid_in_one_request() {
    let dm = captured(&["life 004"]);
    let uuid = DmUuid::new("LVM-abcdef").unwrap();
    let info = dm.create(Create::new(vol()).uuid(uuid.clone())).unwrap();
    assert_eq!((info.number, info.uuid), (NUMBER, Some(uuid)));
    at_end(&dm);
}

#[test]
fn name_that_is_taken_is_confirmed() {
    let dm = captured(&["life 052 > create 003", "life 006"]);
    let error = dm.create(Create::new(vol())).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Exists);
    assert_eq!(
        error.report(),
        "create vg0-lv0: a device named vg0-lv0 exists"
    );
    at_end(&dm);
    // No such device: it was the user.
    let dm = captured(&["life 052 > create 003", "life 006 > life 047"]);
    let error = dm.create(Create::new(vol())).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permission);
    at_end(&dm);
}

#[test]
fn first_table_is_loaded_and_resumed() {
    let dm = captured(&[
        "life 006", "life 009", "life 010", "life 010", "life 014", "life 015",
    ]);
    let info = dm.load(load("0 2048 linear /dev/rump_wd0a 0")).unwrap();
    assert_eq!(info.flags, DeviceFlags::INACTIVE_PRESENT);
    assert_eq!(info.uuid.unwrap().as_str(), "LVM-abcdef");
    let info = dm.resume(vol(), SuspendOptions::default()).unwrap();
    assert_eq!(
        (info.flags, info.target_count),
        (DeviceFlags::ACTIVE_PRESENT, 1)
    );
    at_end(&dm);
}

/// Quirk 3: what is in the slot goes first.
#[test]
fn slot_with_lines_is_emptied_before_a_load() {
    let dm = captured(&["life 010", "life 042", "life 009", "life 010"]);
    dm.load(load("0 2048 linear /dev/rump_wd0a 0")).unwrap();
    at_end(&dm);
}

#[test]
fn table_that_is_wrong_is_never_sent() {
    let dm = captured(&[]);
    for (table, reason) in [
        (
            "0 8 linear /dev/wd0a",
            "line 1: linear: the start sector on the device is missing",
        ),
        (
            "0 8 zero\n9 8 zero",
            "line 2: zero: starts at sector 9, which leaves a gap after sector 8",
        ),
        ("", "the table has no lines"),
    ] {
        let error = dm.load(load(table)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::InvalidTable);
        assert_eq!(error.report(), format!("load vg0-lv0: {reason}"));
    }
}

/// Quirk 3: lines that a failed load left behind go, and the line that was wrong is found.
#[test]
fn load_that_fails_is_cleaned_up() {
    let dm = captured(&["life 006", "life 009 > reload 036", "life 042", "life 002"]);
    let error = dm.load(load("0 2048 linear /dev/rump_wd0a 0")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidTable);
    assert_eq!(
        error.report(),
        "load vg0-lv0: line 1: linear: word 1 \"/dev/rump_wd0a\": there is no such block device"
    );
    at_end(&dm);
}

#[test]
fn tables_status_and_deps_come_with_what_the_device_is() {
    let dm = captured(&[
        "life 015", "life 018", "life 015", "life 016", "life 015", "life 020",
    ]);
    let (info, lines) = dm.table(vol(), Slot::Active).unwrap();
    assert_eq!((info.number, info.target_count), (NUMBER, 1));
    assert_eq!(lines[0].to_string(), "0 2048 linear /dev/rump_wd0a 0");
    let (_, lines) = dm.status(vol(), Slot::Active, FlushMode::Flush).unwrap();
    assert_eq!(lines[0].to_string(), "0 2048 linear");
    let deps = dm.deps(vol(), Slot::Active).unwrap();
    assert_eq!(deps[0].number.to_string(), "197:0");
    at_end(&dm);
}

#[test]
fn inactive_targets_are_counted_by_their_lines() {
    let dm = captured(&["life 010", "life 012", "life 010", "life 012", "life 013"]);
    assert_eq!(dm.info(vol(), Slot::Inactive).unwrap().target_count, 1);
    assert_eq!(dm.deps(vol(), Slot::Inactive).unwrap().len(), 1);
    at_end(&dm);
}

#[test]
fn device_said_otherwise_gets_its_name_from_the_list() {
    let uuid = DevId::Uuid(DmUuid::new("LVM-abcdef").unwrap());
    let dm = captured(&["life 022", "life 005", "life 023", "life 005"]);
    assert_eq!(dm.info(uuid, Slot::Active).unwrap().name, vol());
    assert_eq!(dm.info(NUMBER, Slot::Active).unwrap().name, vol());
    at_end(&dm);
    // Another driver's number is never asked for.
    let other = DevNo {
        major: 14,
        ..NUMBER
    };
    let error = dm.info(other, Slot::Active).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[test]
fn suspend_shows() {
    let dm = captured(&["life 029", "life 030"]);
    let info = dm.suspend(vol(), SuspendOptions::default()).unwrap();
    assert_eq!(
        info.flags,
        DeviceFlags::SUSPENDED | DeviceFlags::ACTIVE_PRESENT
    );
    at_end(&dm);
}

/// Quirk 1: the driver would drop the live table.
#[test]
fn resume_without_an_inactive_table_is_not_sent() {
    // At work: there is nothing to do.
    let dm = captured(&["life 015", "life 015"]);
    let info = dm.resume(vol(), SuspendOptions::default()).unwrap();
    assert_eq!(info.flags, DeviceFlags::ACTIVE_PRESENT);
    at_end(&dm);
    // Suspended.
    let dm = captured(&["life 030"]);
    let error = dm.resume(vol(), SuspendOptions::default()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(
        error
            .report()
            .contains("this driver's resume would drop the live one")
    );
    at_end(&dm);
    // Without any table.
    let dm = captured(&["life 006"]);
    let error = dm.resume(vol(), SuspendOptions::default()).unwrap_err();
    assert_eq!(error.report(), "resume vg0-lv0: the device has no table");
    at_end(&dm);
}

#[test]
fn clear_is_confirmed() {
    let dm = captured(&["life 042", "life 043", "life 042", "life 010"]);
    dm.clear(vol()).unwrap();
    let error = dm.clear(vol()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Permission);
    at_end(&dm);
}

/// Quirk 2: the device would vanish.
#[test]
fn rename_onto_a_name_that_is_taken_is_not_sent() {
    let renamed = DmName::new("vg0-renamed").unwrap();
    let dm = captured(&["life 043", "life 005", "life 045", "life 048"]);
    assert_eq!(dm.rename(vol(), renamed.clone()).unwrap().name, renamed);
    at_end(&dm);
    let dm = captured(&["life 043", "life 046"]);
    let error = dm.rename(vol(), renamed).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Exists);
    at_end(&dm);
    let dm = captured(&["life 043"]);
    dm.rename(vol(), vol()).unwrap();
    at_end(&dm);
}

#[test]
fn removal_is_confirmed_by_number() {
    let renamed = DmName::new("vg0-renamed").unwrap();
    let gone = "life 023 > life 047";
    let dm = captured(&["life 048", "life 046", "life 049", gone]);
    dm.remove(renamed.clone(), RemoveMode::IfUnused).unwrap();
    at_end(&dm);
    let dm = captured(&["life 048", "life 049", gone]);
    dm.remove(renamed.clone(), RemoveMode::Forced).unwrap();
    at_end(&dm);
    // Newer kernels keep a device in use, and do not say so: quirk 4.
    let dm = captured(&["life 048", "life 049", "life 023"]);
    let error = dm.remove(renamed.clone(), RemoveMode::Forced).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Busy);
    at_end(&dm);
    let dm = captured(&["life 048 > life 047"]);
    let error = dm.remove(renamed, RemoveMode::IfUnused).unwrap_err();
    assert_eq!(error.report(), "remove vg0-renamed: no such device");
    at_end(&dm);
}

#[test]
fn what_the_driver_has_no_word_for_is_not_sent() {
    let dm = captured(&[]);
    let kinds = [
        dm.wait(vol(), 0, FlushMode::Flush).unwrap_err().kind,
        dm.remove_all(RemoveMode::IfUnused).unwrap_err().kind,
        dm.remove(vol(), RemoveMode::Deferred).unwrap_err().kind,
        dm.set_uuid(vol(), DmUuid::new("U").unwrap())
            .unwrap_err()
            .kind,
        dm.load(load("0 8 zero").read_only()).unwrap_err().kind,
        dm.create(Create::new(vol()).minor(3)).unwrap_err().kind,
    ];
    assert!(
        kinds.iter().all(|kind| *kind == ErrorKind::Unsupported),
        "{kinds:?}"
    );
}
