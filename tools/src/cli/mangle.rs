//! `dmctl mangle`.

use clap::Args;
use dm_core::command::{DeviceInfo, Slot};
use dm_core::error::{DmError, ErrorKind};
use dm_core::names::DmName;
use dm_linux::mangle::Mode;
use serde_json::json;

use crate::failure::Failure;
use crate::output::Answer;
use crate::output::escape::printable;

use super::commands::Run;
use super::devices::Devices;
use super::session::Session;

/// Devices whose names are to be written for Linux as --manglename says.
#[derive(Debug, Args)]
pub(super) struct Mangle {
    #[command(flatten)]
    devices: Devices,
}

impl Run for Mangle {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let wanted = session.mangling().unwrap_or_default();
        // Names are looked at as the driver has them.
        let dm = session.dm()?;
        Mode::None.set();
        session.show_each(answer, &self.devices, |text, device, _| {
            let info = dm.info(device, Slot::Active)?;
            let (name, uuid) = (info.name.as_str(), uuid_of(&info));
            let right = written(name, wanted)?;
            let shown = printable(name);
            if written(uuid, wanted)? != uuid {
                let reason = format!("its uuid {uuid:?} is not written so, and can not be changed");
                let failure = Failure::because(ErrorKind::Exists, reason);
                return Err(failure.hint("make the device anew"));
            }
            if right == name {
                let (uuid, and) = match uuid {
                    "" => ("[no UUID]", ""),
                    uuid => (uuid, "and UUID "),
                };
                text.push_str(&format!(
                    "{shown}: {uuid}: name {and}already in correct form\n"
                ));
            } else {
                text.push_str(&format!("{shown}: renaming to {}\n", printable(&right)));
                let other =
                    DmName::new(&right).map_err(|error| Failure::usage(error.to_string()))?;
                dm.rename(info.name.clone(), other)?;
            }
            Ok(json!({ "name": name, "written": right }))
        })
    }
}

fn uuid_of(info: &DeviceInfo) -> &str {
    info.uuid.as_ref().map_or("", |uuid| uuid.as_str())
}

/// A name as that mode writes it.
fn written(name: &str, mode: Mode) -> Result<String, Failure> {
    Ok(mode.renew(name).map_err(DmError::from)?.into_owned())
}
