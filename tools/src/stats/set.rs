//! All regions of a device, and its groups.

use std::collections::BTreeMap;
use std::rc::Rc;

use dm_core::command::DeviceInfo;
use dm_core::error::{DmError, ErrorKind};
use dm_core::typed::stats::{self, Message, Print};
use dm_core::typed::{Reader, Text};
use dm_core::units::Sector;

use crate::backend::Driver;
use crate::units::Units;

use super::area::{Area, AreaKind, Counters};
use super::group::Group;
use super::histogram::Layout;
use super::region::Region;

/// The program that regions belong to unless another is said.
pub(crate) const PROGRAM: &str = "dmstats";

/// A device's regions.
#[derive(Debug)]
pub(crate) struct Set {
    device: Rc<str>,
    regions: Vec<Rc<Region>>,
    groups: BTreeMap<u64, Rc<Group>>,
}

bitflags::bitflags! {
    /// What of a set is looked at.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Walk: u8 {
        const AREAS = 1 << 0;
        const REGIONS = 1 << 1;
        const GROUPS = 1 << 2;
        /// A region of one area is not looked at twice.
        const ONCE = 1 << 3;
    }
}

impl Set {
    /// The regions of one program, or of all.
    pub(crate) fn list(
        dm: &Driver,
        info: &DeviceInfo,
        program: Option<&str>,
    ) -> Result<Set, DmError> {
        let message = Message::List(program.map(str::to_owned));
        let reply = tell(dm, info, &message)?;
        let mut regions = Vec::new();
        for line in reply.lines().filter(|line| !line.is_empty()) {
            let listed = read::<stats::Region>(line)?;
            regions.push(Rc::new(Region::new(&listed)));
        }
        let groups = regions.iter().filter_map(|region| region.leads.clone());
        let groups = groups.map(|group| (group.id(), Rc::new(group))).collect();
        Ok(Set {
            device: info.name.as_str().into(),
            regions,
            groups,
        })
    }

    /// The regions.
    pub(crate) fn regions(&self) -> &[Rc<Region>] {
        &self.regions
    }

    /// A region.
    pub(crate) fn region(&self, id: u64) -> Option<&Rc<Region>> {
        self.regions.iter().find(|region| region.id == id)
    }

    /// A group.
    pub(crate) fn group(&self, id: u64) -> Option<&Rc<Group>> {
        self.groups.get(&id)
    }

    /// The group that a region is in.
    pub(crate) fn group_of(&self, region: u64) -> Option<&Rc<Group>> {
        let mut groups = self.groups.values();
        groups.find(|group| group.members.0.contains(&region))
    }

    /// What there is to look at, without counters.
    pub(crate) fn walk(&self, walk: Walk, units: Units, layout: Layout) -> Vec<Area> {
        let one = |region: &Rc<Region>, kind, id, range| Area {
            device: self.device.clone(),
            region: region.clone(),
            group: self.group_of(region.id).cloned(),
            kind,
            id,
            range,
            counters: Counters::default(),
            interval: 0,
            units,
            layout,
        };
        let mut areas = Vec::new();
        if walk.contains(Walk::AREAS) {
            for region in &self.regions {
                for at in 0..region.areas() {
                    areas.push(one(region, AreaKind::Area, at, region.area(at)));
                }
            }
        }
        if walk.contains(Walk::REGIONS) {
            let once = walk.contains(Walk::AREAS | Walk::ONCE);
            let wanted = |region: &&Rc<Region>| !once || region.areas() > 1;
            for region in self.regions.iter().filter(wanted) {
                // As dmstats has it, a region's size is its own, and its area's that of each.
                let length = region.step;
                let range = stats::Range {
                    length,
                    ..region.range
                };
                areas.push(one(region, AreaKind::Region, 0, range));
            }
        }
        if walk.contains(Walk::GROUPS) {
            for group in self.groups.values() {
                let members = group.members.0.iter().filter_map(|id| self.region(*id));
                let length = members.map(|region| region.range.length).sum();
                if let Some(first) = self.region(group.id()) {
                    let start = first.range.start;
                    let range = stats::Range { start, length };
                    areas.push(one(first, AreaKind::Group, 0, range));
                }
            }
        }
        areas
    }

    /// The same with counters, which are zero from then on, as rates need it.
    pub(crate) fn count(
        &self,
        dm: &Driver,
        info: &DeviceInfo,
        areas: &mut [Area],
        interval: u64,
    ) -> Result<(), DmError> {
        let mut counted = BTreeMap::new();
        for region in &self.regions {
            let id = u32::try_from(region.id).unwrap_or(u32::MAX);
            let print = Print {
                region: id,
                areas: None,
            };
            let message = Message::PrintClear(print);
            let mut counters = Vec::new();
            for line in tell(dm, info, &message)?
                .lines()
                .filter(|line| !line.is_empty())
            {
                let read = read::<stats::Counters>(line)?;
                counters.push(Counters::of(region, &read));
            }
            counted.insert(region.id, counters);
        }
        let sum = |regions: &mut dyn Iterator<Item = u64>| {
            let mut sum = Counters::default();
            for counters in regions.filter_map(|id| counted.get(&id)).flatten() {
                sum.add(counters);
            }
            sum
        };
        for area in areas {
            area.interval = interval;
            area.counters = match (area.kind, &area.group) {
                (AreaKind::Area, _) => {
                    let of = counted.get(&area.region.id);
                    let at = usize::try_from(area.id).unwrap_or(usize::MAX);
                    of.and_then(|of| of.get(at)).cloned().unwrap_or_default()
                }
                (AreaKind::Group, Some(group)) => sum(&mut group.members.0.iter().copied()),
                _ => sum(&mut [area.region.id].into_iter()),
            };
        }
        Ok(())
    }
}

/// Tells a device something about its counters.
pub(crate) fn tell(dm: &Driver, info: &DeviceInfo, message: &Message) -> Result<String, DmError> {
    let reply = dm.message(info.name.clone(), Sector(0), message.to_string())?;
    Ok(reply.unwrap_or_default())
}

fn read<T: Text>(line: &str) -> Result<T, DmError> {
    let mut reader = Reader::new(line);
    T::read(&mut reader).map_err(|error| {
        let reason = format!("the driver says of its counters {line:?}: {error}");
        DmError::because(ErrorKind::Protocol, reason)
    })
}
