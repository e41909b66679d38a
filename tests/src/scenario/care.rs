//! What a script must take care of on a kernel.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use dm_core::backend::Backend;
use dm_core::command::{Command, ListFilter, RemoveMode, Reply, Slot};
use dm_core::error::DmError;
use dm_core::flags::DeviceFlags;
use dm_core::names::DmName;

/// A kernel removes a device so long after its last user closed it, at most.
const A_MOMENT: Duration = Duration::from_millis(120);

/// The devices of a script that need care, by their names.
#[derive(Default)]
pub(super) struct Care {
    /// A table was cleared beside an active one, and none was loaded since.
    cleared: BTreeSet<String>,
    /// To be removed when their last users close them.
    deferred: BTreeSet<DmName>,
}

impl Care {
    /// Whether `command` must be left out: quirk 27, which corrupts a kernel's memory.
    pub(super) fn leaves_out(&self, command: &Command) -> bool {
        let renames = matches!(command, Command::Rename { .. } | Command::SetUuid { .. });
        renames
            && command
                .device()
                .is_some_and(|device| self.cleared.contains(&device))
    }

    /// Notes what came of `command`, and waits for what may come of it still.
    pub(super) fn note(
        &mut self,
        command: &Command,
        end: &Result<Reply, DmError>,
        backend: &dyn Backend,
    ) {
        let Ok(reply) = end else { return };
        match (command, reply) {
            (Command::Clear { .. }, Reply::Device(info))
                if info.flags.contains(DeviceFlags::ACTIVE_PRESENT) =>
            {
                self.cleared.insert(info.name.to_string());
            }
            (Command::Load(_) | Command::Create(_), Reply::Device(info)) => {
                self.cleared.remove(info.name.as_str());
            }
            (Command::Rename { .. }, Reply::Device(_))
            | (
                Command::Remove {
                    mode: RemoveMode::Deferred,
                    ..
                }
                | Command::RemoveAll {
                    mode: RemoveMode::Deferred,
                },
                _,
            ) => self.look(backend),
            _ => {}
        }
        let closes = matches!(
            command,
            Command::Load(_)
                | Command::Clear { .. }
                | Command::Resume { .. }
                | Command::Remove { .. }
                | Command::RemoveAll { .. }
        );
        if closes {
            self.settle(backend);
        }
    }

    /// Waits until the devices that nobody has open any more are gone, if any are to go.
    pub(super) fn settle(&mut self, backend: &dyn Backend) {
        if !self.deferred.is_empty() {
            thread::sleep(A_MOMENT);
            self.look(backend);
        }
    }

    /// Looks which devices are to go.
    fn look(&mut self, backend: &dyn Backend) {
        self.deferred.clear();
        let Ok(Reply::Devices(devices)) = backend.call(Command::List(ListFilter::ALL)) else {
            return;
        };
        for device in devices {
            let command = Command::Info {
                device: device.name.clone().into(),
                slot: Slot::Active,
            };
            if let Ok(Reply::Device(info)) = backend.call(command)
                && info.flags.contains(DeviceFlags::DEFERRED_REMOVE)
            {
                self.deferred.insert(device.name);
            }
        }
    }
}
