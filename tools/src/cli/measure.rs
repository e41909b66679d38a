//! `dmctl measure`.

use clap::Args;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::{Answer, human, json};

use super::commands::Run;
use super::devices::Devices;
use super::info::SlotArgs;
use super::session::Session;

/// Devices of which it is shown what an attestation measures.
#[derive(Debug, Args)]
pub(super) struct Measure {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    slot: SlotArgs,
}

impl Run for Measure {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        session.show_each(answer, &self.devices, |text, device, naming| {
            let (info, lines) = dm.measure(device, self.slot.slot())?;
            session.section(text, &info, naming, |naming| {
                human::lines(&info.name, naming, &lines)
            });
            let shown: Value = lines
                .iter()
                .map(|line| json::line(line, "measured", None))
                .collect();
            Ok(serde_json::json!({ "name": info.name.as_str(), "lines": shown }))
        })
    }
}
