//! `dmctl clear`.

use clap::Args;
use dm_core::client::Dm;

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::devices::Devices;
use super::session::Session;

/// Devices whose inactive table is to go.
#[derive(Debug, Args)]
pub(super) struct Clear {
    #[command(flatten)]
    devices: Devices,
}

impl Run for Clear {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        session.change_each(answer, &self.devices, |dm, device| {
            Ok(Dm::clear(dm, device)?)
        })
    }
}
