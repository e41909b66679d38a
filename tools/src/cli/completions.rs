//! `dmctl completions`.

use clap::Args;
use clap_complete::Shell;
use dm_core::error::ErrorKind;

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::{Run, parser};
use super::session::Session;

/// A shell whose completion script is to be printed.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Run for Completions {
    fn run(self, _: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut parser(), "dmctl", &mut script);
        answer.text = String::from_utf8(script).map_err(|error| {
            Failure::because(ErrorKind::Io, format!("the script is not UTF-8: {error}"))
        })?;
        answer.field("script", answer.text.clone());
        Ok(())
    }
}
