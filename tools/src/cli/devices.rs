//! How the command line says which device is meant.

use std::io;
use std::path::Path;

use clap::Args;
use dm_core::command::{DeviceEntry, DeviceInfo, Slot};
use dm_core::devid::{DevId, DevNo};
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::{DmName, DmUuid};
use dm_linux::devdir;
use dm_linux::mangle::{Mode, mangle};
use rustix::fs::{self, FileType};
use serde_json::Value;

use crate::backend::{Driver, Place};
use crate::failure::Failure;
use crate::output::human::Naming;
use crate::output::{Answer, human, json};
use crate::report::{Added, Groups};

use super::columns::{ColumnArgs, Counting, Known};
use super::session::Session;

/// The devices that a verb is for.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Devices {
    /// Names of devices, or their nodes' paths
    #[arg(value_name = "DEV")]
    devices: Vec<String>,
    #[command(flatten)]
    key: Key,
    /// Only devices whose fields are so: `open>0 && name=~"^vg"`; `help` lists fields and operators
    #[arg(short = 'S', long, value_name = "SELECTION")]
    select: Option<String>,
}

/// A device said by its uuid or its number.
#[derive(Clone, Debug, Default, Args)]
struct Key {
    /// The device with this uuid
    #[arg(short, long, conflicts_with_all = ["major", "devices"])]
    uuid: Option<DmUuid>,
    /// The device with this major number
    #[arg(short = 'j', long, requires = "minor", conflicts_with = "devices")]
    major: Option<u32>,
    /// The device with this minor number
    #[arg(short, long, requires = "major")]
    minor: Option<u32>,
}

/// One device, which a verb with more words is for.
#[derive(Clone, Debug, Args)]
pub(super) struct One {
    /// The device; none if --uuid or --major and --minor say which
    #[arg(value_name = "DEV", required_unless_present_any = ["uuid", "major"])]
    device: Option<String>,
    /// The device with this uuid
    #[arg(short, long, conflicts_with = "major")]
    uuid: Option<DmUuid>,
    /// The device with this major number
    #[arg(short = 'j', long, requires = "minor")]
    major: Option<u32>,
    /// The device with this minor number
    #[arg(short, long, requires = "major")]
    minor: Option<u32>,
}

impl One {
    /// Which device is meant, and the verb's other words: `words` are those behind the first one.
    pub(super) fn read(
        self,
        session: &Session,
        words: impl IntoIterator<Item = String>,
    ) -> Result<(DevId, Vec<String>), Failure> {
        let id: DevId = match (self.uuid, self.major.zip(self.minor), &self.device) {
            (Some(uuid), ..) => uuid.into(),
            (None, Some((major, minor)), _) => DevNo { major, minor }.into(),
            (None, None, Some(text)) => {
                return Ok((device(session, text)?, words.into_iter().collect()));
            }
            (None, None, None) => return Err(Failure::usage("no device is named")),
        };
        // What stands in the place of a device is the first of the other words.
        Ok((id, self.device.into_iter().chain(words).collect()))
    }
}

impl Devices {
    /// The devices that were said; empty if none was.
    fn said(&self, session: &Session) -> Result<Vec<DevId>, Failure> {
        let Key { uuid, major, minor } = &self.key;
        if let Some(uuid) = uuid {
            return Ok(vec![uuid.clone().into()]);
        }
        if let (Some(major), Some(minor)) = (*major, *minor) {
            return Ok(vec![DevNo { major, minor }.into()]);
        }
        self.devices
            .iter()
            .map(|text| device(session, text))
            .collect()
    }

    /// The devices that were said or selected; one must have been said, or a selection.
    pub(super) fn some(&self, session: &Session) -> Result<Vec<DevId>, Failure> {
        if self.select.is_some() {
            return self.selected(session);
        }
        let said = self.said(session)?;
        match said.is_empty() {
            true => Err(Failure::usage("no device is named")),
            false => Ok(said),
        }
    }

    /// Which devices are wanted, as it was written.
    pub(super) fn selection(&self) -> Option<&str> {
        self.select.as_deref()
    }

