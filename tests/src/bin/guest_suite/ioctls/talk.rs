//! What is said to the driver, and to targets.

use dm_core::command::Geometry;
use dm_core::error::ErrorKind;
use dm_core::names::TargetName;
use dm_core::target::FlushMode;
use dm_core::units::Sector;
use dm_linux::Linux;
use dm_linux::control::Control;
use dm_linux::nodes::{NodePolicy, Nodes};

use crate::shell::{equal, run};

use super::{Driver, OURS, THEIRS, dmsetup, ours, say, shown};

pub(super) fn version(dm: &Driver) -> Result<(), String> {
    let said = run("dmsetup version")?;
    let theirs = said
        .lines()
        .find_map(|line| line.strip_prefix("Driver version:"));
    equal(
        "the version",
        &dm.version().map_err(say)?.to_string(),
        theirs.unwrap_or_default().trim(),
    )
}

pub(super) fn targets(dm: &Driver) -> Result<(), String> {
    let line = |kind: &dm_core::command::TargetVersion| {
        format!("{:<16} v{}\n", kind.name.as_str(), kind.version)
    };
    let kinds = dm.targets().map_err(say)?;
    equal(
        "the list",
        &kinds.iter().map(line).collect::<String>(),
        &run("dmsetup targets")?,
    )
}

pub(super) fn target_version(dm: &Driver) -> Result<(), String> {
    let era = || TargetName::new("era").expect("a target's name");
    let loaded = || std::path::Path::new("/sys/module/dm_era").exists();
    run("rmmod dm_era")?;
    if loaded() {
        return Err("the module stays".into());
    }
    let ours = dm.target_version(era()).map_err(say)?;
    if !loaded() {
        return Err("the module is not loaded".into());
    }
    run("rmmod dm_era")?;
    let theirs = run("dmsetup target-version era")?;
    equal(
        "the version",
        &format!("{:<16} v{}\n", "era", ours.version),
        &theirs,
    )?;
    let none = dm.target_version(TargetName::new("nothing").expect("a target's name"));
    match none {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        other => Err(format!("a target that is not there gives {other:?}")),
    }
}

pub(super) fn wait(dm: &Driver) -> Result<(), String> {
    // Each rename is an event.
    for (old, new) in [(OURS, "waited"), ("waited", OURS)] {
        dmsetup(&["rename", old, new])?;
    }
    for flush in [FlushMode::Flush, FlushMode::NoFlush] {
        let (info, found) = dm.wait(ours(), 0, flush).map_err(say)?;
        equal("the event", &info.event.to_string(), "2")?;
        equal("the status", &shown(&found), &dmsetup(&["status", OURS])?)?;
    }
    dmsetup(&["wait", OURS, "0"])?;
    dmsetup(&["wait", "--noflush", OURS, "1"]).map(drop)
}

pub(super) fn message(dm: &Driver) -> Result<(), String> {
    for text in [
        "@stats_create - /2",
        "@stats_list",
        "@stats_print 0",
        "@stats_delete 0",
    ] {
        let answer = dm.message(ours(), Sector(0), text).map_err(say)?;
        let said = dmsetup(
            &[
                &["message", THEIRS, "0"][..],
                &text.split(' ').collect::<Vec<_>>(),
            ]
            .concat(),
        )?;
        equal(text, answer.unwrap_or_default().trim_end(), said.trim_end())?;
    }
    let wrong = dm
        .message(ours(), Sector(0), "what")
        .map_err(|error| error.kind);
    match wrong {
        Err(ErrorKind::Invalid) => Ok(()),
        other => Err(format!("a message to a linear target gives {other:?}")),
    }
}

pub(super) fn long_message(dm: &Driver) -> Result<(), String> {
    let text = "@stats_create - 1";
    dm.message(ours(), Sector(0), text).map_err(say)?;
    dmsetup(&["message", THEIRS, "0", "@stats_create", "-", "1"])?;
    let answer = dm
        .message(ours(), Sector(0), "@stats_print 0")
        .map_err(say)?
        .unwrap_or_default();
    let said = dmsetup(&["message", THEIRS, "0", "@stats_print", "0"])?;
    if answer.lines().count() != 2048 || answer.len() <= 16 << 10 {
        return Err(format!("the answer has {} bytes", answer.len()));
    }
    equal("the answer", answer.trim_end(), said.trim_end())
}

pub(super) fn set_geometry(dm: &Driver) -> Result<(), String> {
    let geometry = Geometry::new(5, 7, 9, Sector(3)).expect("it starts within");
    dm.set_geometry(ours(), geometry).map_err(say)?;
    dmsetup(&["setgeometry", THEIRS, "5", "7", "9", "3"])?;
    let fdisk = |device| run(&format!("fdisk -l /dev/mapper/{device}"));
    let (mine, theirs) = (fdisk(OURS)?, fdisk(THEIRS)?);
    if !mine.contains("7 heads, 9 sectors") {
        return Err(format!("fdisk says {mine}"));
    }
    equal(
        "the geometry",
        &mine.replace(OURS, ""),
        &theirs.replace(THEIRS, ""),
    )
}

pub(super) fn arm_poll(_: &Driver) -> Result<(), String> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let control = Linux::new(Control::new(), Nodes::new(NodePolicy::Never));
    let ready = || {
        let descriptor = control
            .sys()
            .descriptor()
            .map_err(|error| error.to_string())?;
        let mut fds = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::default()))
            .map(|ready| ready == 1)
            .map_err(|error| error.to_string())
    };
    for _ in 0..2 {
        control.arm_poll().map_err(say)?;
        if ready()? {
            return Err("it is ready before any event".into());
        }
        for (old, new) in [(OURS, "polled"), ("polled", OURS)] {
            dmsetup(&["rename", old, new])?;
        }
        if !ready()? {
            return Err("it is not ready after an event".into());
        }
    }
    Ok(())
}

pub(super) fn probe_paths(dm: &Driver) -> Result<(), String> {
    let version = dm.version().map_err(say)?;
    match dm.probe_paths(ours()) {
        Err(error) if error.kind == ErrorKind::Unsupported => {
            let reason = error.reason();
            let old = version < dm_linux::abi::layout::PROBE_PATHS_SINCE;
            match old == reason.contains("needs version 4.50.0") {
                true => Ok(()),
                false => Err(reason),
            }
        }
        other => Err(format!("{other:?}")),
    }
}
