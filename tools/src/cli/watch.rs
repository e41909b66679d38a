//! `dmctl watch`: what happens to devices, as it happens.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use clap::Args;
use dm_core::backend::Features;
use dm_core::command::DeviceEntry;
use dm_core::difference::{Difference, differences};
use dm_core::error::DmError;
use dm_core::events::Events;
use serde_json::{Value, json};

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
            .map(|seconds| std::time::Instant::now() + Duration::from_secs(seconds));
        let is_over = || end.is_some_and(|end| std::time::Instant::now() >= end);
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
            while !is_over() {
                if let Some(difference) = events.wait(PAUSE)?
                    && show(&difference)?
                {
                    break;
                }
            }
            return Ok(());
        }
        let mut known: Vec<DeviceEntry> = listed(session)?;
        while !is_over() {
            let now = listed(session)?;
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
fn listed(session: &Session) -> Result<Vec<DeviceEntry>, DmError> {
    let Ok(dm) = session.dm() else {
        return Ok(Vec::new());
    };
    let mut all: BTreeMap<_, _> = dm.list()?.into_iter().map(|it| (it.number, it)).collect();
    for entry in all.values_mut().filter(|entry| entry.event.is_none()) {
        let info = dm.info(entry.name.clone(), dm_core::command::Slot::Active);
        if let Ok(info) = info {
            entry.event = Some(info.event);
            entry.uuid = info.uuid;
        }
    }
    Ok(all.into_values().collect())
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
