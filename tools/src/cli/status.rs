//! `dmctl status`.

use clap::Args;
use dm_core::names::TargetName;
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::{Answer, human, json};

use super::commands::Run;
use super::devices::Devices;
use super::info::SlotArgs;
use super::session::Session;

/// Devices whose targets' status is to be shown.
#[derive(Debug, Default, Args)]
pub(super) struct Status {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    slot: SlotArgs,
    /// Only lines of this target
    #[arg(long)]
    target: Option<TargetName>,
    /// Do not write out what is pending first
    #[arg(long)]
    noflush: bool,
}

impl Run for Status {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        let flush = if self.noflush {
            FlushMode::NoFlush
        } else {
            FlushMode::Flush
        };
        session.show_each(answer, &self.devices, |text, device, naming| {
            let (info, lines) = dm.status(device, self.slot.slot(), flush)?;
            let Some(lines) = only(self.target.as_ref(), lines) else {
                return Ok(Value::Null);
            };
            session.section(text, &info, naming, |naming| {
                human::lines(&info.name, naming, &lines)
            });
            Ok(json::status(&info, &lines))
        })
    }
}

/// The lines of one target if one is asked for; `None` if there is none of it.
pub(super) fn only(
    target: Option<&TargetName>,
    mut lines: Vec<TableLine>,
) -> Option<Vec<TableLine>> {
    if let Some(target) = target {
        lines.retain(|line| line.target == *target);
        if lines.is_empty() {
            return None;
        }
    }
    Some(lines)
}
