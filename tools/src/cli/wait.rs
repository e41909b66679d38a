//! `dmctl wait`.

use clap::Args;
use dm_core::command::Slot;
use dm_core::devid::DevId;
use dm_core::target::FlushMode;

use crate::failure::Failure;
use crate::output::{Answer, human, json};

use super::commands::Run;
use super::devices::device;
use super::session::Session;

/// A device whose next event is waited for.
#[derive(Debug, Args)]
pub(super) struct Wait {
    /// The device
    #[arg(value_name = "DEV")]
    device: String,
    /// The event number that is known; else the present one
    #[arg(value_name = "EVENT_NR")]
    event: Option<u32>,
    /// Do not write out what is pending before the status
    #[arg(long)]
    noflush: bool,
}

impl Run for Wait {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let id = DevId::from(device(&self.device)?);
        let dm = session.dm()?;
        let flush = if self.noflush {
            FlushMode::NoFlush
        } else {
            FlushMode::Flush
        };
        let known = match self.event {
            Some(event) => Ok(event),
            None => dm.info(id.clone(), Slot::Active).map(|info| info.event),
        };
        let (info, lines) = known
            .and_then(|event| dm.wait(id.clone(), event, flush))
            .map_err(|error| session.explain(error, &id))?;
        if session.verbose() {
            answer.text = human::info(&info);
        }
        answer.field("device", json::info(&info));
        answer.field("status", json::status(&info, &lines)["lines"].clone());
        Ok(())
    }
}
