//! `dmctl resume`.

use clap::Args;
use dm_core::client::Dm;

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::devices::Devices;
use super::node_args::ReadAheadArgs;
use super::session::Session;
use super::suspend::How;

/// Devices whose io is to go on, through the inactive table if there is one.
#[derive(Debug, Args)]
pub(super) struct Resume {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    node: ReadAheadArgs,
}

impl Run for Resume {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let options = self.how.options();
        session.change_each(answer, &self.devices, |dm, device| {
            let info = Dm::resume(dm, device, options)?;
            self.node.set(session, &info)?;
            Ok(info)
        })
    }
}
