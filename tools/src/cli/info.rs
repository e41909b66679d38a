//! `dmctl info`.

use clap::Args;
use dm_core::command::Slot;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::{Answer, json};
use crate::report::Groups;

use super::columns::{ColumnArgs, Counting, Known};
use super::commands::Run;
use super::devices::Devices;
use super::session::Session;

/// The fields that are shown unless others are asked for.
pub(super) const USUAL: &str = "name,major,minor,attr,open,segments,events,uuid";

/// Devices to be shown.
#[derive(Debug, Default, Args)]
pub(super) struct Info {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    slot: SlotArgs,
    /// Show columns
    #[arg(short = 'c', short_alias = 'C', long)]
    columns: bool,
    #[command(flatten)]
    report: ColumnArgs,
}

/// Whose targets are meant.
#[derive(Debug, Default, Args)]
pub(super) struct SlotArgs {
    /// The inactive table instead of the active one
    #[arg(long)]
    inactive: bool,
}

impl SlotArgs {
    /// As a command says it.
    pub(super) fn slot(&self) -> Slot {
        if self.inactive {
            Slot::Inactive
        } else {
            Slot::Active
        }
    }
}

impl Run for Info {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let slot = self.slot.slot();
        if self.columns {
            return self.columns(session, answer, slot);
        }
        let dm = session.dm()?;
        session.show_each(answer, &self.devices, |text, device, _| {
            let info = dm.info(device, slot)?;
            text.push_str(&session.described(&info));
            Ok(json::info(&info))
        })
    }
}

impl Info {
    fn columns(self, session: &Session, answer: &mut Answer, slot: Slot) -> Result<(), Failure> {
        let selection = self.devices.selection();
        let report = self.report.report(USUAL, Groups::empty(), selection)?;
        let Some(mut report) = report else {
            return Ok(());
        };
        let dm = session.dm()?;
        let devices = self.devices.unselected();
        let times = self.report.times();
        let counting = Counting {
            interval: times.interval,
            ..Counting::default()
        };
        times.repeat(session, answer, &mut report, |report, text, since| {
            let known = Known::of(session, report)?;
            let counting = Counting {
                interval: since,
                ..counting.clone()
            };
            let mut seen = Answer::default();
            let done = session.show_each(&mut seen, &devices, |_, device, _| {
                let info = dm.info(device, slot)?;
                known.add(session, report, &info, &counting)?;
                Ok(Value::Null)
            });
            text.push_str(&seen.text);
            done
        })
    }
}
