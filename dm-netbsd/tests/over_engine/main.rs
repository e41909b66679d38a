//! Our client against our own driver in NetBSD's dialect, which answers as that kernel does, byte for byte.
// Clippy knows helpers outside of #[test] functions for no tests.
#![allow(clippy::unwrap_used)]

use dm_core::client::Dm;
use dm_core::command::{Command, Create, ListFilter, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};
use dm_core::flags::DeviceFlags;
use dm_core::names::{DmName, DmUuid};
use dm_core::table::TableLine;
use dm_netbsd::NetBsd;
use dm_netbsd::nodes::{NodePolicy, Nodes};
use dm_proto::netbsd::Caller;

mod kernel;

use kernel::{AsOther, Kernel};

type Driver = Dm<NetBsd<Kernel>>;

fn driver(caller: Caller) -> Driver {
    let nodes = Nodes::new(NodePolicy::Never);
    Dm::new(NetBsd::new(Kernel::new(caller), nodes))
}

fn name(name: &str) -> DmName {
    DmName::new(name).unwrap()
}

fn load(device: &str, table: &str) -> Load {
    Load::new(name(device), TableLine::parse_table(table).unwrap())
}

/// Makes a device at work.
fn make(dm: &Driver, device: &str, table: &str) {
    dm.create(Create::new(name(device))).unwrap();
    dm.load(load(device, table)).unwrap();
    dm.resume(name(device), SuspendOptions::default()).unwrap();
}

fn table(dm: &Driver, device: &str, slot: Slot) -> Vec<String> {
    let (_, lines) = dm.table(name(device), slot).unwrap();
    lines.iter().map(ToString::to_string).collect()
}

fn said(error: &DmError) -> (ErrorKind, String) {
    (error.kind, error.report())
}

const LINE: &str = "0 8 linear /dev/wd0a 0";
const OTHER: &str = "0 16 linear /dev/wd1a 8";

#[test]
fn session_of_a_volume_manager() {
    let dm = driver(Caller::Root);
    make(&dm, "vg-lv", LINE);
    assert_eq!(table(&dm, "vg-lv", Slot::Active), [LINE]);
    // Extended while it is suspended, as LVM2 does.
    dm.suspend(name("vg-lv"), SuspendOptions::default())
        .unwrap();
    dm.load(load(
        "vg-lv",
        "0 8 linear /dev/wd0a 0\n8 8 linear /dev/wd1a 8",
    ))
    .unwrap();
    let info = dm.resume(name("vg-lv"), SuspendOptions::default()).unwrap();
    assert_eq!(
        (info.flags, info.target_count),
        (DeviceFlags::ACTIVE_PRESENT, 2)
    );
    assert_eq!(dm.deps(name("vg-lv"), Slot::Active).unwrap().len(), 2);
    dm.rename(name("vg-lv"), name("vg-big")).unwrap();
    dm.remove(name("vg-big"), RemoveMode::IfUnused).unwrap();
    assert_eq!(dm.list().unwrap(), []);
}

#[test]
fn who_is_not_root_is_told_so() {
    let dm = driver(Caller::Other);
    assert_eq!(dm.list().unwrap(), []);
    let error = dm.create(Create::new(name("a"))).unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::Permission,
            "create a: only root may do this".into()
        )
    );
    assert_eq!(error.context.errno, Some(Errno::EPERM));
}

/// Whatever another user asks of a device that is there.
#[test]
fn who_is_not_root_changes_nothing() {
    let dm = driver(Caller::Root);
    make(&dm, "a", LINE);
    dm.load(load("a", OTHER)).unwrap();
    let other = Dm::new(NetBsd::new(
        AsOther(dm.backend().sys()),
        Nodes::new(NodePolicy::Never),
    ));
    let options = SuspendOptions::default();
    for error in [
        other.load(load("a", LINE)).unwrap_err(),
        other.suspend(name("a"), options).unwrap_err(),
        other.resume(name("a"), options).unwrap_err(),
        other.clear(name("a")).unwrap_err(),
        other.rename(name("a"), name("b")).unwrap_err(),
        other.remove(name("a"), RemoveMode::IfUnused).unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Permission, "{}", error.report());
    }
    assert_eq!(table(&dm, "a", Slot::Active), [LINE]);
    assert_eq!(table(&dm, "a", Slot::Inactive), [OTHER]);
}

