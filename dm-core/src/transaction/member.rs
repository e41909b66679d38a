//! The devices of a transaction, as they are before it.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::Goal;
use crate::backend::Backend;
use crate::client::Dm;
use crate::command::{Create, Dep, DeviceInfo, Slot};
use crate::component::TableMode;
use crate::devid::{DevId, DevNo};
use crate::error::{DmError, ErrorKind};
use crate::flags::DeviceFlags;
use crate::names::DmName;
use crate::table::TableLine;
use crate::units::Sector;

/// A device of a transaction.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: DmName,
    pub(super) becomes: Becomes,
    /// As it was; none if it is new.
    pub(super) before: Option<Before>,
}

/// What becomes of it.
#[derive(Clone, Debug)]
pub(super) enum Becomes {
    New(Create, Table),
    Swapped(Table),
    Removed,
}

/// Lines, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) lines: Vec<TableLine>,
    pub(super) mode: TableMode,
}

/// What a device is before the transaction.
#[derive(Clone, Debug)]
pub(super) struct Before {
    pub(super) info: DeviceInfo,
    pub(super) active: Option<Table>,
    pub(super) inactive: Option<Table>,
    pub(super) deps: Vec<DevNo>,
}

impl Member {
    pub(super) fn of<B: Backend>(goal: &Goal, dm: &Dm<B>) -> Result<Member, DmError> {
        let (device, becomes) = match goal {
            Goal::Create(create, lines, mode) => {
                let table = Table {
                    lines: lines.clone(),
                    mode: *mode,
                };
                return Ok(Member {
                    name: create.name.clone(),
                    becomes: Becomes::New(create.clone(), table),
                    before: None,
                });
            }
            Goal::Swap(load) => {
                let (lines, mode) = (load.lines.clone(), load.mode);
                (&load.device, Becomes::Swapped(Table { lines, mode }))
            }
            Goal::Remove(device) => (device, Becomes::Removed),
        };
        let before = Before::of(device, dm)?;
        Ok(Member {
            name: before.info.name.clone(),
            becomes,
            before: Some(before),
        })
    }

    pub(super) fn id(&self) -> DevId {
        DevId::Name(self.name.clone())
    }

    /// The table that it gets.
    pub(super) fn table(&self) -> Option<&Table> {
        match &self.becomes {
            Becomes::New(_, table) | Becomes::Swapped(table) => Some(table),
            Becomes::Removed => None,
        }
    }

    /// Whether a table that names `word` stands on it.
    pub(super) fn is_named(&self, word: &str) -> bool {
        if word.strip_prefix("/dev/mapper/") == Some(self.name.as_str()) {
            return true;
        }
        self.before.as_ref().is_some_and(|before| {
            let number = before.info.number;
            let node = word.strip_prefix("/dev/dm-");
            word == number.to_string() || node == Some(number.minor.to_string().as_str())
        })
    }

    /// Whether its new table stands on `other`.
    pub(super) fn will_stand_on(&self, other: &Member) -> bool {
        let lines = self.table().map_or(&[][..], |table| &table.lines);
        let mut words = lines.iter().flat_map(|line| line.params.split_whitespace());
        words.any(|word| other.is_named(word))
    }

    /// Whether its old table stands on `other`.
    pub(super) fn stood_on(&self, other: &Member) -> bool {
        match (&self.before, &other.before) {
            (Some(before), Some(other)) => before.deps.contains(&other.info.number),
            _ => false,
        }
    }

    /// Whether it is longer afterwards.
    pub(super) fn grows(&self) -> bool {
        let before = self.before.as_ref().and_then(|it| it.active.as_ref());
        let end = |table: Option<&Table>| table.map_or(Sector::ZERO, Table::end);
        end(self.table()) > end(before)
    }
}

impl Table {
    fn end(&self) -> Sector {
        let end = |line: &TableLine| line.start.checked_add(line.length).unwrap_or(line.start);
        self.lines.last().map_or(Sector::ZERO, end)
    }
}

impl Before {
    pub(super) fn of<B: Backend>(device: &DevId, dm: &Dm<B>) -> Result<Before, DmError> {
        let info = dm.info(device.clone(), Slot::Active)?;
        let has = |flag| info.flags.contains(flag);
        let mode = match has(DeviceFlags::READ_ONLY) {
            true => TableMode::ReadOnly,
            false => TableMode::ReadWrite,
        };
        let table = |slot| {
            let lines = dm.table(device.clone(), slot)?.1;
            Ok::<_, DmError>(Some(Table { lines, mode }))
        };
        let active = match has(DeviceFlags::ACTIVE_PRESENT) {
            true => table(Slot::Active)?,
            false => None,
        };
        let inactive = match has(DeviceFlags::INACTIVE_PRESENT) {
            true => table(Slot::Inactive)?,
            false => None,
        };
        let deps = match active.is_some() {
            true => dm.deps(device.clone(), Slot::Active)?,
            false => Vec::new(),
        };
        let number = |dep: Dep| dep.number;
        Ok(Before {
            active,
            inactive,
            deps: deps.into_iter().map(number).collect(),
            info,
        })
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.info.flags.contains(DeviceFlags::SUSPENDED)
    }
}

/// Two goals for one device.
pub(super) fn twice(name: &DmName) -> DmError {
    let reason = "the device is twice in the transaction";
    DmError::because(ErrorKind::Invalid, reason).about("transaction", Some(name.to_string()))
}
