//! `dmctl luks add-key`.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::session::Session;
use super::disk::{Access, Volume};
use super::kdf::KdfChoice;
use super::passphrase::{Ask, Source};
use super::{failed, random};

/// A passphrase to be added.
#[derive(Debug, Args)]
pub(super) struct AddKey {
    #[command(flatten)]
    volume: Volume,
    #[command(flatten)]
    source: Source,
    /// A file whose bytes are the new passphrase; else a terminal is asked, or stdin read
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,
    /// The slot that it gets; else the first one that is free
    #[arg(long, value_name = "NUMBER")]
    new_key_slot: Option<u32>,
    #[command(flatten)]
    kdf: KdfChoice,
}

impl Run for AddKey {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let (mut disk, mut luks) = self.volume.read(Access::Write.of(session))?;
        let passphrase = self.source.read("A passphrase that opens", Ask::Once)?;
        let unlocked = luks.unlock(&mut disk, &passphrase, super::Slots::All);
        let unlocked = unlocked.map_err(|error| self.volume.failed(error))?;
        let new = Source::of_file(self.new_key_file.clone());
        let new = new.read("New passphrase", Ask::Twice)?;
        let kdf = self.kdf.kdf(luks.version()).map_err(failed)?;
        let slot = self.new_key_slot;
        let slot = luks.add_key(&mut disk, &unlocked.key, &new, slot, &kdf, &mut random);
        let slot = slot.map_err(|error| self.volume.failed(error))?;
        disk.finish()?;
        if session.is_dry() {
            return Ok(());
        }
        session.note(|| format!("key slot {slot} opens the volume, too"));
        answer.field("slot", slot);
        Ok(())
    }
}