#[test]
fn names_and_uuids_that_are_taken_are_told_apart() {
    let dm = driver(Caller::Root);
    let uuid = DmUuid::new("U").unwrap();
    dm.create(Create::new(name("a")).uuid(uuid.clone()))
        .unwrap();
    let error = dm.create(Create::new(name("a"))).unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::Exists,
            "create a: a device named a exists".into()
        )
    );
    let error = dm
        .create(Create::new(name("b")).uuid(uuid.clone()))
        .unwrap_err();
    let report = "create b: a device with the uuid U exists";
    assert_eq!(said(&error), (ErrorKind::Exists, report.into()));
    assert_eq!(dm.info(uuid, Slot::Active).unwrap().name, name("a"));
}

/// The driver lists all, and no uuids.
#[test]
fn list_is_filtered_here() {
    let dm = driver(Caller::Root);
    let uuid = |text: &str| DmUuid::new(text).unwrap();
    dm.create(Create::new(name("vg-a")).uuid(uuid("LVM-1")))
        .unwrap();
    dm.create(Create::new(name("vg-b"))).unwrap();
    dm.create(Create::new(name("other")).uuid(uuid("LVM-2")))
        .unwrap();
    let names = |filter: ListFilter| {
        let found = dm.list_matching(filter).unwrap();
        found
            .iter()
            .map(|entry| entry.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(ListFilter::ALL), ["vg-a", "vg-b", "other"]);
    assert_eq!(names(ListFilter::ALL.name("vg-")), ["vg-a", "vg-b"]);
    assert_eq!(names(ListFilter::ALL.uuid("LVM-")), ["vg-a", "other"]);
    assert_eq!(names(ListFilter::ALL.name("vg-").uuid("LVM-2")), [""; 0]);
}

/// Quirk 3.
#[test]
fn failed_load_leaves_nothing_and_names_the_line() {
    let dm = driver(Caller::Root);
    make(&dm, "a", LINE);
    let error = dm
        .load(load("a", "0 8 linear /dev/wd0a 0\n8 8 error"))
        .unwrap_err();
    let report = "load a: line 2: error: the target is unknown";
    assert_eq!(said(&error), (ErrorKind::InvalidTable, report.into()));
    assert_eq!(table(&dm, "a", Slot::Inactive), [""; 0]);
    let error = dm
        .load(load("a", "0 8 linear /dev/wd0a 0\n8 8 linear /dev/wd9a 0"))
        .unwrap_err();
    let report = "load a: line 2: linear: word 1 \"/dev/wd9a\": there is no such block device";
    assert_eq!(said(&error), (ErrorKind::InvalidTable, report.into()));
    dm.load(load("a", OTHER)).unwrap();
    assert_eq!(table(&dm, "a", Slot::Inactive), [OTHER]);
    assert_eq!(table(&dm, "a", Slot::Active), [LINE]);
}

/// Quirk 3: what another client's failed load left there.
#[test]
fn lines_that_another_left_behind_do_not_mix_in() {
    let dm = driver(Caller::Root);
    make(&dm, "a", LINE);
    let lines = TableLine::parse_table("0 8 linear /dev/wd0a 0\n8 8 error").unwrap();
    let left = Command::Load(Load::new(name("a"), lines));
    let request = dm_proto::netbsd::client::encode(&left).unwrap();
    dm.backend().sys().ask(Caller::Root, request);
    assert_eq!(table(&dm, "a", Slot::Inactive), [LINE]);
    dm.load(load("a", OTHER)).unwrap();
    assert_eq!(table(&dm, "a", Slot::Inactive), [OTHER]);
}

/// Quirk 1.
#[test]
fn live_table_outlives_every_resume() {
    let dm = driver(Caller::Root);
    make(&dm, "a", LINE);
    let options = SuspendOptions::default();
    dm.resume(name("a"), options).unwrap();
    dm.suspend(name("a"), options).unwrap();
    assert_eq!(
        dm.resume(name("a"), options).unwrap_err().kind,
        ErrorKind::Invalid
    );
    assert_eq!(table(&dm, "a", Slot::Active), [LINE]);
    dm.load(load("a", OTHER)).unwrap();
    let info = dm.resume(name("a"), options).unwrap();
    assert_eq!(info.flags, DeviceFlags::ACTIVE_PRESENT);
    assert_eq!(table(&dm, "a", Slot::Active), [OTHER]);
}

/// Quirk 2.
#[test]
fn no_device_vanishes_by_a_rename() {
    let dm = driver(Caller::Root);
    let uuid = DmUuid::new("U").unwrap();
    dm.create(Create::new(name("a")).uuid(uuid.clone()))
        .unwrap();
    dm.create(Create::new(name("b"))).unwrap();
    let error = dm.rename(name("a"), name("b")).unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::Exists,
            "rename a: a device named b exists".into()
        )
    );
    assert_eq!(dm.list().unwrap().len(), 2);
    // The driver would look for the uuid among the names.
    let info = dm.rename(uuid, name("c")).unwrap();
    assert_eq!((info.name, info.number.minor), (name("c"), 1));
    let info = dm.rename(info.number, name("d")).unwrap();
    assert_eq!(info.uuid.unwrap().as_str(), "U");
}

