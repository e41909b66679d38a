//! What happened to devices between two lists of them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::command::DeviceEntry;
use crate::names::DmName;

/// What happened to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// It was made.
    Added(DeviceEntry),
    /// It was removed.
    Removed(DeviceEntry),
    /// It has another name.
    Renamed {
        /// The name that it had.
        from: DmName,
        /// What it is now.
        device: DeviceEntry,
    },
    /// It got its uuid.
    Identified(DeviceEntry),
    /// It raised events: a target did, or its table or name was changed.
    Raised {
        /// Its event number before.
        before: u32,
        /// What it is now.
        device: DeviceEntry,
    },
}

/// What happened between two lists, in the order of the devices' numbers; one device may be in
/// several differences.
///
/// A device is known by its number. One that was removed and made again in between is told from
/// the old one only if its event number is lower than that one's.
pub fn differences(before: &[DeviceEntry], now: &[DeviceEntry]) -> Vec<Difference> {
    let by_number = |list: &[DeviceEntry]| -> BTreeMap<_, DeviceEntry> {
        list.iter().map(|it| (it.number, it.clone())).collect()
    };
    let (old, new) = (by_number(before), by_number(now));
    let mut found = Vec::new();
    for (number, was) in &old {
        match new.get(number) {
            None => found.push(Difference::Removed(was.clone())),
            Some(is) if is.event < was.event => {
                found.push(Difference::Removed(was.clone()));
                found.push(Difference::Added(is.clone()));
            }
            Some(is) => compare(was, is, &mut found),
        }
    }
    let added = new
        .into_iter()
        .filter(|(number, _)| !old.contains_key(number));
    found.extend(added.map(|(_, device)| Difference::Added(device)));
    found
}

fn compare(was: &DeviceEntry, is: &DeviceEntry, found: &mut Vec<Difference>) {
    let device = || is.clone();
    if is.name != was.name {
        let from = was.name.clone();
        let device = device();
        found.push(Difference::Renamed { from, device });
    }
    if is.uuid != was.uuid {
        found.push(Difference::Identified(device()));
    }
    if let (Some(before), Some(event)) = (was.event, is.event)
        && event != before
    {
        let device = device();
        found.push(Difference::Raised { before, device });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devid::DevNo;
    use crate::names::DmUuid;
    use alloc::vec;

    fn entry(name: &str, minor: u32, event: u32) -> DeviceEntry {
        let number = DevNo { major: 253, minor };
        let mut entry = DeviceEntry::new(DmName::new(name).unwrap(), number);
        entry.event = Some(event);
        entry
    }

    #[test]
    fn each_kind_is_told() {
        let before = [entry("gone", 0, 1), entry("old", 1, 1), entry("same", 2, 7)];
        let mut named = entry("new", 1, 2);
        named.uuid = Some(DmUuid::new("U").unwrap());
        let now = [named.clone(), entry("same", 2, 7), entry("more", 3, 0)];
        let expected = vec![
            Difference::Removed(before[0].clone()),
            Difference::Renamed {
                from: DmName::new("old").unwrap(),
                device: named.clone(),
            },
            Difference::Identified(named.clone()),
            Difference::Raised {
                before: 1,
                device: named,
            },
            Difference::Added(entry("more", 3, 0)),
        ];
        assert_eq!(differences(&before, &now), expected);
        assert_eq!(differences(&now, &now), vec![]);
    }

    #[test]
    fn device_made_anew_is_another() {
        let (was, is) = (entry("vol0", 0, 5), entry("vol0", 0, 1));
        let expected = vec![
            Difference::Removed(was.clone()),
            Difference::Added(is.clone()),
        ];
        assert_eq!(differences(&[was], &[is]), expected);
    }
}
