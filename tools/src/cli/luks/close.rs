//! `dmctl luks close`.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use clap::Args;
use dm_core::command::Slot;
use dm_core::devid::DevId;
use dm_core::error::ErrorKind;

use crate::failure::Failure;
use crate::output::Answer;

use super::super::commands::Run;
use super::super::devices::name;
use super::super::remove::How;
use super::super::session::Session;
use super::below::name_below;

/// How often, and after which pauses, the device under a volume is tried.
const TRIES: u32 = 25;
const PAUSE: Duration = Duration::from_millis(20);

/// A mapped volume to be taken away.
#[derive(Debug, Args)]
pub(super) struct Close {
    /// The mapped device's name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    how: How,
}

impl Run for Close {
    fn run(self, session: &Session, _: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        let name = name(&self.name)?;
        let id = DevId::from(name.clone());
        let explain = |error| session.explain(error, &id);
        let info = dm.info(id.clone(), Slot::Active).map_err(explain)?;
        let uuid = info.uuid.as_ref().map(|uuid| uuid.as_str());
        if !uuid.is_some_and(|uuid| uuid.starts_with("CRYPT-LUKS")) {
            let reason = format!("{name} is no LUKS volume");
            let failure = Failure::because(ErrorKind::Invalid, reason);
            return Err(failure.hint(format!("dmctl remove {name} takes any device away")));
        }
        let below = name_below(&name)?;
        let below = match dm.info(below.clone(), Slot::Active) {
            Ok(info) => info
                .uuid
                .filter(|uuid| is_below(uuid.as_str()))
                .map(|_| below),
            Err(_) => None,
        };
        dm.remove(id.clone(), self.how.mode()).map_err(explain)?;
        if let Some(below) = below {
            // Who ended the last request may hold the volume's table for a moment longer.
            dm.remove_retrying(below, self.how.mode(), |tries| {
                thread::sleep(PAUSE);
                match tries < TRIES {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            })?;
        }
        Ok(())
    }
}

/// Whether a device was made to be under a volume: cryptsetup has had two names for that.
fn is_below(uuid: &str) -> bool {
    ["CRYPT-INTEGRITY-", "CRYPT-SUBDEV-"]
        .iter()
        .any(|kind| uuid.starts_with(kind))
}
