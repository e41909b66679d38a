//! `dmctl ls`.

use clap::Args;

use crate::failure::Failure;
use crate::output::{Answer, human, json};

use super::commands::Run;
use super::session::Session;

/// The devices are to be listed.
#[derive(Debug, Args)]
pub(super) struct Ls {}

impl Run for Ls {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let devices = session.dm()?.list()?;
        answer.text = human::list(&devices);
        answer.field("devices", json::list(&devices));
        Ok(())
    }
}
