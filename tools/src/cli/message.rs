//! `dmctl message`.

use clap::Args;
use dm_core::units::Sector;

use crate::failure::Failure;
use crate::output::Answer;
use crate::output::escape::printable;

use super::commands::Run;
use super::devices::device;
use super::session::Session;

/// Words for the target that maps a sector.
#[derive(Debug, Args)]
pub(super) struct Message {
    /// The device
    #[arg(value_name = "DEV")]
    device: String,
    /// A sector that the target maps
    #[arg(value_name = "SECTOR")]
    sector: u64,
    /// What to tell it
    #[arg(
        value_name = "WORD",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<String>,
}

impl Run for Message {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let id = device(session, &self.device)?;
        let said = session
            .dm()?
            .message(id.clone(), Sector(self.sector), self.words.join(" "))
            .map_err(|error| session.explain(error, &id))?;
        if let Some(said) = &said {
            answer.text = said
                .lines()
                .map(|line| format!("{}\n", printable(line)))
                .collect();
        }
        answer.field("answer", said);
        Ok(())
    }
}
