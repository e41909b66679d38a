//! `dmctl verity`: what verity devices are made of, without any driver.

mod codes;
mod dump;
mod format;
mod layout;
mod open;
mod repair;
mod scan;
mod signature;
mod verify;
mod volume;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::offline::activate::Close;
use super::session::Session;

/// What is to be done with a verity device's data, tree and codes.
#[derive(Debug, Args)]
pub(super) struct Verity {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a tree of hashes over data, with a superblock and maybe codes that repair
    Format(format::Format),
    /// Check all data and the whole tree
    Verify(verify::Verify),
    /// Show a superblock
    Dump(dump::Dump),
    /// Repair wrong blocks by their codes, in place
    Repair(repair::Repair),
    /// Make a read-only device of data and tree
    Open(open::Open),
    /// Remove a device that was opened
    Close(Close),
}

impl Run for Verity {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        match self.action {
            Action::Format(format) => format.run(session, answer),
            Action::Verify(verify) => verify.run(session, answer),
            Action::Dump(dump) => dump.run(session, answer),
            Action::Repair(repair) => repair.run(session, answer),
            Action::Open(open) => open.run(session, answer),
            Action::Close(close) => close.run(session, "verity"),
        }
    }
}