/// Quirk 4.
#[test]
fn device_in_use_stays() {
    let dm = driver(Caller::Root);
    make(&dm, "lower", LINE);
    make(&dm, "upper", "0 4 linear /dev/mapper/lower 2");
    let remove = |device: &str, mode| dm.remove(name(device), mode).map_err(|error| said(&error));
    let busy = |why: &str| Err((ErrorKind::Busy, why.into()));
    let mode = RemoveMode::IfUnused;
    assert_eq!(
        remove("lower", mode),
        busy("remove lower: upper stands on it")
    );
    let open = &dm.backend().sys().open;
    open.lock().unwrap().insert("/dev/mapper/upper".into());
    let mounted = "remove upper: it is mounted, or its block node is open";
    assert_eq!(remove("upper", mode), busy(mounted));
    open.lock().unwrap().clear();
    assert_eq!(remove("upper", mode), Ok(()));
    // An inactive table uses what it stands on, too.
    dm.create(Create::new(name("upper"))).unwrap();
    dm.load(load("upper", "0 4 linear /dev/mapper/lower 2"))
        .unwrap();
    assert_eq!(
        remove("lower", mode),
        busy("remove lower: upper stands on it")
    );
    assert_eq!(remove("lower", RemoveMode::Forced), Ok(()));
}

/// Quirk 17.
#[test]
fn device_never_stands_on_itself() {
    let dm = driver(Caller::Root);
    make(&dm, "a", LINE);
    make(&dm, "b", "0 4 linear /dev/mapper/a 0");
    let line = "line 1: linear: word 1";
    for (device, below) in [("a", "/dev/mapper/a"), ("a", "/dev/mapper/b")] {
        let error = dm
            .load(load(device, &format!("0 4 linear {below} 0")))
            .unwrap_err();
        let report = format!("load {device}: {line} {below:?}: the device stands on itself");
        assert_eq!(said(&error), (ErrorKind::InvalidTable, report));
    }
}

#[test]
fn device_is_reached_by_each_of_its_three_words() {
    let dm = driver(Caller::Root);
    let uuid = DmUuid::new("U").unwrap();
    let made = dm
        .create(Create::new(name("a")).uuid(uuid.clone()))
        .unwrap();
    for device in [
        DevId::Name(name("a")),
        DevId::Uuid(uuid),
        DevId::Number(made.number),
    ] {
        dm.load(Load::new(
            device.clone(),
            TableLine::parse_table(LINE).unwrap(),
        ))
        .unwrap();
        dm.resume(device.clone(), SuspendOptions::default())
            .unwrap();
        assert_eq!(dm.info(device, Slot::Active).unwrap().name, name("a"));
    }
    dm.remove(made.number, RemoveMode::IfUnused).unwrap();
    assert_eq!(dm.list().unwrap(), []);
}
