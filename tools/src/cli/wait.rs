//! `dmctl wait`.

use clap::Args;
use dm_core::target::FlushMode;

use crate::failure::Failure;
use crate::output::{Answer, json};

use super::commands::Run;
use super::devices::One;
use super::session::Session;

/// A device whose next event is waited for.
#[derive(Debug, Args)]
pub(super) struct Wait {
    #[command(flatten)]
    device: One,
    /// The event number that is known: if the device has another one, there is no wait
    #[arg(value_name = "EVENT_NR")]
    event: Option<String>,
    /// Do not write out what is pending before the status
    #[arg(long)]
    noflush: bool,
}

impl Run for Wait {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let (id, words) = self.device.read(session, self.event)?;
        let event = match words.as_slice() {
            [] => 0,
            [event] => event
                .parse()
                .map_err(|_| Failure::usage(format!("{event:?} is no event number")))?,
            _ => {
                return Err(Failure::usage(
                    "give a device, and at most one event number",
                ));
            }
        };
        let dm = session.dm()?;
        let flush = if self.noflush {
            FlushMode::NoFlush
        } else {
            FlushMode::Flush
        };
        let (info, lines) = dm
            .wait(id.clone(), event, flush)
            .map_err(|error| session.explain(error, &id))?;
        if session.verbose() {
            answer.text = session.described(&info);
        }
        answer.field("device", json::info(&info));
        answer.field("status", json::status(&info, &lines)["lines"].clone());
        Ok(())
    }
}
