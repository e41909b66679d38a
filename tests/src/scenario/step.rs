//! What a script can do.

use dm_core::command::{
    Command, Create, ListFilter, Load, LockFs, RemoveMode, Slot, SuspendOptions,
};
use dm_core::devid::DevId;
use dm_core::names::{DmName, DmUuid};
use dm_core::target::FlushMode;
use dm_core::units::Sector;

/// One step of a script. Tables are text; `$0` to `$3` in them are the base devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Asks the driver.
    Ask(Command),
    /// Loads a table that is given as text, wrong or not.
    Load {
        /// Into which device.
        device: String,
        /// The lines.
        table: String,
        /// What it may do to its devices.
        mode: dm_core::component::TableMode,
    },
    /// Opens a device and keeps it open.
    Open(String),
    /// Closes what was opened last of that device.
    Close(String),
    /// Writes sectors full of one byte.
    Write {
        /// Which device.
        device: String,
        /// From where.
        start: u64,
        /// How many sectors.
        count: u64,
        /// Of what.
        byte: u8,
    },
    /// Reads sectors; the transcript has a sum of them.
    Read {
        /// Which device.
        device: String,
        /// From where.
        start: u64,
        /// How many sectors.
        count: u64,
    },
    /// Waits for an event on another thread, and does the steps meanwhile.
    WaitWhile {
        /// Which device.
        device: String,
        /// The number that the waiter knows.
        event: u32,
        /// What happens meanwhile.
        steps: Vec<Step>,
    },
}

/// A name that a script's author knows to be one.
///
/// # Panics
/// If it is none.
pub fn name(text: &str) -> DmName {
    DmName::new(text).expect("a script's device name")
}

fn id(text: &str) -> DevId {
    name(text).into()
}

/// Makes a device.
pub fn create(device: &str) -> Step {
    Step::Ask(Command::Create(Create::new(name(device))))
}

/// Makes a device with a uuid.
///
/// # Panics
/// If it is no uuid.
pub fn create_uuid(device: &str, uuid: &str) -> Step {
    let uuid = DmUuid::new(uuid).expect("a script's uuid");
    Step::Ask(Command::Create(Create::new(name(device)).uuid(uuid)))
}

/// Makes a device with a minor number.
pub fn create_minor(device: &str, minor: u32) -> Step {
    Step::Ask(Command::Create(Create::new(name(device)).minor(minor)))
}

/// Loads a table.
pub fn load(device: &str, table: &str) -> Step {
    let mode = dm_core::component::TableMode::ReadWrite;
    Step::Load {
        device: device.into(),
        table: table.into(),
        mode,
    }
}

/// Loads a read-only table.
pub fn load_ro(device: &str, table: &str) -> Step {
    let mode = dm_core::component::TableMode::ReadOnly;
    Step::Load {
        device: device.into(),
        table: table.into(),
        mode,
    }
}

/// Resumes.
pub fn resume(device: &str) -> Step {
    Step::Ask(Command::Resume {
        device: id(device),
        options: SuspendOptions::default(),
    })
}

/// Suspends.
pub fn suspend(device: &str) -> Step {
    Step::Ask(Command::Suspend {
        device: id(device),
        options: SuspendOptions::default(),
    })
}

/// Suspends without flush and without freezing a filesystem.
pub fn suspend_noflush(device: &str) -> Step {
    let options = SuspendOptions::new(FlushMode::NoFlush, LockFs::Skip);
    Step::Ask(Command::Suspend {
        device: id(device),
        options,
    })
}

/// Empties the inactive slot.
pub fn clear(device: &str) -> Step {
    Step::Ask(Command::Clear { device: id(device) })
}

/// Removes.
pub fn remove(device: &str) -> Step {
    Step::Ask(Command::Remove {
        device: id(device),
        mode: RemoveMode::IfUnused,
    })
}

/// Removes when the last user closes.
pub fn remove_deferred(device: &str) -> Step {
    Step::Ask(Command::Remove {
        device: id(device),
        mode: RemoveMode::Deferred,
    })
}

/// Removes, after it made the io of who has it open fail.
pub fn remove_forced(device: &str) -> Step {
    Step::Ask(Command::Remove {
        device: id(device),
        mode: RemoveMode::Forced,
    })
}

/// Removes all, what is in use when its last user closes it.
pub fn remove_all_deferred() -> Step {
    Step::Ask(Command::RemoveAll {
        mode: RemoveMode::Deferred,
    })
}

