//! `dmctl table`.

use clap::Args;
use dm_core::names::TargetName;
use serde_json::Value;

use crate::failure::Failure;
use crate::keys;
use crate::output::escape::printable;
use crate::output::{Answer, Format, human, json};

use super::commands::Run;
use super::concise;
use super::devices::Devices;
use super::info::SlotArgs;
use super::session::Session;
use super::status::only;

/// Devices whose tables are to be shown.
#[derive(Debug, Default, Args)]
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
    /// All in one line, as create --concise and the kernel's dm-mod.create= take it
    #[arg(long)]
    concise: bool,
}

impl Run for Table {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        let slot = self.slot.slot();
        let shown = session.show_each(answer, &self.devices, |text, device, naming| {
            let (info, lines) = dm.table(device.clone(), slot)?;
            let Some(mut lines) = only(self.target.as_ref(), lines) else {
                return Ok(Value::Null);
            };
            if !self.showkeys {
                lines.iter_mut().for_each(keys::hide);
            }
            if self.concise {
                let between = if text.is_empty() { "" } else { ";" };
                text.push_str(between);
                concise::write(text, &info, &lines);
            } else {
                session.section(text, &info, naming, |naming| {
                    human::lines(&info.name, naming, &lines)
                });
            }
            let deps = match session.format() {
                Format::Text => Vec::new(),
                Format::Json => dm.deps(device, slot)?,
            };
            Ok(json::table(&info, &lines, &deps))
        });
        if self.concise && !answer.text.is_empty() && answer.text != human::NO_DEVICES {
            answer.text = format!("{}\n", printable(&answer.text));
        }
        shown
    }
}
