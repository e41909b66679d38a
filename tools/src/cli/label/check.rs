//! `dmctl label check`.

use std::path::PathBuf;

use clap::Args;
use dm_core::error::ErrorKind;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::session::Session;
use super::{none, survey};

/// A disk whose labels are to be checked.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The disk: an image or a node
    #[arg(value_name = "DISK")]
    disk: PathBuf,
}

impl Run for Check {
    fn run(self, _: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let survey = survey(&self.disk)?;
        let mut problems: Vec<String> = Vec::new();
        let mbr = survey.mbr.iter().flat_map(|mbr| &mbr.problems);
        problems.extend(mbr.map(ToString::to_string));
        for damaged in &survey.damaged {
            problems.push(format!(
                "disklabel in sector {}: {}",
                damaged.sector(),
                damaged.error
            ));
        }
        for found in &survey.labels {
            let all = found.problems(survey.size);
            let said = all
                .iter()
                .map(|p| format!("disklabel in sector {}: {p}", found.sector()));
            problems.extend(said);
        }
        answer
            .text
            .extend(problems.iter().map(|problem| format!("{problem}\n")));
        answer.field("labels", survey.labels.len());
        answer.field("problems", problems.iter().cloned().collect::<Value>());
        let disk = self.disk.display();
        match (problems.len(), survey.labels.is_empty()) {
            (0, true) => Err(none(&self.disk)),
            (0, false) => Ok(()),
            (count, _) => {
                let fields = if count == 1 { "field is" } else { "fields are" };
                let reason = format!("{disk}: {count} {fields} wrong");
                Err(Failure::because(ErrorKind::Invalid, reason))
            }
        }
    }
}
