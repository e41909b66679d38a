//! `dmctl load`.

use clap::Args;
use dm_core::command;

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::devices::One;
use super::explain::syntax_of_all;
use super::label_rule::LabelRule;
use super::session::Session;
use super::table_text::{TableSource, TableText};

/// A table for a device's inactive slot.
#[derive(Debug, Args)]
#[command(after_long_help = syntax_of_all())]
pub(super) struct Load {
    #[command(flatten)]
    device: One,
    #[command(flatten)]
    source: TableSource,
    /// Refuse writes once the table is active
    #[arg(short, long)]
    readonly: bool,
    #[command(flatten)]
    labels: LabelRule,
}

impl Run for Load {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let (id, words) = self.device.read(session, self.source.file_word())?;
        let table = self.source.with_file(&words)?.read(&id)?;
        let dm = session.dm()?;
        self.labels.check(dm.backend(), &id, &table)?;
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
        let info = dm
            .load(load)
            .map_err(|error| session.explain_table(error, &id, &lines, &places, &source))?;
        session.changed(answer, &info);
        Ok(())
    }
}
