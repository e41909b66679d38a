//! `dmctl wipe_table`.

use clap::Args;
use dm_core::command::{Load, LockFs, Slot, SuspendOptions};
use dm_core::names::TargetName;
use dm_core::table::TableLine;
use dm_core::target::FlushMode;
use dm_core::units::{Sector, SectorCount};

use crate::failure::Failure;
use crate::output::Answer;

use super::commands::Run;
use super::devices::Devices;
use super::session::Session;
use super::suspend::How;

/// Devices whose tables are to be replaced by one line that fails all io.
#[derive(Debug, Args)]
pub(super) struct WipeTable {
    #[command(flatten)]
    devices: Devices,
    #[command(flatten)]
    how: How,
    /// Neither write out what is pending nor freeze a filesystem
    #[arg(short, long)]
    force: bool,
    /// Refuse writes
    #[arg(short, long)]
    readonly: bool,
}

impl Run for WipeTable {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let options = match self.force {
            true => SuspendOptions::new(FlushMode::NoFlush, LockFs::Skip),
            false => self.how.options(),
        };
        let error = TargetName::new("error").map_err(|error| Failure::usage(error.to_string()))?;
        session.change_each(answer, &self.devices, |dm, device| {
            let (_, lines) = dm.table(device.clone(), Slot::Active)?;
            let length = lines.iter().map(|line| line.length.0).sum();
            let line = TableLine {
                start: Sector(0),
                length: SectorCount(length),
                target: error.clone(),
                params: String::new(),
            };
            let load = Load::new(device.clone(), vec![line]).open();
            let load = if self.readonly {
                load.read_only()
            } else {
                load
            };
            dm.load(load)?;
            let resumed = dm.resume(device.clone(), options).inspect_err(|_| {
                // Nobody should resume it by mistake; what is wrong is said anyway.
                let _ = dm.clear(device.clone());
            });
            Ok(resumed?)
        })
    }
}
