//! `dmctl create`.

use clap::Args;
use dm_core::command::{self, RemoveMode, SuspendOptions};
use dm_core::devid::DevId;
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::{DmName, DmUuid};

use crate::failure::Failure;
use crate::output::{Answer, json};

use super::commands::Run;
use super::concise;
use super::devices::name;
use super::explain::syntax_of_all;
use super::label_rule::LabelRule;
use super::node_args::NodeArgs;
use super::session::Session;
use super::table_text::{self, TableSource, TableText};

/// A device to be made, with its table unless it says otherwise; or several in one line.
#[derive(Debug, Args)]
#[command(after_long_help = syntax_of_all())]
pub(super) struct Create {
    /// The new device's name
    #[arg(value_name = "NAME", required_unless_present = "concise")]
    name: Option<String>,
    #[command(flatten)]
    source: TableSource,
    /// Make the devices of one line, in the place of NAME or on stdin:
    /// name,uuid,minor,flags,table[,table...][;...]
    #[arg(long, conflicts_with_all = ["table", "file", "notable", "uuid", "minor"])]
    concise: bool,
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
    node: NodeArgs,
    #[command(flatten)]
    labels: LabelRule,
}

/// A device to be made.
struct New {
    name: DmName,
    uuid: Option<DmUuid>,
    minor: Option<u32>,
    table: Option<TableText>,
    read_only: bool,
}

impl Run for Create {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        if self.concise {
            return self.several(session, answer);
        }
        let name = name(self.name.as_deref().unwrap_or_default())?;
        let id = DevId::from(name.clone());
        // A wrong table is found before anything is made.
        let table = match self.notable {
            true => None,
            false => Some(self.source.read(&id)?),
        };
        let new = New {
            name,
            uuid: self.uuid.clone(),
            minor: self.minor,
            table,
            read_only: self.readonly,
        };
        let info = self.make(session, new)?;
        session.changed(answer, &info);
        Ok(())
    }
}

impl Create {
    /// Makes the devices of one line, one after the other, as the kernel does.
    fn several(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let text = match &self.name {
            Some(text) => text.clone(),
            None => table_text::stdin()?,
        };
        // Whatever is wrong is found before the first is made.
        let mut devices = Vec::new();
        for entry in concise::parse(&text)? {
            let name = name(&entry.name)?;
            let uuid = entry.uuid.as_deref().map(DmUuid::new).transpose();
            devices.push(New {
                uuid: uuid.map_err(|error| Failure::usage(error.to_string()))?,
                minor: entry.minor,
                table: Some(table_text::parse_named(entry.table, &name)?),
                read_only: entry.read_only || self.readonly,
                name,
            });
        }
        let mut made = Vec::new();
        let mut failed = Ok(());
        for new in devices {
            match self.make(session, new) {
                Ok(info) => {
                    if session.verbose() {
                        answer.text.push_str(&session.described(&info));
                    }
                    made.push(json::info(&info));
                }
                Err(failure) => {
                    failed = Err(failure);
                    break;
                }
            }
        }
        answer.field("devices", made);
        failed
    }

    fn make(&self, session: &Session, new: New) -> Result<command::DeviceInfo, Failure> {
        let id = DevId::from(new.name.clone());
        if new
            .table
            .as_ref()
            .is_some_and(|table| table.lines.is_empty())
        {
            let failure = Failure::because(ErrorKind::InvalidTable, "the table has no lines");
            let failure = failure.about("load", Some(id.to_string()));
            return Err(failure.hint("--notable makes a device without a table"));
        }
        let dm = session.dm()?;
        if let Some(table) = &new.table {
            self.labels.check(dm.backend(), &id, table)?;
        }
        let mut create = command::Create::new(new.name);
        create.uuid = new.uuid;
        create.minor = new.minor;
        let mut info = dm
            .create(create)
            .map_err(|error| session.explain(error, &id))?;
        if let Some(major) = self.major.filter(|major| *major != info.number.major) {
            session.note(|| format!("its major number is the driver's, not {major}"));
        }
        self.node.created(session, &info)?;
        if let Some(table) = new.table {
            info = activate(session, &id, table, new.read_only)
                .map_err(|failure| undo(session, &id, failure))?;
        }
        self.node.resumed(session, &info)?;
        Ok(info)
    }
}

fn activate(
    session: &Session,
    id: &DevId,
    table: TableText,
    read_only: bool,
) -> Result<command::DeviceInfo, Failure> {
    let dm = session.dm()?;
    let TableText {
        lines,
        places,
        source,
    } = table;
    let load = command::Load::new(id.clone(), lines.clone());
    let load = if read_only { load.read_only() } else { load };
    dm.load(load)
        .and_then(|_| dm.resume(id.clone(), SuspendOptions::default()))
        .map_err(|error| session.explain_table(error, id, &lines, &places, &source))
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
