//! `dmctl luks`: encrypted volumes with a LUKS header.

mod add_key;
mod below;
mod close;
mod disk;
mod dump;
mod format;
mod kdf;
mod open;
mod passphrase;
mod prompt;
mod remove_key;
mod test_passphrase;

use clap::{Args, Subcommand};
use dm_core::error::{DmError, ErrorKind};
use dm_core::format::luks::{LuksError, Slots};

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::offline::text::fill_random;
use super::session::Session;

/// What is to be done with a volume or its header.
#[derive(Debug, Args)]
pub(super) struct Luks {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show a header
    Dump(dump::Dump),
    /// Map a volume's data, decrypted
    Open(open::Open),
    /// Remove the devices of an opened volume
    Close(close::Close),
    /// Write a new header: what the volume holds is lost
    Format(format::Format),
    /// Let another passphrase open a volume
    AddKey(add_key::AddKey),
    /// Wipe a key slot: its passphrase opens the volume no more
    RemoveKey(remove_key::RemoveKey),
    /// See whether a passphrase opens a volume
    TestPassphrase(test_passphrase::TestPassphrase),
}

/// The key slot that is meant.
#[derive(Debug, Args)]
struct SlotChoice {
    /// Try this key slot alone
    #[arg(short = 'S', long, value_name = "NUMBER")]
    key_slot: Option<u32>,
}

impl Run for Luks {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        match self.action {
            Action::Dump(verb) => verb.run(session, answer),
            Action::Open(verb) => verb.run(session, answer),
            Action::Close(verb) => verb.run(session, answer),
            Action::Format(verb) => verb.run(session, answer),
            Action::AddKey(verb) => verb.run(session, answer),
            Action::RemoveKey(verb) => verb.run(session, answer),
            Action::TestPassphrase(verb) => verb.run(session, answer),
        }
    }
}

impl SlotChoice {
    fn slots(&self) -> Slots {
        self.key_slot.map_or(Slots::All, Slots::Only)
    }
}

/// A header's error as a verb's.
fn failed(error: LuksError) -> Failure {
    let (kind, hint) = match &error {
        LuksError::WrongPassphrase => (ErrorKind::Permission, None),
        LuksError::NoSlot(_) => (ErrorKind::NotFound, Some("dmctl luks dump shows the slots")),
        LuksError::SlotTaken(_) => (ErrorKind::Exists, None),
        LuksError::Io(_) => (ErrorKind::Io, None),
        LuksError::Unsupported(_) => (ErrorKind::Unsupported, None),
        _ => (ErrorKind::Invalid, None),
    };
    let failure = Failure::from(match error {
        LuksError::Io(errno) => DmError::new(kind).with_errno(errno).with_source(error),
        _ => DmError::new(kind).with_source(error),
    });
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Bytes that nobody can guess.
fn random(bytes: &mut [u8]) -> Result<(), dm_core::errno::Errno> {
    fill_random(bytes).map_err(|_| dm_core::errno::Errno::EIO)
}
