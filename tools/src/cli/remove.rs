//! `dmctl remove`.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use clap::Args;
use dm_core::command::RemoveMode;

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::devices::{Devices, each};
use super::session::Session;

/// How often `--retry` tries, as dmsetup does.
const TRIES: u32 = 25;

/// How long it waits in between.
const PAUSE: Duration = Duration::from_millis(200);

/// Devices to be taken away.
#[derive(Debug, Args)]
pub(super) struct Remove {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    how: How,
    /// Try again for five seconds while the device is in use
    #[arg(long)]
    retry: bool,
}

/// What becomes of a device in use.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Remove also what is in use, at once: its users' requests fail from then on
    #[arg(short, long, conflicts_with = "deferred")]
    force: bool,
    /// Remove what is in use when its last user closes it
    #[arg(long)]
    deferred: bool,
}

impl How {
    /// As a command says it.
    pub(super) fn mode(&self) -> RemoveMode {
        match (self.force, self.deferred) {
            (true, _) => RemoveMode::Forced,
            (false, true) => RemoveMode::Deferred,
            (false, false) => RemoveMode::IfUnused,
        }
    }
}

impl Run for Remove {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let devices = self.devices.some(session)?;
        let dm = session.dm()?;
        let tries = if self.retry { TRIES } else { 1 };
        let mut removed = Vec::new();
        let done = each(session, devices, |device| {
            dm.remove_retrying(device.clone(), self.how.mode(), |done| {
                if done >= tries {
                    return ControlFlow::Break(());
                }
                thread::sleep(PAUSE);
                ControlFlow::Continue(())
            })?;
            session.note(|| format!("removed {device}"));
            removed.push(device.to_string());
            Ok(())
        });
        answer.field("removed", removed);
        done
    }
}
