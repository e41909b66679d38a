//! The sectors of a disk that are its labels', and a segment that maps one of them.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::units::{Sector, SectorCount, SectorRange};

use super::port::Port;
use super::survey::Survey;

/// Sectors of a disk that a mapped device must leave alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kept {
    /// Which.
    pub range: SectorRange,
    /// The sector that holds a label now.
    pub label: Option<Sector>,
    /// Whose they are.
    pub keeper: Keeper,
}

/// Whose sectors those are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keeper {
    /// The disk's, for the boot blocks and the label of a port.
    Disk(Port),
    /// Those of a partition of its MBR, by number.
    Partition(u8),
}

/// A segment that maps sectors which belong to a disk's label.
///
/// Displays as `sector 1 of /dev/sda holds its disklabel (amd64 keeps sectors 0 to 64): offset 65
/// is free`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Clash {
    /// What the disk is called.
    pub disk: String,
    /// The sectors of the disk that the segment maps.
    pub maps: SectorRange,
    /// Those of them that are not for it.
    pub kept: Kept,
    /// The offset in the table line that would do.
    pub offset: Sector,
}

impl Kept {
    /// All such sectors of a disk, by the rule of `port`.
    pub fn of(port: Port, survey: &Survey) -> Vec<Kept> {
        let at_start = survey.labels.iter().find(|found| found.partition.is_none());
        let mut kept = alloc::vec![Kept {
            range: SectorRange::from_zero(port.reserved()),
            label: at_start.map(|found| found.sector()),
            keeper: Keeper::Disk(port),
        }];
        for found in &survey.labels {
            // The boot block of the partition, and the label behind or in it.
            let range = SectorRange::new(found.base, SectorCount(2));
            if let (Some(number), Some(range)) = (found.partition, range) {
                kept.push(Kept {
                    range,
                    label: Some(found.sector()),
                    keeper: Keeper::Partition(number),
                });
            }
        }
        kept
    }

    /// Whether a run touches these sectors.
    pub fn meets(&self, range: SectorRange) -> bool {
        range.start() < self.range.end() && self.range.start() < range.end()
    }
}

impl Clash {
    /// Holds sectors `maps` of a disk against those that are kept. `start` is where offsets count
    /// from: the start of the partition that the table line names.
    pub(super) fn find(
        disk: &str,
        start: Sector,
        maps: SectorRange,
        kept: &[Kept],
    ) -> Option<Clash> {
        // A label that is there says more than the rule.
        let meeting = || kept.iter().filter(|kept| kept.meets(maps));
        let worst = meeting()
            .find(|kept| kept.label.is_some_and(|at| covers(maps, at)))
            .or_else(|| meeting().next())?;
        let free = first_free(maps, kept);
        Some(Clash {
            disk: disk.into(),
            maps,
            kept: *worst,
            offset: Sector(free.0.saturating_sub(start.0)),
        })
    }
}

fn covers(range: SectorRange, sector: Sector) -> bool {
    range.start() <= sector && sector < range.end()
}

/// The first place from the run's start on where a run of its length meets nothing.
fn first_free(range: SectorRange, kept: &[Kept]) -> Sector {
    let mut at = range;
    // Each step goes behind one of them, so that there are no more steps than those.
    for _ in kept {
        let behind = kept.iter().filter(|kept| kept.meets(at));
        let Some(next) = behind.map(|kept| kept.range.end()).max() else {
            break;
        };
        match at.moved_to(next) {
            Some(moved) => at = moved,
            None => return next,
        }
    }
    at.start()
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (disk, kept) = (&self.disk, &self.kept.range);
        let (first, last) = (kept.start(), kept.end().0.saturating_sub(1));
        match (self.kept.keeper, self.kept.label) {
            (Keeper::Disk(port), Some(label)) => write!(
                f,
                "sector {label} of {disk} holds its disklabel, and {port} keeps sectors {first} to {last}"
            )?,
            (Keeper::Disk(port), None) => write!(
                f,
                "{port} keeps sectors {first} to {last} of {disk} for its boot blocks and disklabel"
            )?,
            (Keeper::Partition(number), label) => write!(
                f,
                "sector {} of {disk} holds the disklabel of its partition {number}, which keeps sectors {first} to {last}",
                label.unwrap_or(first)
            )?,
        }
        write!(f, ": offset {} is free", self.offset)
    }
}
