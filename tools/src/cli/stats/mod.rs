//! `dmctl stats`, which is dmstats.

mod change;
mod create;
mod filemap;
mod group;
mod report;

use clap::{Args, Subcommand};
use dm_core::command::{DeviceInfo, Slot};
use serde_json::Value;

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::devices::{Devices, each};
use super::session::Session;

/// What is to be done with counters of requests.
#[derive(Debug, Args)]
pub(super) struct Stats {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Count requests in a region of devices
    Create(create::Create),
    /// List regions
    List(report::List),
    /// Show counters and rates
    Report(report::Report),
    /// Print counters as the driver has them
    Print(change::Print),
    /// Set counters to zero
    Clear(change::Clear),
    /// Remove regions
    Delete(change::Delete),
    /// Make a group of regions, which are reported together
    Group(group::Group),
    /// Take a group apart; its regions stay
    Ungroup(group::Ungroup),
    /// Make a file's regions fit its extents again
    #[command(name = "update_filemap")]
    UpdateFilemap(filemap::UpdateFilemap),
}

impl Run for Stats {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        match self.action {
            Action::Create(create) => create.run(session, answer),
            Action::List(list) => list.run(session, answer),
            Action::Report(report) => report.run(session, answer),
            Action::Print(print) => print.run(session, answer),
            Action::Clear(clear) => clear.run(session, answer),
            Action::Delete(delete) => delete.run(session, answer),
            Action::Group(group) => group.run(session, answer),
            Action::Ungroup(ungroup) => ungroup.run(session, answer),
            Action::UpdateFilemap(update) => update.run(session, answer),
        }
    }
}

/// The devices of a verb that changes something.
#[derive(Clone, Debug, Args)]
struct Changed {
    #[command(flatten)]
    devices: Devices,
    /// All devices
    #[arg(long)]
    alldevices: bool,
}

impl Changed {
    /// What was said in the place of devices.
    fn words(&self) -> &[String] {
        self.devices.words()
    }

    /// Does something to each device that was said, or to all if that was said. `act` adds to the
    /// text and says what it did, which `key` of the document gets; also if it fails for some.
    fn each(
        &self,
        session: &Session,
        answer: &mut Answer,
        key: &str,
        mut act: impl FnMut(&mut String, &DeviceInfo) -> Result<Value, Failure>,
    ) -> Result<(), Failure> {
        let dm = session.dm()?;
        let devices = match self.alldevices {
            true => dm
                .list()?
                .into_iter()
                .map(|entry| entry.name.into())
                .collect(),
            false => self
                .devices
                .some(session)
                .map_err(|failure| match failure.is_usage() {
                    true => failure.hint("--alldevices means all"),
                    false => failure,
                })?,
        };
        let mut done = Vec::new();
        let ended = each(session, devices, |device| {
            let info = dm.info(device, Slot::Active)?;
            done.push(act(&mut answer.text, &info).map_err(|failure| failure.of(&info.name))?);
            Ok(())
        });
        answer.field(key, done);
        ended
    }
}

/// A region's number as messages have it.
fn region_number(region: u64) -> Result<u32, Failure> {
    let wrong = |_| Failure::usage(format!("there is no region {region}"));
    u32::try_from(region).map_err(wrong)
}