    /// The same for whoever selects them otherwise.
    pub(super) fn unselected(&self) -> Devices {
        Devices {
            select: None,
            ..self.clone()
        }
    }

    /// Those of the devices that were said, or of all, that pass the selection.
    fn selected(&self, session: &Session) -> Result<Vec<DevId>, Failure> {
        let fields = ColumnArgs::default();
        let report = fields.report("name", Groups::empty(), self.selection())?;
        let Some(mut report) = report else {
            return Ok(Vec::new());
        };
        let dm = session.dm()?;
        let known = Known::of(session, &report)?;
        let mut selected = Vec::new();
        let (Chosen::Said(devices) | Chosen::All(devices)) =
            self.unselected().said_or_all(session)?;
        for device in devices {
            let info = dm.info(device.clone(), Slot::Active)?;
            let added = known.add(session, &mut report, &info, &Counting::default())?;
            if added == Added::Selected {
                selected.push(device);
            }
        }
        Ok(selected)
    }

    /// The words that say which devices are meant.
    pub(super) fn words(&self) -> &[String] {
        &self.devices
    }

    /// Whether any was said.
    pub(super) fn are_said(&self) -> bool {
        !self.devices.is_empty() || self.key.uuid.is_some() || self.key.major.is_some()
    }

    /// The devices that were said, or else all, and what to call them.
    pub(super) fn ids(&self, session: &Session) -> Result<Vec<(DevId, String)>, Failure> {
        let (Chosen::Said(ids) | Chosen::All(ids)) = self.said_or_all(session)?;
        Ok(ids
            .into_iter()
            .map(|id| match &id {
                DevId::Name(name) => (id.clone(), name.as_str().to_owned()),
                _ => (id.clone(), id.to_string()),
            })
            .collect())
    }

    /// The devices that were said, or else all.
    fn said_or_all(&self, session: &Session) -> Result<Chosen, Failure> {
        if self.select.is_some() {
            return self.selected(session).map(Chosen::All);
        }
        let said = self.said(session)?;
        if !said.is_empty() {
            return Ok(Chosen::Said(said));
        }
        let all = session.dm()?.list()?;
        let in_kernel = *session.place()? == Place::Kernel;
        // A name that is written for the driver otherwise than it is shown may not be written so
        // there, and would not be found.
        let id = |entry: DeviceEntry| match mangle(entry.name.as_str()) {
            Ok(name) if !in_kernel || name == entry.name.as_str() => entry.name.into(),
            _ => entry.number.into(),
        };
        Ok(Chosen::All(all.into_iter().map(id).collect()))
    }
}

/// Devices to be shown.
#[derive(Debug)]
enum Chosen {
    /// These, which must be there.
    Said(Vec<DevId>),
    /// All that there are; one that goes in the meantime is not missed.
    All(Vec<DevId>),
}

/// What becomes of a device that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// It is a failure.
    Missed,
    /// It is left out.
    Ignored,
}

/// Where the nodes are that have their devices' names, with a slash at the end.
pub(super) fn nodes() -> String {
    format!("{}/", devdir::mapper().display())
}

/// A name that is said as its node's path. The engine's devices have such paths, too, but no nodes
/// that could be elsewhere.
pub(super) fn of_node(text: &str) -> Option<&str> {
    let usual = || text.strip_prefix("/dev/mapper/");
    text.strip_prefix(&*nodes()).or_else(usual)
}

/// Reads a device's name, which may be said as its node's path.
pub(super) fn name(text: &str) -> Result<DmName, Failure> {
    let name = of_node(text).unwrap_or(text);
    DmName::new(name).map_err(|error| Failure::usage(format!("{text:?}: {error}")))
}

