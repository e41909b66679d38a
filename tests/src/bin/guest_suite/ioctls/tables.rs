//! Tables as they are loaded and shown.

use std::process::Command;
use std::sync::Mutex;

use dm_core::client::Dm;
use dm_core::command::{Load, Slot, SuspendOptions};
use dm_core::errno::Errno;
use dm_core::error::ErrorKind;
use dm_core::target::FlushMode;
use dm_linux::Linux;
use dm_linux::abi::Call;
use dm_linux::buffer::Buffer;
use dm_linux::control::{Control, ControlError};
use dm_linux::nodes::{NodePolicy, Nodes};
use dm_linux::sys::Sys;

use crate::shell::{command, equal};

use super::{Driver, OURS, THEIRS, alike, dmsetup, lines, ours, say, shown};

pub(super) fn load_read_only(dm: &Driver) -> Result<(), String> {
    dm.load(Load::new(ours(), lines("0 16 zero\n16 8 error")).read_only())
        .map_err(say)?;
    dmsetup(&[
        "load",
        "--readonly",
        THEIRS,
        "--table",
        "0 16 zero\n16 8 error",
    ])?;
    alike()?;
    dm.resume(ours(), SuspendOptions::default()).map_err(say)?;
    dmsetup(&["resume", THEIRS])?;
    alike()
}

/// The driver, with the payload of the last table as the kernel left it.
struct Peek(Control, Mutex<Vec<u8>>);

impl Sys for Peek {
    fn ready(&self) -> Result<(), ControlError> {
        self.0.ready()
    }

    fn ioctl(&self, call: Call, buffer: &mut Buffer) -> Result<(), Errno> {
        let done = self.0.ioctl(call, buffer);
        if call == Call::TableLoad {
            *self.1.lock().expect("no panic") = buffer.bytes()[312..].to_vec();
        }
        done
    }
}

pub(super) fn load_secure(_: &Driver) -> Result<(), String> {
    let peek = Peek(Control::new(), Mutex::default());
    let dm = Dm::new(Linux::new(peek, Nodes::new(NodePolicy::Never)));
    for (open, left) in [(false, false), (true, true)] {
        let load = Load::new(ours(), lines("0 16 linear /dev/ram0 16"));
        dm.load(if open { load.open() } else { load })
            .map_err(say)?;
        let bytes = dm.backend().sys().1.lock().expect("no panic").clone();
        let found = bytes.iter().any(|byte| *byte != 0);
        if bytes.is_empty() || found != left {
            return Err(format!(
                "open {open}: a table is left: {found}, of {} bytes",
                bytes.len()
            ));
        }
    }
    Ok(())
}

pub(super) fn load_wrong(dm: &Driver) -> Result<(), String> {
    for table in [
        "0 8 nothing",
        "0 8 linear /dev/nothing 0",
        "8 8 zero",
        "0 8 striped 2 7",
    ] {
        let refused = dm.load(Load::new(ours(), lines(table)));
        let (success, _, stderr) =
            command(Command::new("dmsetup").args(["load", THEIRS, "--table", table]))?;
        match refused {
            Err(error) if error.kind == ErrorKind::InvalidTable && !success => {
                let errno = error
                    .context
                    .errno
                    .map(|errno| errno.to_string())
                    .unwrap_or_default();
                if !stderr.to_lowercase().contains(&errno) {
                    return Err(format!("{table}: {errno}, and dmsetup says {stderr}"));
                }
            }
            other => return Err(format!("{table}: {other:?}, dmsetup: {success}")),
        }
    }
    alike()
}

pub(super) fn clear(dm: &Driver) -> Result<(), String> {
    for device in [OURS, THEIRS] {
        dmsetup(&["load", device, "--table", "0 8 zero"])?;
    }
    dm.clear(ours()).map_err(say)?;
    dmsetup(&["clear", THEIRS])?;
    alike()
}

pub(super) fn table(dm: &Driver) -> Result<(), String> {
    for device in [OURS, THEIRS] {
        dmsetup(&["load", device, "--table", "0 8 zero\n8 8 linear 1:0 16"])?;
    }
    let (_, active) = dm.table(ours(), Slot::Active).map_err(say)?;
    equal("the table", &shown(&active), &dmsetup(&["table", THEIRS])?)?;
    let (_, inactive) = dm.table(ours(), Slot::Inactive).map_err(say)?;
    equal(
        "the inactive table",
        &shown(&inactive),
        &dmsetup(&["table", "--inactive", THEIRS])?,
    )
}

pub(super) fn status(dm: &Driver) -> Result<(), String> {
    for device in [OURS, THEIRS] {
        dmsetup(&[
            "load",
            device,
            "--table",
            "0 2048 striped 2 8 /dev/ram0 0 /dev/ram1 0",
        ])?;
        dmsetup(&["resume", device])?;
    }
    for (flush, words) in [
        (FlushMode::Flush, &["status", THEIRS][..]),
        (FlushMode::NoFlush, &["status", "--noflush", THEIRS]),
    ] {
        let (_, found) = dm.status(ours(), Slot::Active, flush).map_err(say)?;
        equal("the status", &shown(&found), &dmsetup(words)?)?;
    }
    Ok(())
}

pub(super) fn measure(dm: &Driver) -> Result<(), String> {
    for device in [OURS, THEIRS] {
        dmsetup(&[
            "load",
            device,
            "--table",
            "0 16 linear 1:0 16\n16 16 striped 2 8 1:0 0 1:1 8\n32 8 zero",
        ])?;
    }
    for (slot, words) in [
        (Slot::Active, &["measure", THEIRS][..]),
        (Slot::Inactive, &["measure", "--inactive", THEIRS]),
    ] {
        let (_, found) = dm.measure(ours(), slot).map_err(say)?;
        equal("the measure", &shown(&found), &dmsetup(words)?)?;
    }
    Ok(())
}

pub(super) fn deps(dm: &Driver) -> Result<(), String> {
    for device in [OURS, THEIRS] {
        dmsetup(&[
            "load",
            device,
            "--table",
            "0 8 linear 1:1 0\n8 8 linear 1:2 0",
        ])?;
    }
    for (slot, words) in [
        (Slot::Active, &["deps", THEIRS][..]),
        (Slot::Inactive, &["deps", "--inactive", THEIRS]),
    ] {
        let found = dm.deps(ours(), slot).map_err(say)?;
        let numbers: String = found
            .iter()
            .map(|dep| format!(" ({}, {})", dep.number.major, dep.number.minor))
            .collect();
        let said = dmsetup(words)?;
        let theirs = said
            .trim_end()
            .split_once(':')
            .map_or("", |(_, numbers)| numbers);
        equal("the devices", &numbers, theirs)?;
    }
    Ok(())
}
