//! `dmctl targets`.

use clap::Args;

use crate::failure::Failure;
use crate::output::{Answer, human, json};

use super::commands::Run;
use super::session::Session;

/// The kinds of targets are to be listed.
#[derive(Debug, Default, Args)]
pub(super) struct Targets {}

impl Run for Targets {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let targets = session.dm()?.targets()?;
        answer.text = human::targets(&targets);
        answer.field("targets", json::targets(&targets));
        Ok(())
    }
}
