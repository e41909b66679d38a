//! Devices as they come, are listed, change and go.

use std::fs::File;

use dm_core::command::{Create, DeviceInfo, ListFilter, LockFs, RemoveMode, Slot, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::error::ErrorKind;
use dm_core::names::DmUuid;
use dm_core::target::FlushMode;

use crate::shell::{equal, run};

use super::{Driver, OURS, THEIRS, alike, dmsetup, name, ours, say, state};

pub(super) fn create_with_all(dm: &Driver) -> Result<(), String> {
    let uuid = |text: &str| DmUuid::new(text).expect("a uuid");
    let info = dm
        .create(
            Create::new(name("made by us"))
                .uuid(uuid("U-1/x"))
                .minor(300),
        )
        .map_err(say)?;
    let major = info.number.major.to_string();
    dmsetup(&[
        "create",
        "made by them",
        "-n",
        "-u",
        "U-2/x",
        "-j",
        &major,
        "-m",
        "301",
    ])?;
    let columns = [
        "info",
        "-c",
        "--noheadings",
        "-o",
        "name,mangled_name,uuid,minor,attr,open,events",
    ];
    let row = |device| dmsetup(&[&columns[..], &[device]].concat());
    let (mine, theirs) = (row("made by us")?, row("made by them")?);
    let taken = dm
        .create(Create::new(name("another")).minor(300))
        .map_err(|error| error.kind);
    for device in ["made by us", "made by them"] {
        dmsetup(&["remove", device])?;
    }
    let expected = theirs
        .replace("them", "us")
        .replace("U-2", "U-1")
        .replace("301", "300");
    equal("the device", &mine, &expected)?;
    equal("the reply", &info.number.minor.to_string(), "300")?;
    match taken {
        Err(ErrorKind::Exists) => Ok(()),
        other => Err(format!("a minor number that is taken gives {other:?}")),
    }
}

pub(super) fn list(dm: &Driver) -> Result<(), String> {
    dm.set_uuid(ours(), DmUuid::new("LVM-1").expect("a uuid"))
        .map_err(say)?;
    let entries = dm.list().map_err(say)?;
    let mut mine: Vec<String> = entries
        .iter()
        .map(|entry| {
            let uuid = entry.uuid.as_ref().map_or("", |uuid| uuid.as_str());
            format!(
                "{}:{}:{}:{uuid}",
                entry.name,
                entry.number,
                entry.event.unwrap_or(u32::MAX)
            )
        })
        .collect();
    mine.sort();
    let said = run("dmsetup info -c --noheadings --separator : -o name,major,minor,events,uuid")?;
    let mut theirs: Vec<&str> = said.lines().collect();
    theirs.sort_unstable();
    equal("the list", &mine.join("\n"), &theirs.join("\n"))?;
    for (filter, expected) in [
        (ListFilter::ALL.name("our"), &[OURS][..]),
        (ListFilter::ALL.uuid("LVM-"), &[OURS]),
        (ListFilter::ALL.name("the").uuid("LVM-"), &[]),
    ] {
        let found = dm.list_matching(filter.clone()).map_err(say)?;
        let names: Vec<&str> = found.iter().map(|entry| entry.name.as_str()).collect();
        if names != expected {
            return Err(format!("{filter:?} gives {names:?}"));
        }
    }
    Ok(())
}

pub(super) fn info(dm: &Driver) -> Result<(), String> {
    let uuid = DmUuid::new("U-5").expect("a uuid");
    dm.set_uuid(ours(), uuid.clone()).map_err(say)?;
    let by_name = dm.info(ours(), Slot::Active).map_err(say)?;
    for id in [DevId::Uuid(uuid), DevId::Number(by_name.number)] {
        let found = dm.info(id.clone(), Slot::Active).map_err(say)?;
        if found != by_name {
            return Err(format!("{id} is {found:?}, not {by_name:?}"));
        }
    }
    let number = by_name.number;
    let said = run(&format!(
        "dmsetup info -c --noheadings -o open,segments,events -j {} -m {}",
        number.major, number.minor
    ))?;
    let DeviceInfo {
        open_count,
        target_count,
        event,
        ..
    } = by_name;
    equal(
        "the info",
        &format!("{open_count}:{target_count}:{event}"),
        said.trim(),
    )
}

pub(super) fn suspend(dm: &Driver) -> Result<(), String> {
    for (flush, lockfs, words) in [
        (FlushMode::Flush, LockFs::Freeze, &[][..]),
        (FlushMode::NoFlush, LockFs::Freeze, &["--noflush"]),
        (FlushMode::Flush, LockFs::Skip, &["--nolockfs"]),
        (
            FlushMode::NoFlush,
            LockFs::Skip,
            &["--noflush", "--nolockfs"],
        ),
    ] {
        let options = SuspendOptions::new(flush, lockfs);
        dm.suspend(ours(), options).map_err(say)?;
        dmsetup(&[&["suspend"], words, &[THEIRS]].concat())?;
        alike()?;
        dm.resume(ours(), options).map_err(say)?;
        dmsetup(&[&["resume"], words, &[THEIRS]].concat())?;
        alike()?;
    }
    Ok(())
}

pub(super) fn rename(dm: &Driver) -> Result<(), String> {
    dm.set_uuid(ours(), DmUuid::new("U-6").expect("a uuid"))
        .map_err(say)?;
    dmsetup(&["rename", THEIRS, "--setuuid", "U-7"])?;
    let again = dm.set_uuid(ours(), DmUuid::new("U-8").expect("a uuid"));
    if again.map_err(|error| error.kind) != Err(ErrorKind::Invalid) {
        return Err("a second uuid is taken".into());
    }
    dm.rename(ours(), name("our own")).map_err(say)?;
    dmsetup(&["rename", THEIRS, "their own"])?;
    let (mine, their) = (state("our own")?, state("their own")?);
    dm.rename(name("our own"), name(OURS)).map_err(say)?;
    dmsetup(&["rename", "their own", THEIRS])?;
    equal("the state of ours", &mine, &their)
}

pub(super) fn remove_deferred(dm: &Driver) -> Result<(), String> {
    let open = |device: &str| {
        File::open(format!("/dev/mapper/{device}")).map_err(|error| format!("{device}: {error}"))
    };
    let (one, two) = (open(OURS)?, open(THEIRS)?);
    let busy = dm
        .remove(ours(), RemoveMode::IfUnused)
        .map_err(|error| error.kind);
    if busy != Err(ErrorKind::Busy) {
        return Err(format!("an open device: {busy:?}"));
    }
    dm.remove(ours(), RemoveMode::Deferred).map_err(say)?;
    dmsetup(&["remove", "--deferred", THEIRS])?;
    alike()?;
    drop((one, two));
    gone(OURS)?;
    gone(THEIRS)
}

/// A device that goes by itself is gone soon.
fn gone(device: &str) -> Result<(), String> {
    for _ in 0..100 {
        if dmsetup(&["info", "-c", device]).is_err() {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Err(format!("{device} stays"))
}

pub(super) fn remove_all(dm: &Driver) -> Result<(), String> {
    let open = File::open(format!("/dev/mapper/{OURS}")).map_err(|error| error.to_string())?;
    dm.remove_all(RemoveMode::IfUnused).map_err(say)?;
    equal(
        "what is left",
        &run("dmsetup info -c --noheadings -o name")?,
        "ours\n",
    )?;
    dm.remove_all(RemoveMode::Deferred).map_err(say)?;
    let info = dm.info(ours(), Slot::Active).map_err(say)?;
    drop(open);
    gone(OURS)?;
    match info
        .flags
        .contains(dm_core::flags::DeviceFlags::DEFERRED_REMOVE)
    {
        true => Ok(()),
        false => Err(format!("it is not to go: {info:?}")),
    }
}
