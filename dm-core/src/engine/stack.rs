//! Which mapped device stands on which.

use std::collections::{BTreeMap, BTreeSet};

use crate::component::{Component, OpenError};
use crate::errno::Errno;

use super::device::Core;
use super::registry::{Inner, MAPPED_MAJOR};

/// How many mapped devices may stand on each other: a request uses some of a thread's stack for
/// each.
pub(super) const DEPTH_MAX: usize = 64;

/// The mapped devices, by minor number, and on which others each one's tables stand.
pub(super) struct Stack {
    below: BTreeMap<u32, BTreeSet<u32>>,
    above: BTreeMap<u32, BTreeSet<u32>>,
}

impl Stack {
    /// The devices of `engine` as they are.
    pub(super) fn of(engine: &Inner) -> Stack {
        let mut stack = Stack {
            below: BTreeMap::new(),
            above: BTreeMap::new(),
        };
        for core in engine.all() {
            for base in mapped_below(&core) {
                stack
                    .below
                    .entry(core.number.minor)
                    .or_default()
                    .insert(base);
                stack
                    .above
                    .entry(base)
                    .or_default()
                    .insert(core.number.minor);
            }
        }
        stack
    }

    /// Refuses a table of `owner` that stands on `base`, if `base` stands on `owner` already, or
    /// the stack gets too deep.
    pub(super) fn check(&self, owner: &Core, base: &Core) -> Result<(), OpenError> {
        let (owner, base) = (owner.number.minor, base.number.minor);
        if owner == base || reaches(&self.below, base, owner) {
            return Err(OpenError::new(
                Errno::ELOOP,
                "the device would stand on itself",
            ));
        }
        let levels = longest(&self.below, base, &mut BTreeMap::new())
            + longest(&self.above, owner, &mut BTreeMap::new());
        match levels > DEPTH_MAX {
            true => Err(OpenError::new(
                Errno::ELOOP,
                format!("the stack would be more than {DEPTH_MAX} devices deep"),
            )),
            false => Ok(()),
        }
    }
}

/// The mapped devices that any table of `core` stands on.
fn mapped_below(core: &Core) -> BTreeSet<u32> {
    let mut minors = BTreeSet::new();
    for table in core.tables() {
        let numbers = table.components().map(Component::number);
        let mapped = numbers.filter(|number| number.major == MAPPED_MAJOR);
        minors.extend(mapped.map(|number| number.minor));
    }
    minors
}

/// Whether `edges` lead from `from` to `to`.
fn reaches(edges: &BTreeMap<u32, BTreeSet<u32>>, from: u32, to: u32) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        if next == to {
            return true;
        }
        if seen.insert(next) {
            open.extend(edges.get(&next).into_iter().flatten());
        }
    }
    false
}

/// How many devices the longest way along `edges` from `from` has, with it. The edges have no
/// circle, since no table that closes one is loaded, and no way is longer than [`DEPTH_MAX`].
fn longest(
    edges: &BTreeMap<u32, BTreeSet<u32>>,
    from: u32,
    known: &mut BTreeMap<u32, usize>,
) -> usize {
    if let Some(length) = known.get(&from) {
        return *length;
    }
    let next = edges.get(&from).into_iter().flatten();
    let length = 1 + next
        .map(|next| longest(edges, *next, known))
        .max()
        .unwrap_or(0);
    known.insert(from, length);
    length
}
