//! `dmctl watch`: what happens to devices, as it happens.

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use dm_core::backend::Features;
use dm_core::command::{DeviceEntry, Slot};
use dm_core::difference::{Difference, differences};
use dm_core::error::DmError;
use dm_core::events::Events;
use serde_json::{Value, json};

use crate::backend::Driver;
use crate::failure::Failure;
use crate::output::escape::printable;
use crate::output::{Answer, Format};

use super::commands::Run;
use super::session::Session;

/// What happens to devices is to be shown, a line each, until this program is ended.
#[derive(Debug, Args)]
pub(super) struct Watch {
    /// End after so many lines
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
}

/// How often a driver without events is asked.
const PAUSE: Duration = Duration::from_millis(200);

impl Run for Watch {
    fn run(self, session: &Session, _: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        let end = self
            .seconds
            .map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let mut left = self.count;
        let mut show = |difference: &Difference| -> Result<bool, Failure> {
            let (text, fields) = told(difference);
            let line = match session.format() {
                Format::Text => text,
                Format::Json => format!("{fields}\n"),
            };
            if session.show_line(&line)?.is_break() {
                return Ok(true);
            }
            if let Some(left) = &mut left {
                *left = left.saturating_sub(1);
            }
            Ok(left == Some(0))
        };
        if dm.capabilities().features.contains(Features::EVENTS) {
            let mut events = Events::new(dm.backend())?;
            let mut next = || match end {
                Some(end) => events.wait(end.saturating_duration_since(Instant::now())),
                None => events.next().transpose(),
            };
            while let Some(difference) = next()? {
                if show(&difference)? {
                    break;
                }
            }
            return Ok(());
        }
        let mut known = listed(dm)?;
        while end.is_none_or(|end| Instant::now() < end) {
            let now = listed(dm)?;
            for difference in differences(&known, &now) {
                if show(&difference)? {
                    return Ok(());
                }
            }
            known = now;
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

/// The devices, with their event numbers also where the list does not tell them.
fn listed(dm: &Driver) -> Result<Vec<DeviceEntry>, DmError> {
    let mut all = dm.list()?;
    for entry in all.iter_mut().filter(|entry| entry.event.is_none()) {
        if let Ok(info) = dm.info(entry.name.clone(), Slot::Active) {
            entry.event = Some(info.event);
            entry.uuid = info.uuid;
        }
    }
    Ok(all)
}

/// A difference as a line of text, and as JSON.
fn told(difference: &Difference) -> (String, Value) {
    let (word, device, more) = match difference {
        Difference::Added(device) => ("added", device, None),
        Difference::Removed(device) => ("removed", device, None),
        Difference::Renamed { from, device } => ("renamed", device, Some(from.to_string())),
        Difference::Identified(device) => ("identified", device, None),
        Difference::Raised { device, .. } => ("event", device, None),
        other => {
            return (
                format!("{other:?}\n"),
                json!({ "schema": 1, "command": "watch" }),
            );
        }
    };
    let name = printable(device.name.as_str());
    let text = match (&more, difference) {
        (Some(from), _) => format!("{word} {} to {name} ({})\n", printable(from), device.number),
        (None, Difference::Raised { .. }) => {
            let event = device.event.unwrap_or_default();
            format!("{word} {name} ({}) {event}\n", device.number)
        }
        _ => format!("{word} {name} ({})\n", device.number),
    };
    let fields = json!({
        "schema": crate::output::SCHEMA,
        "command": "watch",
        "happened": word,
        "name": device.name.as_str(),
        "uuid": device.uuid.as_ref().map(|uuid| uuid.as_str()),
        "major": device.number.major,
        "minor": device.number.minor,
        "event": device.event,
        "from": more,
    });
    (text, fields)
}
