//! `dmctl create`.

use clap::Args;
use dm_core::command::{self, RemoveMode, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::DmUuid;

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::devices::name;
use super::label_rule::LabelRule;
use super::session::Session;
use super::table_text::{TableSource, TableText};

/// A device to be made, with its table unless it says otherwise.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// The new device's name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    source: TableSource,
    /// Make the device without a table
    #[arg(short, long, conflicts_with_all = ["table", "file"])]
    notable: bool,
    /// The new device's uuid
    #[arg(short, long)]
    uuid: Option<DmUuid>,
    /// The new device's minor number; else the driver chooses
    #[arg(short, long)]
    minor: Option<u32>,
    /// Its major number, of which a driver has one for all its devices
    #[arg(short = 'j', long, requires = "minor")]
    major: Option<u32>,
    /// Refuse writes
    #[arg(short, long)]
    readonly: bool,
    #[command(flatten)]
    labels: LabelRule,
}

impl Run for Create {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let name = name(&self.name)?;
        let id = DevId::from(name.clone());
        // A wrong table is found before anything is made.
        let table = match self.notable {
            true => None,
            false => Some(self.source.read(&id)?),
        };
        if table.as_ref().is_some_and(|table| table.lines.is_empty()) {
            let failure = Failure::because(ErrorKind::InvalidTable, "the table has no lines");
            let failure = failure.about("load", Some(id.to_string()));
            return Err(failure.hint("--notable makes a device without a table"));
        }
        let dm = session.dm()?;
        if let Some(table) = &table {
            self.labels.check(dm.backend(), &id, table)?;
        }
        let mut create = command::Create::new(name);
        create.uuid = self.uuid.clone();
        create.minor = self.minor;
        let mut info = dm
            .create(create)
            .map_err(|error| session.explain(error, &id))?;
        if let Some(major) = self.major.filter(|major| *major != info.number.major) {
            session.note(|| format!("its major number is the driver's, not {major}"));
        }
        if let Some(table) = table {
            info = self
                .activate(session, &id, table)
                .map_err(|failure| undo(session, &id, failure))?;
        }
        session.changed(answer, &info);
        Ok(())
    }
}

impl Create {
    fn activate(
        &self,
        session: &Session,
        id: &DevId,
        table: TableText,
    ) -> Result<command::DeviceInfo, Failure> {
        let dm = session.dm()?;
        let TableText {
            lines,
            places,
            source,
        } = table;
        let load = command::Load::new(id.clone(), lines.clone());
        let load = if self.readonly {
            load.read_only()
        } else {
            load
        };
        dm.load(load)
            .and_then(|_| dm.resume(id.clone(), SuspendOptions::default()))
            .map_err(|error| session.explain_table(error, id, &lines, &places, &source))
    }
}

/// Takes the device away again, as dmsetup does.
fn undo(session: &Session, id: &DevId, failure: Failure) -> Failure {
    let removed = session
        .dm()
        .map(|dm| dm.remove(id.clone(), RemoveMode::IfUnused));
    match removed {
        Ok(Err(DmError { kind, .. })) if kind != ErrorKind::NotFound => failure.hint(format!(
            "the device {id} is left without a table: dmctl remove {id}"
        )),
        _ => failure,
    }
}
