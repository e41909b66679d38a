//! A device as the journal keeps it.

use std::collections::BTreeMap;

use dm_core::command::{Command, DeviceEntry, ListFilter, Reply, Slot};
use dm_core::component::TableMode;
use dm_core::devid::DevId;
use dm_core::engine::{Cancel, Engine};
use dm_core::error::{DmError, ErrorKind};
use dm_core::flags::DeviceFlags;
use dm_core::table::TableLine;
use dm_proto::proplib::{Dictionary, Value};
use zeroize::Zeroize;

use crate::keys::Masked;

use super::attached::Block;

/// What is needed to make a device again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Saved {
    /// Its name.
    pub(super) name: String,
    /// Its uuid.
    pub(super) uuid: Option<String>,
    /// Its minor number.
    pub(super) minor: u32,
    /// Its io is held.
    pub(super) suspended: bool,
    /// What its active table may do.
    pub(super) mode: TableMode,
    /// What its inactive table may do.
    pub(super) inactive_mode: TableMode,
    /// A key is missing in its lines.
    pub(super) keyed: bool,
    /// Its active table; empty for none.
    pub(super) active: Vec<String>,
    /// Its inactive table; empty for none.
    pub(super) inactive: Vec<String>,
    /// Its block device.
    pub(super) block: Option<Block>,
    /// It goes with its last user, which is its block device.
    pub(super) deferred: bool,
}

impl Saved {
    /// The devices of an engine, but for those that go with their last user, unless that is their
    /// block device, of which others have the users.
    pub(super) fn all_of(
        engine: &Engine,
        blocks: &BTreeMap<u32, Block>,
    ) -> Result<Vec<Saved>, DmError> {
        let Reply::Devices(entries) =
            engine.call_with(Command::List(ListFilter::ALL), &Cancel::new())?
        else {
            return Err(DmError::new(ErrorKind::Protocol));
        };
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            let block = blocks.get(&entry.number.minor).copied();
            match Saved::of(engine, &entry, block) {
                Ok(saved) => all.extend(saved),
                // It went since the list was made; that is another command's change.
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    fn of(
        engine: &Engine,
        entry: &DeviceEntry,
        block: Option<Block>,
    ) -> Result<Option<Saved>, DmError> {
        let device = DevId::from(entry.number);
        let mut saved = Saved {
            minor: entry.number.minor,
            block,
            ..Saved::default()
        };
        for slot in [Slot::Active, Slot::Inactive] {
            let command = Command::Table {
                device: device.clone(),
                slot,
            };
            let Reply::Lines(info, mut lines) = engine.call_with(command, &Cancel::new())? else {
                return Err(DmError::new(ErrorKind::Protocol));
            };
            let masked = saved.mask(&lines);
            lines.iter_mut().for_each(|line| line.params.zeroize());
            saved.deferred = info.flags.contains(DeviceFlags::DEFERRED_REMOVE);
            if saved.deferred && block.is_none() {
                return Ok(None);
            }
            let mode = match info.flags.contains(DeviceFlags::READ_ONLY) {
                true => TableMode::ReadOnly,
                false => TableMode::ReadWrite,
            };
            match slot {
                Slot::Active => (saved.active, saved.mode) = (masked, mode),
                Slot::Inactive => (saved.inactive, saved.inactive_mode) = (masked, mode),
            }
            saved.name = info.name.as_str().into();
            saved.uuid = info.uuid.map(|uuid| uuid.as_str().into());
            saved.suspended = info.flags.contains(DeviceFlags::SUSPENDED);
        }
        Ok(Some(saved))
    }

    fn mask(&mut self, lines: &[TableLine]) -> Vec<String> {
        let masked = lines.iter().map(Masked::of);
        masked
            .map(|masked| {
                self.keyed |= masked.keyed;
                masked.text
            })
            .collect()
    }

    /// As the journal's dictionary has it.
    pub(super) fn write(&self) -> Dictionary {
        let mut dictionary = Dictionary::new();
        let lines = |lines: &[String]| lines.iter().map(String::as_str).collect::<Value>();
        dictionary
            .set("name", self.name.as_str())
            .set("minor", self.minor)
            .set("suspended", self.suspended)
            .set("read_only", self.mode == TableMode::ReadOnly)
            .set(
                "inactive_read_only",
                self.inactive_mode == TableMode::ReadOnly,
            )
            .set("keyed", self.keyed)
            .set("active", lines(&self.active))
            .set("inactive", lines(&self.inactive));
        if let Some(uuid) = &self.uuid {
            dictionary.set("uuid", uuid.as_str());
        }
        if let Some(block) = self.block {
            let mut ublk = Dictionary::new();
            ublk.set("number", block.number).set("mark", block.mark);
            dictionary.set("ublk", ublk).set("deferred", self.deferred);
        }
        dictionary
    }

    /// What a journal's dictionary holds, if it has a name and a minor number.
    pub(super) fn read(dictionary: &Dictionary) -> Option<Saved> {
        let flag = |key| dictionary.bool(key).unwrap_or_default();
        let mode = |key| {
            if flag(key) {
                TableMode::ReadOnly
            } else {
                TableMode::ReadWrite
            }
        };
        let lines = |key| {
            let lines = dictionary.array(key).unwrap_or_default();
            lines
                .iter()
                .map(|line| line.string().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        };
        Some(Saved {
            name: dictionary.string("name")?.into(),
            uuid: dictionary.string("uuid").map(str::to_owned),
            minor: dictionary.uint32("minor")?,
            suspended: flag("suspended"),
            mode: mode("read_only"),
            inactive_mode: mode("inactive_read_only"),
            keyed: flag("keyed"),
            active: lines("active")?,
            inactive: lines("inactive")?,
            block: dictionary.dict("ublk").and_then(|ublk| {
                Some(Block {
                    number: ublk.uint32("number")?,
                    mark: ublk.uint64("mark")?,
                })
            }),
            deferred: flag("deferred"),
        })
    }
}
