//! `dmctl target-version`.

use clap::Args;
use dm_core::names::TargetName;

use crate::failure::Failure;
use crate::output::{Answer, human, json};

use super::commands::Run;
use super::session::Session;

/// Kinds of targets whose versions are to be shown.
#[derive(Debug, Args)]
pub(super) struct TargetVersions {
    /// The targets
    #[arg(value_name = "TARGET", required = true)]
    targets: Vec<TargetName>,
}

impl Run for TargetVersions {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        let mut found = Vec::new();
        let mut failures = Vec::new();
        for target in self.targets {
            match dm.target_version(target.clone()) {
                Ok(version) => found.push(version),
                Err(error) => {
                    let failure = Failure::from(error);
                    failures.push(failure.about("target-version", Some(target.to_string())));
                }
            }
        }
        answer.text = human::targets(&found);
        answer.field("targets", json::targets(&found));
        Failure::all(failures)
    }
}
