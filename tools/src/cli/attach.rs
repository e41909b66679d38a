//! `dmctl attach`.

use clap::Args;
use dm_core::command::Slot;
use dm_core::error::ErrorKind;
use dm_core::names::DmName;
use serde_json::Value;

use crate::backend::{Place, Sockets};
use crate::daemon::order::{AttachedAs, Order};
use crate::failure::Failure;
use crate::output::escape::printable;
use crate::output::{Answer, json, talk};

use super::commands::Run;
use super::devices::Devices;
use super::session::Session;

/// Devices that are to be block devices.
#[derive(Debug, Args)]
pub(super) struct Attach {
    #[command(flatten)]
    devices: Devices,
}

impl Run for Attach {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let mut attached = Vec::new();
        let done = order_each(session, &self.devices, Order::Attach, |_, is| {
            answer.text += &format!("{}\n", printable(&is.path));
            attached.push(json::attached(&is));
        });
        answer.field("attached", attached.into_iter().collect::<Value>());
        done
    }
}

/// Gives the daemon an order about each device, to the end even if it refuses one.
pub(super) fn order_each(
    session: &Session,
    devices: &Devices,
    order: impl Fn(DmName) -> Order,
    mut done: impl FnMut(&DmName, AttachedAs),
) -> Result<(), Failure> {
    let verb = session.said();
    let devices = devices.some(session)?;
    let mut failures = Vec::new();
    for device in devices {
        let info = session.dm()?.info(device.clone(), Slot::Active);
        let given = info
            .map_err(|error| session.explain(error, &device))
            .and_then(|info| {
                let Sockets { control, .. } = daemon(session, &info.name)?;
                if session.is_dry() {
                    talk(&format!("would {verb} {}", info.name));
                    return Ok(());
                }
                done(&info.name, order(info.name.clone()).give(control)?);
                Ok(())
            });
        if let Err(failure) = given {
            failures.push(failure.about(verb, Some(device.to_string())));
        }
    }
    Failure::all(failures)
}

/// The daemon that has the devices.
fn daemon<'a>(session: &'a Session, name: &DmName) -> Result<&'a Sockets, Failure> {
    match session.place()? {
        Place::Daemon(Some(sockets)) => Ok(sockets),
        Place::Daemon(None) => {
            let reason = "this driver's devices can not be attached";
            Err(Failure::because(ErrorKind::Unsupported, reason))
        }
        Place::Kernel => {
            let reason = "a kernel's devices are block devices already";
            let failure = Failure::because(ErrorKind::Unsupported, reason);
            Err(failure.hint(format!("/dev/mapper/{name} is this one")))
        }
    }
}
