//! `dmctl info`.

use clap::Args;
use dm_core::command::Slot;

use crate::failure::Failure;
use crate::output::{Answer, json};

use super::commands::Run;
use super::devices::Devices;
use super::session::Session;

/// Devices to be shown.
#[derive(Debug, Args)]
pub(super) struct Info {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    slot: SlotArgs,
}

/// Whose targets are meant.
#[derive(Debug, Args)]
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
        let dm = session.dm()?;
        session.show_each(answer, &self.devices, |text, device, _| {
            let info = dm.info(device, self.slot.slot())?;
            text.push_str(&session.described(&info));
            Ok(json::info(&info))
        })
    }
}
