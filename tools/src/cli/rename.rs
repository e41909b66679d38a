//! `dmctl rename`.

use clap::Args;
use dm_core::names::DmUuid;

use crate::failure::Failure;
use crate::output::{Answer, json};

use super::commands::Run;
use super::devices::{self, One};
use super::session::Session;

/// A device and its other name, or its uuid.
#[derive(Debug, Args)]
pub(super) struct Rename {
    #[command(flatten)]
    device: One,
    /// Its new name
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// NAME is not a name but the device's uuid, which it gets once
    #[arg(long)]
    setuuid: bool,
}

impl Run for Rename {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let (id, words) = self.device.read(session, self.name)?;
        let [word] = words.as_slice() else {
            return Err(Failure::usage("give a device, and one new name or uuid"));
        };
        let dm = session.dm()?;
        let changed = match self.setuuid {
            true => {
                let uuid = DmUuid::new(word).map_err(|error| Failure::usage(error.to_string()))?;
                dm.set_uuid(id.clone(), uuid)
            }
            false => dm.rename(id.clone(), devices::name(word)?),
        };
        let info = changed.map_err(|error| session.explain(error, &id))?;
        answer.field("device", json::info(&info));
        Ok(())
    }
}
