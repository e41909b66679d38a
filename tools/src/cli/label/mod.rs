//! `dmctl label`: the NetBSD disklabels of disks.

mod check;
mod create;
mod json;
mod plan;
mod show;

use std::path::Path;

use clap::{Args, Subcommand};
use dm_core::disklabel::{HostReader, Survey};
use dm_core::errno::Errno;
use dm_core::error::{DmError, ErrorKind};

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::session::Session;

/// What is to be done with disklabels.
#[derive(Debug, Args)]
pub(super) struct Label {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show a disk's labels, and its MBR
    Show(show::Show),
    /// Say everything that is wrong with a disk's labels and MBR
    Check(check::Check),
    /// Write a label to a disk
    Create(create::Create),
    /// Print table lines over disks that leave their labels alone
    Plan(plan::Plan),
}

impl Run for Label {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        match self.action {
            Action::Show(show) => show.run(session, answer),
            Action::Check(check) => check.run(session, answer),
            Action::Create(create) => create.run(session, answer),
            Action::Plan(plan) => plan.run(session, answer),
        }
    }
}

/// Opens a disk and looks at its first sectors.
fn survey(disk: &Path) -> Result<Survey, Failure> {
    let mut reader = HostReader::open(disk).map_err(|error| Failure::io("open", disk, &error))?;
    Survey::of(&mut reader).map_err(|errno| unreadable(disk, errno))
}

fn unreadable(disk: &Path, errno: Errno) -> Failure {
    let reason = format!("cannot read {}: {errno}", disk.display());
    DmError::because(ErrorKind::Io, reason)
        .with_errno(errno)
        .into()
}

/// There is no label on a disk.
fn none(disk: &Path) -> Failure {
    let reason = format!("{} has no disklabel", disk.display());
    Failure::because(ErrorKind::NotFound, reason)
}
