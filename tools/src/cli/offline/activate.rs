//! A device is made of one line, or taken away.

use std::path::Path;

use clap::Args;
use dm_core::command::{Create, Load, RemoveMode, Slot, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::DmName;
use dm_core::table::{EscapedWord, TableLine};

use crate::cli::devices::name;
use crate::cli::remove::How;
use crate::cli::session::Session;
use crate::failure::Failure;
use crate::output::Answer;

/// Makes a device and lets it run; it is not left behind where that fails.
pub(in crate::cli) fn open(
    session: &Session,
    answer: &mut Answer,
    name: DmName,
    load: Load,
) -> Result<(), Failure> {
    let (id, lines) = (DevId::from(name.clone()), load.lines.clone());
    let dm = session.dm()?;
    dm.create(Create::new(name))
        .map_err(|error| session.explain(error, &id))?;
    let made = dm
        .load(load)
        .and_then(|_| dm.resume(id.clone(), SuspendOptions::default()));
    let info = made.map_err(|error: DmError| {
        let failure = session.explain_table(error, &id, &lines, &[1], "the table");
        match dm.remove(id.clone(), RemoveMode::IfUnused) {
            Ok(_) => failure,
            Err(_) => failure.hint(format!("the device {id} is left: dmctl remove {id}")),
        }
    })?;
    session.changed(answer, &info);
    Ok(())
}

/// A device to be taken away.
#[derive(Debug, Args)]
pub(in crate::cli) struct Close {
    /// The device's name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    how: How,
}

impl Close {
    /// Takes the device away, if its table is of that target.
    pub(in crate::cli) fn run(self, session: &Session, target: &str) -> Result<(), Failure> {
        let (dm, name) = (session.dm()?, name(&self.name)?);
        let id = DevId::from(name.clone());
        let explain = |error| session.explain(error, &id);
        let (_, lines) = dm.table(id.clone(), Slot::Active).map_err(explain)?;
        if !lines.iter().any(|line| line.target.as_str() == target) {
            let reason = format!("{name} has no {target} target");
            let failure = Failure::because(ErrorKind::Invalid, reason);
            return Err(failure.hint(format!("dmctl remove {name} takes any device away")));
        }
        let removed = dm.remove(id.clone(), self.how.mode());
        removed.map(|_| ()).map_err(explain)
    }
}

/// A path as a table has it.
pub(in crate::cli) fn word(path: &Path) -> Result<String, Failure> {
    path_text(path).map(|text| EscapedWord(&text).to_string())
}

/// A path that a table can have.
pub(in crate::cli) fn path_text(path: &Path) -> Result<String, Failure> {
    let whole = std::path::absolute(path).map_err(|error| Failure::io("find", path, &error))?;
    match whole.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Failure::usage(format!(
            "{} is not UTF-8, and tables are",
            path.display()
        ))),
    }
}

/// A line of a table, which no user wrote.
pub(in crate::cli) fn line(text: &str) -> Result<TableLine, Failure> {
    text.parse()
        .map_err(|error| Failure::usage(format!("{error}")))
}
