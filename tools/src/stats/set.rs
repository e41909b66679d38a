//! All regions of a device, and its groups.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use dm_core::command::DeviceInfo;
use dm_core::error::{DmError, ErrorKind};
use dm_core::table::EscapedWord;
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
            let listed = read::<stats::Region>(&in_words(line))?;
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

/// A region's line, with backslashes before the blanks in what the program says of it: the driver
/// writes none, and the features behind it are known.
fn in_words(line: &str) -> Cow<'_, str> {
    let fields = line.match_indices(' ').map(|(at, _)| at + 1).nth(3);
    let Some((head, rest)) = fields.map(|at| line.split_at(at)) else {
        return line.into();
    };
    let is_feature = |word: &str| word == "precise_timestamps" || word.starts_with("histogram:");
    let mut aux = rest;
    while let Some((before, last)) = aux.rsplit_once(' ')
        && is_feature(last)
    {
        aux = before;
    }
    let features = &rest[aux.len()..];
    format!("{head}{}{features}", EscapedWord(aux)).into()
}

fn read<T: Text>(line: &str) -> Result<T, DmError> {
    let mut reader = Reader::new(line);
    T::read(&mut reader).map_err(|error| {
        let reason = format!("the driver says of its counters {line:?}: {error}");
        DmError::because(ErrorKind::Protocol, reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_in_what_a_region_says_are_its_own() {
        let listed = |line: &str| read::<stats::Region>(&in_words(line)).unwrap();
        let region = listed("3: 8+16 16 dmstats DMS_GROUP=\"a b\tc\":3-4#- precise_timestamps");
        assert_eq!(region.aux, "DMS_GROUP=\"a b\tc\":3-4#-");
        assert_eq!(region.features, ["precise_timestamps"]);
        let region = listed("0: 0+8 8 - back\\slash histogram:1,2");
        assert_eq!(
            (region.aux.as_str(), region.features.len()),
            ("back\\slash", 1)
        );
        assert_eq!(listed("0: 0+8 8 - -").aux, "-");
    }
}
