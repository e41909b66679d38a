//! How the command line says which device is meant.

use clap::Args;
use dm_core::command::DeviceInfo;
use dm_core::devid::{DevId, DevNo};
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::{DmName, DmUuid};
use serde_json::Value;

use crate::backend::Driver;
use crate::failure::Failure;
use crate::output::human::Naming;
use crate::output::{Answer, human, json};

use super::session::Session;

/// The devices that a verb is for.
#[derive(Debug, Args)]
pub(super) struct Devices {
    /// Names of devices, or paths /dev/mapper/NAME
    #[arg(value_name = "DEV")]
    devices: Vec<String>,
    #[command(flatten)]
    key: Key,
}

/// A device said by its uuid or its number.
#[derive(Debug, Args)]
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

impl Devices {
    /// The devices that were said; empty if none was.
    pub(super) fn said(&self) -> Result<Vec<DevId>, Failure> {
        let Key { uuid, major, minor } = &self.key;
        if let Some(uuid) = uuid {
            return Ok(vec![uuid.clone().into()]);
        }
        if let (Some(major), Some(minor)) = (*major, *minor) {
            return Ok(vec![DevNo { major, minor }.into()]);
        }
        self.devices
            .iter()
            .map(|text| device(text).map(DevId::from))
            .collect()
    }

    /// The devices that were said, of which there must be one.
    pub(super) fn some(&self) -> Result<Vec<DevId>, Failure> {
        let said = self.said()?;
        match said.is_empty() {
            true => Err(Failure::usage("no device is named")),
            false => Ok(said),
        }
    }

    /// The devices that were said, or else all.
    fn said_or_all(&self, session: &Session) -> Result<Chosen, Failure> {
        let said = self.said()?;
        if !said.is_empty() {
            return Ok(Chosen::Said(said));
        }
        let all = session.dm()?.list()?;
        Ok(Chosen::All(
            all.into_iter().map(|entry| entry.name.into()).collect(),
        ))
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

/// Reads a device's name, which may be said as its node's path.
pub(super) fn device(text: &str) -> Result<DmName, Failure> {
    let name = text.strip_prefix("/dev/mapper/").unwrap_or(text);
    DmName::new(name).map_err(|error| Failure::usage(format!("{text:?}: {error}")))
}

/// Does something to each device, to the end even if it fails for some.
pub(super) fn each(
    session: &Session,
    devices: Vec<DevId>,
    mut act: impl FnMut(DevId) -> Result<(), DmError>,
) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for device in devices {
        if let Err(error) = act(device.clone()) {
            failures.push(session.explain(error, &device));
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
        change: impl Fn(&Driver, DevId) -> Result<DeviceInfo, DmError>,
    ) -> Result<(), Failure> {
        let devices = devices.some()?;
        let dm = self.dm()?;
        let mut infos = Vec::new();
        let done = each(self, devices, |device| {
            infos.push(change(dm, device)?);
            Ok(())
        });
        if self.verbose() {
            answer.text.extend(infos.iter().map(human::info));
        }
        answer.field("devices", infos.iter().map(json::info).collect::<Value>());
        done
    }

    /// Shows each device that was said, or all. `show` adds to the text and gives the JSON, which is
    /// null for a device that is not to be seen.
    pub(super) fn show_each(
        &self,
        answer: &mut Answer,
        devices: &Devices,
        mut show: impl FnMut(&mut String, DevId, Naming) -> Result<Value, DmError>,
    ) -> Result<(), Failure> {
        let (devices, naming, gone) = match devices.said_or_all(self)? {
            Chosen::Said(said) if said.len() == 1 => (said, Naming::Unnamed, Gone::Missed),
            Chosen::Said(said) => (said, Naming::Named, Gone::Missed),
            // dmsetup names them even if there is one.
            Chosen::All(all) => (all, Naming::Named, Gone::Ignored),
        };
        if devices.is_empty() {
            answer.text = human::NO_DEVICES.into();
        }
        let mut shown = Vec::new();
        let done = each(self, devices, |device| {
            match show(&mut answer.text, device, naming) {
                Ok(value) => shown.push(value),
                Err(error) if gone == Gone::Ignored && error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            Ok(())
        });
        shown.retain(|device| !device.is_null());
        answer.field("devices", shown);
        done
    }
}
