//! Each ioctl through dm-linux beside the real dmsetup: the same effect and the same reply.

mod life;
mod tables;
mod talk;

use std::process::Command;

use dm_core::client::Dm;
use dm_core::command::{Create, Load, RemoveMode, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::error::DmError;
use dm_core::names::DmName;
use dm_core::table::TableLine;
use dm_linux::Linux;

use crate::shell::{command, equal};

/// A row of the table: what it is about, and the check of it.
type Row = (&'static str, fn(&Driver) -> Result<(), String>);

type Driver = Dm<Linux>;

/// The device of ours, and dmsetup's, which is to be like it.
const OURS: &str = "ours";
const THEIRS: &str = "theirs";

const TABLE: &str = "0 2048 linear /dev/ram0 8";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("VERSION", talk::version),
    ("LIST_VERSIONS", talk::targets),
    ("GET_TARGET_VERSION loads the module", talk::target_version),
    ("DEV_CREATE: uuid, PERSISTENT_DEV", life::create_with_all),
    ("LIST_DEVICES: UUID, events, prefixes", life::list),
    ("DEV_STATUS by name, uuid and number", life::info),
    ("TABLE_LOAD: READONLY", tables::load_read_only),
    ("TABLE_LOAD: SECURE_DATA wipes the buffer", tables::load_secure),
    ("TABLE_LOAD: the wrong table's errno", tables::load_wrong),
    ("TABLE_CLEAR", tables::clear),
    ("TABLE_STATUS: STATUS_TABLE, QUERY_INACTIVE_TABLE", tables::table),
    ("TABLE_STATUS: NOFLUSH", tables::status),
    ("TABLE_STATUS: IMA_MEASUREMENT", tables::measure),
    ("TABLE_DEPS: QUERY_INACTIVE_TABLE", tables::deps),
    ("DEV_SUSPEND: SUSPEND, NOFLUSH, SKIP_LOCKFS", life::suspend),
    ("DEV_RENAME: name, UUID", life::rename),
    ("DEV_WAIT: event_nr, NOFLUSH", talk::wait),
    ("TARGET_MSG: DATA_OUT", talk::message),
    ("TARGET_MSG: an answer past the first buffer", talk::long_message),
    ("DEV_SET_GEOMETRY", talk::set_geometry),
    ("DEV_REMOVE: DEFERRED_REMOVE", life::remove_deferred),
    ("REMOVE_ALL: DEFERRED_REMOVE", life::remove_all),
    ("DEV_ARM_POLL", talk::arm_poll),
    ("MPATH_PROBE_PATHS", talk::probe_paths),
];

/// Every row, with a pair of devices of its own.
pub(crate) fn each_ioctl_beside_dmsetup() -> Result<(), String> {
    let dm = Dm::new(Linux::open().map_err(say)?);
    let mut failed = Vec::new();
    for (what, row) in ROWS {
        let result = pair(&dm).map_err(say).and_then(|()| row(&dm));
        println!(
            "{:<50} {}",
            what,
            if result.is_ok() {
                "the same"
            } else {
                "DIFFERS"
            }
        );
        if let Err(why) = result {
            failed.push(format!("{what}: {why}"));
        }
        dm.remove_all(RemoveMode::Forced).map_err(say)?;
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(failed.join("\n")),
    }
}

/// Makes both devices.
fn pair(dm: &Driver) -> Result<(), DmError> {
    for device in [OURS, THEIRS] {
        dm.create(Create::new(name(device)))?;
        dm.load(Load::new(name(device), lines(TABLE)))?;
        dm.resume(name(device), SuspendOptions::default())?;
    }
    Ok(())
}

fn say(error: DmError) -> String {
    error.report()
}

fn name(text: &str) -> DmName {
    DmName::new(text).expect("a name")
}

fn ours() -> DevId {
    name(OURS).into()
}

fn lines(text: &str) -> Vec<TableLine> {
    TableLine::parse_table(text).expect("a table")
}

/// Lines as dmsetup shows them.
fn shown(lines: &[TableLine]) -> String {
    let line = |line: &TableLine| {
        let TableLine {
            start,
            length,
            target,
            params,
        } = line;
        format!("{start} {length} {target} {params}\n")
    };
    lines.iter().map(line).collect()
}

fn dmsetup(words: &[&str]) -> Result<String, String> {
    let (success, stdout, stderr) = command(Command::new("dmsetup").args(words))?;
    match success {
        true => Ok(stdout),
        false => Err(format!("dmsetup {words:?}: {stdout}{stderr}")),
    }
}

/// All that dmsetup shows of a device but for its names and number.
fn state(device: &str) -> Result<String, String> {
    let columns = "attr,open,segments,events,read_ahead";
    let info = dmsetup(&["info", "-c", "--noheadings", "-o", columns, device])?;
    let tables = [
        &["table", device][..],
        &["table", "--inactive", device],
        &["status", device],
    ];
    let tables = tables
        .into_iter()
        .map(dmsetup)
        .collect::<Result<String, _>>()?;
    Ok(info + &tables)
}

/// Both devices look alike.
fn alike() -> Result<(), String> {
    equal("the state of ours", &state(OURS)?, &state(THEIRS)?)
}
