//! `dmctl integrity`: integrity devices, and what they are made of.

mod check;
mod dump;
mod format;
mod open;
mod options;
mod volume;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::offline::activate::Close;
use super::session::Session;

/// What is to be done with an integrity device.
#[derive(Debug, Args)]
pub(super) struct Integrity {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a superblock, an empty journal and tags
    Format(format::Format),
    /// Compare all data with its tags
    Check(check::Check),
    /// Show a superblock
    Dump(dump::Dump),
    /// Make a device that checks its tags
    Open(open::Open),
    /// Remove a device that was opened
    Close(Close),
}

impl Run for Integrity {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        match self.action {
            Action::Format(format) => format.run(session, answer),
            Action::Check(check) => check.run(session, answer),
            Action::Dump(dump) => dump.run(session, answer),
            Action::Open(open) => open.run(session, answer),
            Action::Close(close) => close.run(session, "integrity"),
        }
    }
}
