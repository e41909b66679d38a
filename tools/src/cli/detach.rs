//! `dmctl detach`.

use clap::Args;

use crate::daemon::order::{InUse, Order};
use crate::failure::Failure;
use crate::output::Answer;

use super::attach::order_each;
use super::commands::Run;
use super::devices::Devices;
use super::session::Session;

/// Devices that are to be block devices no longer.
#[derive(Debug, Args)]
pub(super) struct Detach {
    #[command(flatten)]
    devices: Devices,
    /// Also those that are mounted, or claimed otherwise: their users get errors from then on
    #[arg(short, long)]
    force: bool,
}

impl Run for Detach {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let in_use = match self.force {
            true => InUse::Force,
            false => InUse::Refuse,
        };
        let mut detached = Vec::new();
        let order = |name| Order::Detach(name, in_use);
        let done = order_each(session, &self.devices, order, |name, _| {
            session.note(|| format!("detached {name}"));
            detached.push(name.to_string());
        });
        answer.field("detached", detached);
        done
    }
}
