//! `dmctl integrity check`.

use clap::Args;
use dm_core::error::ErrorKind;
use serde_json::json;

use crate::cli::offline::image::Access;
use crate::cli::offline::progress::Progress;
use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::session::Session;
use super::options::Place;
use super::volume::{Disks, Volume};

/// An integrity device to be checked. It must not be in use.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    place: Place,
}

impl Run for Check {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.check(session, answer)
    }
}

impl Check {
    fn check(&self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let disks = Disks::open(&self.place, Access::Read)?;
        let superblock = disks.superblock()?;
        let volume = Volume::new(disks, superblock, &self.place)?;
        let entries = volume.entries()?;
        let bytes = volume.layout.provided().bytes().unwrap_or(u64::MAX);
        let progress = Progress::new("check", bytes, session.format());
        let (wrong, discarded) = volume.compare(&progress)?;
        drop(progress);
        answer.field("mismatches", json!(wrong));
        answer.field("discarded_blocks", discarded);
        answer.field("journal_entries", entries.used);
        answer.field("foreign_journal_sectors", entries.foreign);
        let Some(first) = wrong.first() else {
            session.note(|| format!("all {} sectors are right", volume.layout.provided()));
            return Ok(());
        };
        let reason = match wrong.len() {
            1 => format!("the tag of sector {first} is wrong"),
            count => format!("{count} tags are wrong, first that of sector {first}"),
        };
        let failure = Failure::because(ErrorKind::Invalid, reason);
        Err(match entries.used {
            0 => failure,
            used => failure.hint(format!(
                "the journal has {used} entries that a driver would write first"
            )),
        })
    }
}
