//! `dmctl table`.

use clap::Args;
use dm_core::names::TargetName;
use serde_json::Value;

use crate::failure::Failure;
use crate::keys;
use crate::output::{Answer, Format, human, json};

use super::commands::Run;
use super::devices::Devices;
use super::info::SlotArgs;
use super::session::Session;
use super::status::only;

/// Devices whose tables are to be shown.
#[derive(Debug, Args)]
pub(super) struct Table {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    slot: SlotArgs,
    /// Only lines of this target
    #[arg(long)]
    target: Option<TargetName>,
    /// Show keys, which are zeroes otherwise
    #[arg(long)]
    showkeys: bool,
}

impl Run for Table {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        let slot = self.slot.slot();
        session.show_each(answer, &self.devices, |text, device, naming| {
            let (info, lines) = dm.table(device.clone(), slot)?;
            let Some(mut lines) = only(self.target.as_ref(), lines) else {
                return Ok(Value::Null);
            };
            if !self.showkeys {
                lines.iter_mut().for_each(keys::hide);
            }
            session.section(text, &info, naming, |naming| {
                human::lines(&info.name, naming, &lines)
            });
            let deps = match session.format() {
                Format::Text => Vec::new(),
                Format::Json => dm.deps(device, slot)?,
            };
            Ok(json::table(&info, &lines, &deps))
        })
    }
}
