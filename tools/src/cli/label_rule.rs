//! Tables and the disklabels of the disks that they map.

use clap::Args;
use dm_core::backend::Backend;
use dm_core::devid::DevId;
use dm_core::disklabel::{HostDisks, Policy, Port, Rule, Stacked};
use dm_core::error::DmError;
use dm_core::table::TableError;

use crate::failure::Failure;
use crate::output::talk;

use super::table_text::TableText;

/// How a table is held against disks' labels before it is loaded.
#[derive(Debug, Args)]
#[command(next_help_heading = "Disklabels")]
pub(super) struct LabelRule {
    /// The NetBSD port whose sectors are kept free; else the one that a disk's label tells, else
    /// this machine's
    #[arg(long)]
    port: Option<Port>,
    /// What becomes of a table that maps sectors kept for a disklabel: strict, warn or off; else
    /// strict on NetBSD and on disks that have one
    #[arg(long, value_name = "POLICY", env = "DM_LABEL_POLICY")]
    label_policy: Option<Policy>,
}

impl LabelRule {
    /// Checks a table for `device` of the driver `backend`, before anything is sent.
    pub(super) fn check(
        &self,
        backend: &dyn Backend,
        device: &DevId,
        table: &TableText,
    ) -> Result<(), Failure> {
        let rule = Rule::for_driver(backend.capabilities().driver)
            .policy(self.label_policy)
            .port(self.port);
        let disks = HostDisks::new();
        let warn = &mut |error: &TableError| talk(&format!("dmctl: warning: {device}: {error}"));
        rule.check(&table.lines, &Stacked::new(backend, &disks), warn)
            .map_err(|error| {
                let place = table.places.get(error.line.wrapping_sub(1)).copied();
                let moved = place.filter(|place| *place != error.line);
                let failure = Failure::from(DmError::from(error));
                let failure = failure.about("load", Some(device.to_string()));
                let failure = failure.hint("--label-policy off maps those sectors all the same");
                match moved {
                    Some(place) => {
                        failure.hint(format!("that line is line {place} of {}", table.source))
                    }
                    None => failure,
                }
            })
    }
}
