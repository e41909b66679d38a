//! `dmctl stats group` and `ungroup`.

use clap::Args;
use dm_core::command::DeviceInfo;
use dm_core::error::ErrorKind;
use dm_core::typed::stats::Message;
use serde_json::json;

use crate::failure::Failure;
use crate::output::Answer;
use crate::stats::{Group as Together, Members, Region, Set, tell};

use super::super::session::Session;
use super::{Changed, region_number};

/// Regions that are to be looked at together.
#[derive(Debug, Args)]
pub(super) struct Group {
    #[command(flatten)]
    devices: Changed,
    /// The regions: 0,2-4
    #[arg(long)]
    regions: String,
    /// The group's name
    #[arg(long)]
    alias: Option<String>,
}

/// A group that is to be none any more.
#[derive(Debug, Args)]
pub(super) struct Ungroup {
    #[command(flatten)]
    devices: Changed,
    /// The group
    #[arg(long)]
    groupid: u64,
}

impl Group {
    pub(super) fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        self.devices.each(session, answer, "grouped", |text, info| {
            let set = Set::list(dm, info, None)?;
            let id = make(session, info, &set, &self.regions, self.alias.as_deref())?;
            let (regions, name) = (&self.regions, &info.name);
            text.push_str(&format!(
                "Grouped regions {regions} as group ID {id} on {name}\n"
            ));
            Ok(json!({ "name": name.as_str(), "group": id }))
        })
    }
}

impl Ungroup {
    pub(super) fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        self.devices
            .each(session, answer, "ungrouped", |text, info| {
                let set = Set::list(dm, info, None)?;
                set.group(self.groupid)
                    .ok_or_else(|| missing(self.groupid))?;
                let first = set
                    .region(self.groupid)
                    .ok_or_else(|| missing(self.groupid))?;
                say(session, info, first, None)?;
                let (id, name) = (self.groupid, &info.name);
                text.push_str(&format!("Removed group ID {id} on {name}\n"));
                Ok(json!(name.as_str()))
            })
    }
}

/// There is no such group.
pub(super) fn missing(id: u64) -> Failure {
    Failure::because(ErrorKind::NotFound, format!("there is no group {id}"))
}

/// Makes a group of regions, and gives its number.
pub(super) fn make(
    session: &Session,
    info: &DeviceInfo,
    set: &Set,
    regions: &str,
    alias: Option<&str>,
) -> Result<u64, Failure> {
    let members: Members = regions.parse().map_err(Failure::usage)?;
    if alias.is_some_and(|alias| alias.contains(['"', ':', '#', '\n'])) {
        return Err(Failure::usage("an alias has no quotes, colons or #"));
    }
    for id in &members.0 {
        if set.region(*id).is_none() {
            let reason = format!("there is no region {id}");
            return Err(Failure::because(ErrorKind::NotFound, reason));
        }
        if let Some(group) = set.group_of(*id) {
            let reason = format!("region {id} is in group {} already", group.id());
            return Err(Failure::because(ErrorKind::Exists, reason));
        }
    }
    let group = Together {
        members,
        alias: alias.map(str::to_owned),
    };
    let id = group.id();
    if let Some(first) = set.region(id) {
        say(session, info, first, Some(&group))?;
    }
    Ok(id)
}

/// Takes a region out of its group, before it goes.
pub(super) fn leave(
    session: &Session,
    info: &DeviceInfo,
    set: &Set,
    region: u64,
) -> Result<(), Failure> {
    let Some(group) = set.group_of(region) else {
        return Ok(());
    };
    let first = group.id();
    let mut rest = (**group).clone();
    rest.members.0.remove(&region);
    // A group is named by its first region: without it there is no group.
    if first == region || rest.members.0.is_empty() {
        return Ok(());
    }
    match set.region(first) {
        Some(leader) => say(session, info, leader, Some(&rest)),
        None => Ok(()),
    }
}

/// Writes what a region says of itself: its group, and what the user says.
pub(super) fn say(
    session: &Session,
    info: &DeviceInfo,
    region: &Region,
    group: Option<&Together>,
) -> Result<(), Failure> {
    let aux = match (group, region.user_data.as_str()) {
        (Some(group), user_data) => group.tag(user_data),
        (None, "") => "-".to_owned(),
        (None, user_data) => user_data.to_owned(),
    };
    let region = region_number(region.id)?;
    tell(session.dm()?, info, &Message::SetAux { region, aux })?;
    Ok(())
}
