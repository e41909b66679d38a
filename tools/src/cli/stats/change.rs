//! `dmctl stats print`, `clear` and `delete`.

use clap::Args;
use dm_core::command::{DeviceInfo, Slot};
use dm_core::error::ErrorKind;
use dm_core::typed::stats::{self, Message};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Answer;
use crate::stats::{PROGRAM, Set, tell};

use super::super::devices::Devices;
use super::super::session::Session;
use super::{Changed, group, region_number};

/// Which regions are meant.
#[derive(Clone, Debug, Args)]
struct Which {
    /// The region with this number
    #[arg(long, conflicts_with = "allregions")]
    regionid: Option<u64>,
    /// All regions
    #[arg(long)]
    allregions: bool,
}

/// Counters to be printed.
#[derive(Debug, Args)]
pub(super) struct Print {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    which: Which,
    /// Set them to zero
    #[arg(long)]
    clear: bool,
}

/// Counters to be set to zero.
#[derive(Debug, Args)]
pub(super) struct Clear {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    which: Which,
}

/// Regions that are not to be counted in any more.
#[derive(Debug, Args)]
pub(super) struct Delete {
    #[command(flatten)]
    devices: Changed,
    #[command(flatten)]
    which: Which,
    /// The regions of the group with this number
    #[arg(long, conflicts_with_all = ["regionid", "allregions"])]
    groupid: Option<u64>,
    /// The program whose regions are meant
    #[arg(long, conflicts_with = "allprograms")]
    programid: Option<String>,
    /// The regions of every program
    #[arg(long)]
    allprograms: bool,
}

impl Which {
    fn is_said(&self) -> Result<(), Failure> {
        match self.regionid.is_some() || self.allregions {
            true => Ok(()),
            false => Err(Failure::usage(
                "which region? use --regionid or --allregions",
            )),
        }
    }

    /// The numbers of a device's regions that are meant.
    fn of(&self, set: &Set) -> Result<Vec<u64>, Failure> {
        match self.regionid {
            None => Ok(set.regions().iter().map(|region| region.id).collect()),
            Some(id) if set.region(id).is_some() => Ok(vec![id]),
            Some(id) => {
                let reason = format!("there is no region {id}");
                Err(Failure::because(ErrorKind::NotFound, reason))
            }
        }
    }
}

impl Print {
    pub(super) fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.which.is_said()?;
        let dm = session.dm()?;
        session.show_each(answer, &self.devices, |text, device, _| {
            let info = dm.info(device, Slot::Active)?;
            let set = Set::list(dm, &info, None)?;
            let mut regions = Vec::new();
            for region in self.which.of(&set)? {
                let number = region_number(region)?;
                let print = stats::Print {
                    region: number,
                    areas: None,
                };
                let message = match self.clear {
                    true => Message::PrintClear(print),
                    false => Message::Print(print),
                };
                let said = tell(dm, &info, &message)?;
                text.push_str(&said);
                let lines: Vec<&str> = said.lines().collect();
                regions.push(json!({ "region": region, "areas": lines }));
            }
            Ok(json!({ "name": info.name.as_str(), "regions": regions }))
        })
    }
}

impl Clear {
    pub(super) fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        self.which.is_said()?;
        let dm = session.dm()?;
        session.show_each(answer, &self.devices, |_, device, _| {
            let info = dm.info(device, Slot::Active)?;
            let set = Set::list(dm, &info, None)?;
            let regions = self.which.of(&set)?;
            for region in &regions {
                tell(dm, &info, &Message::Clear(region_number(*region)?))?;
            }
            Ok(json!({ "name": info.name.as_str(), "cleared": regions }))
        })
    }
}

impl Delete {
    pub(super) fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        if self.groupid.is_none() {
            let said = self.which.is_said();
            said.map_err(|failure| failure.hint("--groupid means a group's regions"))?;
        }
        self.devices.each(session, answer, "deleted", |text, info| {
            let regions = self.on(session, text, info)?;
            Ok(json!({ "name": info.name.as_str(), "deleted": regions }))
        })
    }

    fn on(
        &self,
        session: &Session,
        text: &mut String,
        info: &DeviceInfo,
    ) -> Result<Vec<u64>, Failure> {
        let dm = session.dm()?;
        // A single region may be anybody's.
        let program = match (
            self.allprograms || self.which.regionid.is_some(),
            &self.programid,
        ) {
            (true, _) => None,
            (false, Some(program)) => Some(program.as_str()),
            (false, None) => Some(PROGRAM),
        };
        let set = Set::list(dm, info, program)?;
        let regions: Vec<u64> = match self.groupid {
            Some(id) => {
                let group = set.group(id).ok_or_else(|| group::missing(id))?;
                // The first one last: it knows of the others.
                group.members.0.iter().rev().copied().collect()
            }
            None => self.which.of(&set)?,
        };
        for region in &regions {
            if self.groupid.is_none() && !self.which.allregions {
                group::leave(session, info, &set, *region)?;
            }
            tell(dm, info, &Message::Delete(region_number(*region)?))?;
        }
        if let Some(id) = self.groupid {
            text.push_str(&format!("Deleted statistics group {id}.\n"));
        }
        Ok(regions)
    }
}
