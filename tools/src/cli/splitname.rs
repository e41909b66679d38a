//! `dmctl splitname`.

use clap::Args;

use crate::failure::Failure;
use crate::output::{Answer, Format};
use crate::report::{Groups, LvmName, Object};

use super::columns::ColumnArgs;
use super::commands::Run;
use super::session::Session;

/// The fields that are shown unless others are asked for.
const USUAL: &str = "vg_name,lv_name,lv_layer";

/// A device's name, to be shown in its parts.
#[derive(Debug, Args)]
pub(super) struct SplitName {
    /// The name
    #[arg(value_name = "NAME")]
    name: String,
    /// Whose name it is
    #[arg(value_name = "SUBSYSTEM", default_value = "LVM")]
    subsystem: String,
    /// Show columns, as is always done
    #[arg(short = 'c', short_alias = 'C', long, hide = true)]
    columns: bool,
    #[command(flatten)]
    report: ColumnArgs,
    /// Only if its parts are so
    #[arg(short = 'S', long, value_name = "SELECTION")]
    select: Option<String>,
}

impl Run for SplitName {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let selection = self.select.as_deref();
        let Some(mut report) = self.report.report(USUAL, Groups::SPLIT, selection)? else {
            return Ok(());
        };
        let name = LvmName::new(&self.subsystem, &self.name);
        report.add(&Object {
            name: Some(&name),
            ..Object::default()
        })?;
        match session.format() {
            Format::Text => answer.text = report.take(),
            Format::Json => answer.field("rows", report.take_json()),
        }
        Ok(())
    }
}
