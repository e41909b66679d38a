//! `dmctl version`.

use clap::Args;

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::session::Session;

/// The versions are to be shown.
#[derive(Debug, Default, Args)]
pub(super) struct Version {}

impl Run for Version {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let library = env!("CARGO_PKG_VERSION");
        // Known even if no driver answers, as with dmsetup.
        answer.text = format!("Library version:   {library}\n");
        answer.field("library", library);
        let dm = session.dm()?;
        let driver = dm.version()?.to_string();
        answer
            .text
            .push_str(&format!("Driver version:    {driver}\n"));
        answer.field("driver", driver);
        answer.field("backend", dm.capabilities().driver);
        Ok(())
    }
}
