//! `dmctl luks test-passphrase`.

use clap::Args;

use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::session::Session;
use super::SlotChoice;
use super::disk::{Access, Volume};
use super::passphrase::{Ask, Source};

/// A passphrase to be tried.
#[derive(Debug, Args)]
pub(super) struct TestPassphrase {
    #[command(flatten)]
    volume: Volume,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    slot: SlotChoice,
}

impl Run for TestPassphrase {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let (mut disk, luks) = self.volume.read(Access::Read)?;
        let passphrase = self.source.read("Passphrase", Ask::Once)?;
        let unlocked = luks.unlock(&mut disk, &passphrase, self.slot.slots());
        let unlocked = unlocked.map_err(|error| self.volume.failed(error))?;
        session.note(|| format!("key slot {} opens", unlocked.slot));
        answer.field("slot", unlocked.slot);
        Ok(())
    }
}
