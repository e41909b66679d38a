//! `dmctl resume`.

use clap::Args;
use dm_core::client::Dm;

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::devices::Devices;
use super::session::Session;
use super::suspend::How;

/// Devices whose io is to go on, through the inactive table if there is one.
#[derive(Debug, Args)]
pub(super) struct Resume {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    how: How,
}

impl Run for Resume {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let options = self.how.options();
        session.change_each(answer, &self.devices, |dm, device| {
            Dm::resume(dm, device, options)
        })
    }
}
