//! Regions of a file's extents, and `dmctl stats update_filemap`.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::rc::Rc;

use clap::Args;
use dm_core::command::{DeviceInfo, Slot};
use dm_core::devid::DevNo;
use dm_core::error::{DmError, ErrorKind};
use dm_core::typed::stats::{Message, Range, Step};
use rustix::fs::{major, minor};
use serde_json::json;

use crate::backend::Place;
use crate::failure::Failure;
use crate::output::{Answer, talk};
use crate::stats::{Group, Members, PROGRAM, Region, Set, tell};

use super::super::session::Session;
use super::create::NewRegion;
use super::{group, region_number};

/// A file on a mapped device.
pub(super) struct Mapped {
    /// Its name without its folder.
    pub(super) name: String,
    /// The device.
    pub(super) info: DeviceInfo,
    /// The device's sectors that the file's bytes are in.
    pub(super) extents: Vec<Range>,
}

/// A file that has changed, whose regions are to be those of its extents again.
#[derive(Debug, Args)]
pub(super) struct UpdateFilemap {
    /// The file
    #[arg(value_name = "FILE")]
    file: String,
    /// The group of its regions
    #[arg(long)]
    groupid: u64,
    /// The program whose regions are meant
    #[arg(long)]
    programid: Option<String>,
    /// Do not say that the file is not followed
    #[arg(long)]
    nomonitor: bool,
}

impl Mapped {
    /// Looks where a file is.
    pub(super) fn of(session: &Session, path: &str) -> Result<Mapped, Failure> {
        let refused = |reason: String| Failure::because(ErrorKind::Invalid, reason);
        if *session.place()? != Place::Kernel {
            let reason = "no file system of this machine is on the engine's devices";
            let failure = Failure::because(ErrorKind::Unsupported, reason);
            return Err(failure.hint("--start and --length count in any sectors"));
        }
        let failed = |error| Failure::io("read", Path::new(path), &error);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(refused(format!("{path:?} is no regular file")));
        }
        let number = DevNo {
            major: major(metadata.dev()),
            minor: minor(metadata.dev()),
        };
        let info = session.dm()?.info(number, Slot::Active);
        let info = info.map_err(|error| match error.kind {
            ErrorKind::NotFound => refused(format!("{path:?} is not on a mapped device")),
            _ => error.into(),
        })?;
        let extents = dm_linux::extents::of(&file).map_err(|errno| {
            let reason = format!("its file system does not say where {path:?} is");
            Failure::from(DmError::because(ErrorKind::Unsupported, reason).with_errno(errno))
        })?;
        if extents.is_empty() {
            return Err(refused(format!("{path:?} has no sectors of its own yet")));
        }
        let ranges = extents.iter().map(|extent| Range {
            start: extent.start().0,
            length: extent.length().0,
        });
        let name = Path::new(path).file_name().unwrap_or_default();
        Ok(Mapped {
            name: name.to_string_lossy().into_owned(),
            info,
            extents: ranges.collect(),
        })
    }
}

impl UpdateFilemap {
    pub(super) fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        let mapped = Mapped::of(session, &self.file)?;
        let info = &mapped.info;
        let program = self.programid.as_deref().unwrap_or(PROGRAM);
        let set = Set::list(dm, info, Some(program))?;
        let missing = || group::missing(self.groupid);
        let old = set.group(self.groupid).ok_or_else(missing)?;
        let leader = set.region(self.groupid).ok_or_else(missing)?;
        let members = old.members.0.iter().filter_map(|id| set.region(*id));
        let (kept, gone): (Vec<&Rc<Region>>, Vec<_>) =
            members.partition(|region| mapped.extents.contains(&region.range));
        // First, as dmsetup does: new regions then get their numbers, and the group keeps its own.
        for region in &gone {
            tell(dm, info, &Message::Delete(region_number(region.id)?))?;
        }
        let mut now: BTreeSet<u64> = kept.iter().map(|region| region.id).collect();
        let is_new = |range: &&Range| kept.iter().all(|region| region.range != **range);
        for range in mapped.extents.iter().filter(is_new) {
            let region = NewRegion {
                range: Some(*range),
                step: Step::Areas(1),
                precise: leader.precise,
                bounds: &leader.bounds,
                program,
                user_data: "",
            };
            now.extend(region.make(session, info)?);
        }
        let regions: Vec<u64> = now.iter().copied().collect();
        if let Some(first) = regions.first() {
            let together = Group {
                members: Members(now),
                alias: old.alias.clone(),
            };
            let set = Set::list(dm, info, Some(program))?;
            let first = set.region(*first).ok_or_else(missing)?;
            group::say(session, info, first, Some(&together))?;
        }
        let (file, count) = (&self.file, regions.len());
        let id = regions.first().copied().unwrap_or(self.groupid);
        if id != self.groupid {
            let before = self.groupid;
            answer.text = format!("Group ID changed from {before} to {id}\n");
        }
        answer.text += &format!("{file}: Updated group ID {id} with {count} region(s).\n");
        answer.field(
            "updated",
            json!({ "name": file, "group": id, "regions": regions }),
        );
        if !self.nomonitor {
            not_followed(file);
        }
        Ok(())
    }
}

/// Says that nobody looks after a file from here on, as dmfilemapd does.
pub(super) fn not_followed(file: &str) {
    talk(&format!(
        "{file}: changes are not followed: stats update_filemap looks again"
    ));
}
