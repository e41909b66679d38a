//! `dmctl wait`.

use clap::Args;
use dm_core::target::FlushMode;

use crate::failure::Failure;
use crate::output::{Answer, json};

use super::commands::Run;
use super::devices::device;
use super::session::Session;

/// A device whose next event is waited for.
#[derive(Debug, Args)]
pub(super) struct Wait {
    /// The device
    #[arg(value_name = "DEV")]
    device: String,
    /// The event number that is known: with another one than the device has, there is no wait
    #[arg(value_name = "EVENT_NR", default_value_t = 0)]
    event: u32,
    /// Do not write out what is pending before the status
    #[arg(long)]
    noflush: bool,
}

impl Run for Wait {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let id = device(session, &self.device)?;
        let dm = session.dm()?;
        let flush = if self.noflush {
            FlushMode::NoFlush
        } else {
            FlushMode::Flush
        };
        let (info, lines) = dm
            .wait(id.clone(), self.event, flush)
            .map_err(|error| session.explain(error, &id))?;
        if session.verbose() {
            answer.text = session.described(&info);
        }
        answer.field("device", json::info(&info));
        answer.field("status", json::status(&info, &lines)["lines"].clone());
        Ok(())
    }
}
