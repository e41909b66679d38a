//! `dmctl save`: the devices as a file for `apply`.

use clap::Args;
use dm_core::command::{DeviceEntry, Slot};
use dm_core::devid::DevNo;
use dm_core::flags::DeviceFlags;
use dm_core::table::{EscapedWord, TableLine, Words};

use crate::failure::Failure;
use crate::keys;
use crate::output::Answer;

use super::commands::Run;
use super::description::{Described, Description};
use super::devices::{Devices, nodes};
use super::session::Session;

/// Devices that are to be described, for dmctl apply.
#[derive(Debug, Args)]
pub(super) struct Save {
    #[command(flatten)]
    devices: Devices,
    /// With keys, which are left out otherwise: such a device can not be applied then
    #[arg(long)]
    showkeys: bool,
}

impl Run for Save {
    fn run(self, session: &Session, answer: &mut Answer) -> Result<(), Failure> {
        let dm = session.dm()?;
        let all = dm.list()?;
        let mut description = Description::default();
        let mut seen = Answer::default();
        let done = session.show_each(&mut seen, &self.devices, |_, device, _| {
            let (info, mut lines) = dm.table(device, Slot::Active)?;
            let before = lines.clone();
            if !self.showkeys {
                lines.iter_mut().for_each(keys::hide);
            }
            let keys_left_out = lines != before;
            // Their numbers are others the next time.
            lines.iter_mut().for_each(|line| by_name(line, &all));
            let table: String = lines.iter().map(|line| format!("{line}\n")).collect();
            description.device.push(Described {
                name: info.name.to_string(),
                uuid: info.uuid.as_ref().map(ToString::to_string),
                read_only: info.flags.contains(DeviceFlags::READ_ONLY),
                keys_left_out,
                table,
            });
            Ok(serde_json::Value::Null)
        });
        // Where nothing could be described, nothing is said that one could apply.
        if done.is_ok() || !description.device.is_empty() {
            answer.text = description.to_string();
            answer.field("description", answer.text.clone());
        }
        done
    }
}

/// Calls the mapped devices on which a line stands by their names.
fn by_name(line: &mut TableLine, all: &[DeviceEntry]) {
    let mut words = Vec::new();
    let mut changed = false;
    let mut rest = Words::new(&line.params);
    while let Ok(word) = rest.next("word") {
        let number: Option<DevNo> = word.text.parse().ok();
        let entry = all.iter().find(|entry| Some(entry.number) == number);
        changed |= entry.is_some();
        words.push(match entry {
            Some(entry) => EscapedWord(&format!("{}{}", nodes(), entry.name)).to_string(),
            None => EscapedWord(&word.text).to_string(),
        });
    }
    if changed {
        line.params = words.join(" ");
    }
}
