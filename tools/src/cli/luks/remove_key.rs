//! `dmctl luks remove-key`.

use clap::Args;
use dm_core::error::ErrorKind;

use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::session::Session;
use super::disk::{Access, Volume};
use super::passphrase::{Ask, Source};
use super::{SlotChoice, random};

/// A key slot to be taken away.
#[derive(Debug, Args)]
pub(super) struct RemoveKey {
    #[command(flatten)]
    volume: Volume,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    slot: SlotChoice,
    /// Take the slot away without its passphrase, even the last one: then nothing opens the volume
    #[arg(long, requires = "key_slot")]
    force: bool,
}

impl Run for RemoveKey {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let (mut disk, mut luks) = self.volume.read(Access::Write.of(session))?;
        let slot = match self.slot.key_slot {
            Some(slot) if self.force => slot,
            _ => {
                let passphrase = self
                    .source
                    .read("The passphrase to be removed", Ask::Once)?;
                let unlocked = luks.unlock(&mut disk, &passphrase, self.slot.slots());
                unlocked.map_err(|error| self.volume.failed(error))?.slot
            }
        };
        if luks.slots() == [slot] && !self.force {
            let reason = format!("key slot {slot} is the last one; its data would be lost");
            let failure = Failure::because(ErrorKind::Invalid, reason);
            return Err(failure.hint("--force --key-slot N takes it away all the same"));
        }
        luks.remove_key(&mut disk, slot, &mut random)
            .map_err(|error| self.volume.failed(error))?;
        disk.finish()?;
        if session.is_dry() {
            return Ok(());
        }
        session.note(|| format!("key slot {slot} is gone"));
        answer.field("slot", slot);
        Ok(())
    }
}
