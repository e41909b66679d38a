//! `dmctl rename`.

use clap::Args;
use dm_core::names::DmUuid;

use crate::failure::Failure;
use crate::output::{Answer, json};

use super::commands::Run;
use super::devices::{self, device};
use super::session::Session;

/// A device and its other name, or its uuid.
#[derive(Debug, Args)]
pub(super) struct Rename {
    /// The device
    #[arg(value_name = "DEV")]
    device: String,
    /// Its other name
    #[arg(value_name = "NAME", required_unless_present = "setuuid")]
    name: Option<String>,
    /// Give it this uuid instead, which can be done once
    #[arg(long, value_name = "UUID", conflicts_with = "name")]
    setuuid: Option<DmUuid>,
}

impl Run for Rename {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let id = device(session, &self.device)?;
        let changed = match (self.setuuid, self.name) {
            (Some(uuid), _) => session.dm()?.set_uuid(id.clone(), uuid),
            (None, name) => {
                let other = devices::name(name.as_deref().unwrap_or_default())?;
                session.dm()?.rename(id.clone(), other)
            }
        };
        let info = changed.map_err(|error| session.explain(error, &id))?;
        answer.field("device", json::info(&info));
        Ok(())
    }
}
