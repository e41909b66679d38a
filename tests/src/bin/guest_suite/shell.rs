//! Programs and files, with failures in words.

use std::fs;
use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::Command;

use dm_core::backend::Backend;
use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_linux::Linux;

/// Runs a program that must succeed, and returns what it wrote to stdout.
pub(crate) fn run(words: &str) -> Result<String, String> {
    let (success, stdout, stderr) = output(words)?;
    if success {
        Ok(stdout)
    } else {
        Err(format!("`{words}` failed: {stdout}{stderr}"))
    }
}

/// Runs a program, split at blanks: whether it succeeded, its stdout, its stderr.
pub(crate) fn output(words: &str) -> Result<(bool, String, String), String> {
    let mut split = words.split_whitespace();
    let program = split.next().ok_or("no program")?;
    command(Command::new(program).args(split))
}

/// As [`output`], for words with blanks in them.
pub(crate) fn command(command: &mut Command) -> Result<(bool, String, String), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok((
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    ))
}

/// Makes a device with a table by the real dmsetup.
/// The minor version of a kernel's target.
pub(crate) fn target_minor(target: &str) -> Result<u32, String> {
    let targets = run("dmsetup targets")?;
    let mut lines = targets.lines().map(|line| line.split_whitespace());
    let version =
        lines.find_map(|mut words| (words.next() == Some(target)).then(|| words.next())?);
    let minor = version.and_then(|version| version.split('.').nth(1)?.parse().ok());
    minor.ok_or_else(|| format!("no version of {target} is told: {targets}"))
}

pub(crate) fn create(name: &str, table: &str) -> Result<(), String> {
    let mut dmsetup = Command::new("dmsetup");
    let (success, _, stderr) = command(dmsetup.args(["create", name, "--table", table]))?;
    if success {
        Ok(())
    } else {
        Err(format!("dmsetup create {name}: {table}: {stderr}"))
    }
}

/// What two texts must be.
pub(crate) fn equal(what: &str, got: &str, expected: &str) -> Result<(), String> {
    if got == expected {
        Ok(())
    } else {
        Err(format!("{what} is {got:?}, not {expected:?}"))
    }
}

/// What sectors must hold.
pub(crate) fn equal_sectors(found: &[u8], wanted: &[u8]) -> Result<(), String> {
    let (found, wanted) = (found.chunks(512), wanted.chunks(512));
    match found
        .zip(wanted)
        .position(|(found, wanted)| found != wanted)
    {
        None => Ok(()),
        Some(sector) => Err(format!("sector {sector} has other bytes")),
    }
}

/// Writes bytes at an offset of a device, to the medium.
pub(crate) fn write_at(path: &str, offset: u64, bytes: &[u8]) -> Result<(), String> {
    let write = || {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| format!("writing {path}: {error}"))
}

/// Reads bytes at an offset of a device.
pub(crate) fn read_at(path: &str, offset: u64, length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0xa5; length];
    let mut read = || {
        let mut file = OpenOptions::new().read(true).open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut bytes)
    };
    read().map_err(|error| format!("reading {path}: {error}"))?;
    Ok(bytes)
}

/// Writes a file.
pub(crate) fn write(path: &str, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("{path}: {error}"))
}

/// Makes a device of a table, and leaves none behind where that fails.
pub(crate) fn create_in<B: Backend>(
    dm: &Dm<B>,
    device: &DmName,
    table: &str,
) -> Result<(), DmError> {
    let lines = TableLine::parse_table(table)?;
    dm.create(Create::new(device.clone()))?;
    let made = dm
        .load(Load::new(device.clone(), lines))
        .and_then(|_| dm.resume(device.clone(), SuspendOptions::default()));
    made.map(|_| ()).inspect_err(|_| {
        let _ = dm.remove(device.clone(), RemoveMode::IfUnused);
    })
}

/// A device's table and status.
pub(crate) fn shown<B: Backend>(dm: &Dm<B>, device: &DmName) -> Result<String, String> {
    let fail = |error: DmError| error.report();
    let (_, table) = dm.table(device.clone(), Slot::Active).map_err(fail)?;
    let status = dm.status(device.clone(), Slot::Active, FlushMode::NoFlush);
    let (_, status) = status.map_err(fail)?;
    let lines = table.iter().chain(&status);
    Ok(lines.map(|line| format!("{line}\n")).collect())
}

/// Removes the mapped devices and loop devices that a check left behind, and names them.
pub(crate) fn leftovers() -> Result<Vec<String>, String> {
    // Asked of the driver: a device without a table has no folder in /sys/block.
    let driver = |error: DmError| format!("the driver: {}", error.report());
    let dm = Dm::new(Linux::open().map_err(driver)?);
    let devices = dm.list().map_err(driver)?;
    if !devices.is_empty() {
        dm.remove_all(RemoveMode::Forced).map_err(driver)?;
    }
    let mut left: Vec<String> = devices
        .iter()
        .map(|device| format!("dm-{} {}", device.number.minor, device.name))
        .collect();
    let entries = fs::read_dir("/sys/block").map_err(|error| format!("/sys/block: {error}"))?;
    for entry in entries.flatten() {
        if entry.path().join("loop").is_dir() {
            let device = entry.file_name().to_string_lossy().into_owned();
            run(&format!("losetup -d /dev/{device}"))?;
            left.push(device);
        }
    }
    Ok(left)
}