/// Reads which device is meant: its name, or the path of any node that a kernel's device has.
pub(super) fn device(session: &Session, text: &str) -> Result<DevId, Failure> {
    if !text.starts_with('/') || *session.place()? != Place::Kernel {
        return name(text).map(DevId::from);
    }
    let node = node(text);
    let Some(said) = of_node(text) else {
        return node.map(DevId::from);
    };
    // A node has the name that the driver has, which may be another one than this mode would write.
    let right = Mode::now().write(said).is_ok_and(|right| right == said);
    match node {
        Ok(number) if !right => {
            let fits = Mode::now().check(said).map_err(DmError::from);
            let hint = "--manglename none takes names as they are; dmctl mangle writes them anew";
            fits.map_err(|error| Failure::from(error).hint(hint))?;
            Ok(number.into())
        }
        _ => name(text).map(DevId::from),
    }
}

/// The device that a path leads to.
fn node(path: &str) -> Result<DevNo, Failure> {
    let node = fs::stat(path)
        .map_err(|error| Failure::io("find", Path::new(path), &io::Error::from(error)))?;
    if FileType::from_raw_mode(node.st_mode) != FileType::BlockDevice {
        return Err(Failure::usage(format!("{path:?} is no block device")));
    }
    let (major, minor) = (fs::major(node.st_rdev), fs::minor(node.st_rdev));
    Ok(DevNo { major, minor })
}

/// Does something to each device, to the end even if it fails for some.
pub(super) fn each(
    session: &Session,
    devices: Vec<DevId>,
    mut act: impl FnMut(DevId) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for device in devices {
        if let Err(failure) = act(device.clone()) {
            failures.push(session.explain_failure(failure, &device));
        }
    }
    Failure::all(failures)
}

impl Session {
    /// Changes each device, and answers with what they are now.
    pub(super) fn change_each(
        &self,
        answer: &mut Answer,
        devices: &Devices,
        change: impl Fn(&Driver, DevId) -> Result<DeviceInfo, Failure>,
    ) -> Result<(), Failure> {
        let devices = devices.some(self)?;
        let dm = self.dm()?;
        let mut infos = Vec::new();
        let done = each(self, devices, |device| {
            infos.push(change(dm, device)?);
            Ok(())
        });
        if self.verbose() {
            let described = infos.iter().map(|info| self.described(info));
            answer.text.extend(described);
        }
        answer.field("devices", infos.iter().map(json::info).collect::<Value>());
        done
    }

    /// Shows each device that was said, or all. `show` adds to the text and gives the JSON, which is
    /// null for a device that is not to be seen.
    pub(super) fn show_each(
        &self,
        answer: &mut Answer,
        chosen: &Devices,
        mut show: impl FnMut(&mut String, DevId, Naming) -> Result<Value, Failure>,
    ) -> Result<(), Failure> {
        let (devices, naming, gone) = match chosen.said_or_all(self)? {
            Chosen::Said(said) if said.len() == 1 => (said, Naming::Unnamed, Gone::Missed),
            Chosen::Said(said) => (said, Naming::Named, Gone::Missed),
            // dmsetup names them even if there is one.
            Chosen::All(all) => (all, Naming::Named, Gone::Ignored),
        };
        if devices.is_empty() && chosen.select.is_none() {
            answer.text = human::NO_DEVICES.into();
        }
        let mut shown = Vec::new();
        let done = each(self, devices, |device| {
            match show(&mut answer.text, device, naming) {
                Ok(value) => shown.push(value),
                Err(failure)
                    if gone == Gone::Ignored && failure.error().kind == ErrorKind::NotFound => {}
                Err(failure) => return Err(failure),
            }
            Ok(())
        });
        shown.retain(|device| !device.is_null());
        answer.field("devices", shown);
        done
    }

    /// What a verb says of a device, as dmsetup has it: where there may be several, behind its
    /// name; or below its state, if the user wants to hear more.
    pub(super) fn section(
        &self,
        text: &mut String,
        info: &DeviceInfo,
        naming: Naming,
        say: impl FnOnce(Naming) -> String,
    ) {
        if !self.verbose() {
            return text.push_str(&say(naming));
        }
        text.push_str(&self.described(info));
        text.push_str(&say(Naming::Unnamed));
        if naming == Naming::Named {
            text.push('\n');
        }
    }
}
