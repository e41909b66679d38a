//! The driver's devices.

use dm_core::devid::DevNo;
use dm_core::units::SectorCount;

use crate::proplib::Text;

use super::super::flags::WireFlags;
use super::entry::{Base, Entry};

/// Bytes of a name that the driver keeps.
pub(super) const NAME_MAX: usize = 127;

/// Bytes of a uuid that the driver keeps and can end.
pub(super) const UUID_MAX: usize = 128;

/// A device.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) minor: u32,
    /// Any bytes, none too.
    pub(super) name: Text,
    /// Empty if there is none.
    pub(super) uuid: Text,
    /// What the driver notes of it, which goes stale: the slots themselves tell what they hold.
    pub(super) flags: WireFlags,
    slots: [Vec<Entry>; 2],
    /// Which slot is the active one.
    active: usize,
    /// The engine's device for it, if there is one.
    pub(super) twin: Option<DevNo>,
    /// Whether that was ever given a table.
    pub(super) laid_out: bool,
}

impl Device {
    pub(super) fn new(minor: u32, name: Text, uuid: Text, flags: WireFlags) -> Device {
        Device {
            minor,
            name,
            uuid,
            flags,
            slots: [Vec::new(), Vec::new()],
            active: 0,
            twin: None,
            laid_out: false,
        }
    }

    /// The number of the active slot.
    pub(super) fn active_slot(&self) -> usize {
        self.active
    }

    pub(super) fn active(&self) -> &[Entry] {
        &self.slots[self.active]
    }

    pub(super) fn inactive(&self) -> &[Entry] {
        &self.slots[1 - self.active]
    }

    pub(super) fn clear_inactive(&mut self) {
        self.slots[1 - self.active].clear();
    }

    /// Puts lines in front of those that the inactive slot holds.
    pub(super) fn load(&mut self, entries: Vec<Entry>) {
        self.slots[1 - self.active].splice(0..0, entries);
    }

    /// Makes the inactive slot the active one, and empties the other.
    pub(super) fn switch(&mut self) {
        self.active = 1 - self.active;
        self.clear_inactive();
    }

    /// The minor numbers of the devices that its io goes to, as often as its active table names them.
    pub(super) fn below(&self) -> impl Iterator<Item = u32> {
        let legs = self.active().iter().flat_map(|entry| &entry.legs);
        legs.filter_map(|leg| match leg.base {
            Base::Mapped(minor) => Some(minor),
            Base::Disk(_) => None,
        })
    }

    /// Its length: the sum of its lines', wherever they lie.
    pub(super) fn size(&self) -> SectorCount {
        let sum = |sum: u64, entry: &Entry| sum.wrapping_add(entry.length);
        SectorCount(self.active().iter().fold(0, sum))
    }
}