/// Removes all that is not in use.
pub fn remove_all() -> Step {
    Step::Ask(Command::RemoveAll {
        mode: RemoveMode::IfUnused,
    })
}

/// Gives another name.
pub fn rename(device: &str, to: &str) -> Step {
    Step::Ask(Command::Rename {
        device: id(device),
        name: name(to),
    })
}

/// Gives a uuid.
///
/// # Panics
/// If it is none.
pub fn set_uuid(device: &str, uuid: &str) -> Step {
    let uuid = DmUuid::new(uuid).expect("a script's uuid");
    Step::Ask(Command::SetUuid {
        device: id(device),
        uuid,
    })
}

/// Asks what a device is, with its active table.
pub fn info(device: &str) -> Step {
    Step::Ask(Command::Info {
        device: id(device),
        slot: Slot::Active,
    })
}

/// Asks what a device is, with its inactive table.
pub fn info_inactive(device: &str) -> Step {
    Step::Ask(Command::Info {
        device: id(device),
        slot: Slot::Inactive,
    })
}

/// Asks by uuid.
///
/// # Panics
/// If it is none.
pub fn info_uuid(uuid: &str) -> Step {
    let device = DmUuid::new(uuid).expect("a script's uuid").into();
    Step::Ask(Command::Info {
        device,
        slot: Slot::Active,
    })
}

/// Asks for the active table.
pub fn table(device: &str) -> Step {
    Step::Ask(Command::Table {
        device: id(device),
        slot: Slot::Active,
    })
}

/// Asks for the inactive table.
pub fn table_inactive(device: &str) -> Step {
    Step::Ask(Command::Table {
        device: id(device),
        slot: Slot::Inactive,
    })
}

/// Asks for the status.
pub fn status(device: &str) -> Step {
    let flush = FlushMode::Flush;
    Step::Ask(Command::Status {
        device: id(device),
        slot: Slot::Active,
        flush,
    })
}

/// Asks for the status of the inactive table.
pub fn status_inactive(device: &str) -> Step {
    let flush = FlushMode::Flush;
    Step::Ask(Command::Status {
        device: id(device),
        slot: Slot::Inactive,
        flush,
    })
}

/// Asks what a device stands on.
pub fn deps(device: &str) -> Step {
    Step::Ask(Command::Deps {
        device: id(device),
        slot: Slot::Active,
    })
}

/// Asks what a device's inactive table stands on.
pub fn deps_inactive(device: &str) -> Step {
    Step::Ask(Command::Deps {
        device: id(device),
        slot: Slot::Inactive,
    })
}

/// Lists the devices.
pub fn list() -> Step {
    Step::Ask(Command::List(ListFilter::ALL))
}

/// Waits for another event than `event` while the steps are done.
pub fn wait_while(device: &str, event: u32, steps: Vec<Step>) -> Step {
    Step::WaitWhile {
        device: device.into(),
        event,
        steps,
    }
}

/// Waits for an event.
pub fn wait(device: &str, event: u32) -> Step {
    Step::Ask(Command::Wait {
        device: id(device),
        event,
        flush: FlushMode::Flush,
    })
}

/// Sends a message.
pub fn message(device: &str, sector: u64, text: &str) -> Step {
    Step::Ask(Command::Message {
        device: id(device),
        sector: Sector(sector),
        text: text.into(),
    })
}

/// Writes sectors full of one byte.
pub fn write(device: &str, start: u64, count: u64, byte: u8) -> Step {
    Step::Write {
        device: device.into(),
        start,
        count,
        byte,
    }
}

/// Reads sectors.
pub fn read(device: &str, start: u64, count: u64) -> Step {
    Step::Read {
        device: device.into(),
        start,
        count,
    }
}

/// Opens.
pub fn open(device: &str) -> Step {
    Step::Open(device.into())
}

/// Closes.
pub fn close(device: &str) -> Step {
    Step::Close(device.into())
}

impl Step {
    /// The command for a table that parses, else why it does not.
    pub(super) fn load_command(
        device: &str,
        table: &str,
        mode: dm_core::component::TableMode,
    ) -> Result<Command, dm_core::table::TableError> {
        let lines = dm_core::table::TableLine::parse_table(table)?;
        let load = Load::new(name(device), lines);
        Ok(Command::Load(match mode {
            dm_core::component::TableMode::ReadOnly => load.read_only(),
            dm_core::component::TableMode::ReadWrite => load,
        }))
    }
}
