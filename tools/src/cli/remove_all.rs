//! `dmctl remove_all`.

use clap::Args;

use crate::failure::Failure;
use crate::output::{Answer, json};

use super::commands::Run;
use super::remove::How;
use super::session::Session;

/// All devices are to be taken away.
#[derive(Debug, Args)]
pub(super) struct RemoveAll {
    #[command(flatten)]
    how: How,
}

impl Run for RemoveAll {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        dm.remove_all(self.how.mode())?;
        let left = dm.list()?;
        session.note(|| format!("{} device(s) left", left.len()));
        answer.field("left", json::list(&left));
        Ok(())
    }
}
