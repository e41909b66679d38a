//! `dmctl suspend`, and the options that resume shares with it.

use clap::Args;
use dm_core::client::Dm;
use dm_core::command::{LockFs, SuspendOptions};
use dm_core::target::FlushMode;

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::devices::Devices;
use super::session::Session;

/// Devices whose io is to be held.
#[derive(Debug, Args)]
pub(super) struct Suspend {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    how: How,
}

/// How a device is suspended.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Let targets hand back what they hold instead of writing it out
    #[arg(long)]
    noflush: bool,
    /// Do not freeze a filesystem on the device
    #[arg(long)]
    nolockfs: bool,
}

impl How {
    /// As a command says it.
    pub(super) fn options(&self) -> SuspendOptions {
        let flush = if self.noflush {
            FlushMode::NoFlush
        } else {
            FlushMode::Flush
        };
        let lockfs = if self.nolockfs {
            LockFs::Skip
        } else {
            LockFs::Freeze
        };
        SuspendOptions::new(flush, lockfs)
    }
}

impl Run for Suspend {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let options = self.how.options();
        session.change_each(answer, &self.devices, |dm, device| {
            Ok(Dm::suspend(dm, device, options)?)
        })
    }
}
