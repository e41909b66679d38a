//! `dmctl deps`.

use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Answer, human, json};

use super::commands::Run;
use super::devices::Devices;
use super::info::SlotArgs;
use super::session::Session;

/// Devices of which it is to be shown what they stand on.
#[derive(Debug, Args)]
pub(super) struct Deps {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    slot: SlotArgs,
}

impl Run for Deps {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        let slot = self.slot.slot();
        session.show_each(answer, &self.devices, |text, device, naming| {
            let info = dm.info(device.clone(), slot)?;
            let deps = dm.deps(device, slot)?;
            session.section(text, &info, naming, |naming| {
                human::deps(&info.name, naming, &deps)
            });
            Ok(json!({ "name": info.name.as_str(), "deps": json::deps(&deps) }))
        })
    }
}
