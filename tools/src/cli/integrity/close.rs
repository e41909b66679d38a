//! `dmctl integrity close`.

use clap::Args;

use crate::cli::offline::activate;
use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::devices::name;
use super::super::remove::How;
use super::super::session::Session;

/// A device to be taken away.
#[derive(Debug, Args)]
pub(super) struct Close {
    /// The device's name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    how: How,
}

impl Run for Close {
    fn run(self, session: &Session, _: &mut Answer) -> Result<(), Failure> {
        activate::close(session, name(&self.name)?, "integrity", &self.how)
            .map_err(|failure| failure.about("integrity close", None))
    }
}
