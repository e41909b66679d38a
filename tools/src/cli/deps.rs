//! `dmctl deps`.

use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Answer, human, json};

use super::commands::Run;
use super::devices::Devices;
use super::info::SlotArgs;
use super::ls::Saying;
use super::session::Session;

/// Devices of which it is to be shown what they stand on.
#[derive(Debug, Args)]
pub(super) struct Deps {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    slot: SlotArgs,
    /// How devices are shown: devno, blkdevname or devname
    #[arg(short, long, value_name = "OPTIONS")]
    options: Option<String>,
}

impl Run for Deps {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let saying = Saying::read(self.options.as_deref())?;
        let dm = session.dm()?;
        let all = match saying {
            Saying::Devname => dm.list()?,
            _ => Vec::new(),
        };
        let slot = self.slot.slot();
        session.show_each(answer, &self.devices, |text, device, naming| {
            let info = dm.info(device.clone(), slot)?;
            let deps = dm.deps(device, slot)?;
            session.section(text, &info, naming, |naming| {
                let said = deps.iter().map(|dep| saying.say(dep.number, &all, ", "));
                human::deps(&info.name, naming, said)
            });
            Ok(json!({ "name": info.name.as_str(), "deps": json::deps(&deps) }))
        })
    }
}
