//! `dmctl message`.

use clap::Args;
use dm_core::units::Sector;

use crate::failure::Failure;
use crate::output::Answer;
use crate::output::escape::printable;

use super::commands::Run;
use super::devices::One;
use super::explain::messages_of_all;
use super::session::Session;

/// Words for the target that maps a sector.
#[derive(Debug, Args)]
#[command(after_long_help = messages_of_all())]
pub(super) struct Message {
    #[command(flatten)]
    device: One,
    /// A sector that the target maps, such as 0, and the message
    #[arg(
        value_names = ["SECTOR", "WORD"],
        num_args = 0..,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<String>,
}

impl Run for Message {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let (id, words) = self.device.read(session, self.words)?;
        let [sector, words @ ..] = words.as_slice() else {
            return Err(Failure::usage("give a device, a sector and the message"));
        };
        let wrong = |_| Failure::usage(format!("{sector:?} is no sector"));
        let sector = Sector(sector.parse().map_err(wrong)?);
        if words.is_empty() {
            return Err(Failure::usage("give the message behind the sector"));
        }
        let said = session
            .dm()?
            .message(id.clone(), sector, words.join(" "))
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
