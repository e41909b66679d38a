//! `dmctl quickstart`.

use clap::Args;

use crate::failure::Failure;
use crate::output::{Answer, talk};
use crate::quickstart;

use super::commands::Run;
use super::session::Session;

/// The tour is to be given.
#[derive(Debug, Args)]
pub(super) struct Quickstart {}

impl Run for Quickstart {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        if session.is_dry() {
            quickstart::told().for_each(|line| talk(&line));
            return Ok(());
        }
        quickstart::tour(session.format(), answer)
    }
}
